"""The keys that the API itself and the providers who speak it use. Any other key is somebody's words, and so a text."""

from __future__ import annotations

_MESSAGES = """
messages role content name type text refusal tool_calls tool_call_id function custom arguments input id index output
image_url url detail input_audio data format file file_data file_id filename audio function_call reasoning
reasoning_content reasoning_details reasoning_text thinking signature summary cache_control extra_content
"""

_REQUESTS = """
model stream stream_options include_usage include_obfuscation tools tool_choice parallel_tool_calls functions metadata
prediction stop response_format json_schema user web_search_options user_location approximate city country region
timezone search_context_size temperature top_p top_k min_p n max_tokens max_completion_tokens seed store logprobs
top_logprobs logit_bias presence_penalty frequency_penalty repetition_penalty modalities voice service_tier verbosity
reasoning_effort effort prompt_cache_key prompt_cache_retention safety_identifier parameters description strict schema
properties required additionalProperties items enum anyOf oneOf allOf not const default examples title pattern minimum
maximum minItems maxItems minLength maxLength exclusiveMinimum exclusiveMaximum nullable $schema $ref $defs definitions
grammar syntax definition allowed_tools mode
"""

_REPLIES = """
object created choices message delta finish_reason native_finish_reason stop_reason system_fingerprint usage obfuscation
annotations url_citation start_index end_index token bytes logprob transcript expires_at encrypted_content channel
provider citations error code param status prompt_tokens completion_tokens total_tokens prompt_tokens_details
completion_tokens_details cached_tokens audio_tokens text_tokens image_tokens video_tokens reasoning_tokens
accepted_prediction_tokens rejected_prediction_tokens cache_write_tokens prompt_cache_hit_tokens
prompt_cache_miss_tokens cost cost_details queue_time prompt_time completion_time total_time x_groq token_ids
content_filter_results content_filter_offsets prompt_filter_results prompt_token_ids hate sexual violence self_harm
filtered severity search_results results score matched_stop
"""

_COMPLETIONS = """
prompt suffix best_of echo tokens token_logprobs text_offset dimensions encoding_format embedding
"""

NAMES = frozenset(f"{_MESSAGES} {_REQUESTS} {_REPLIES} {_COMPLETIONS}".split())


def unknown(key: str) -> bool:
    """Whether a key says something that the API does not."""
    return key not in NAMES and bool(key)
