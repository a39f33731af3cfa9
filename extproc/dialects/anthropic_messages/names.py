"""The keys that the API itself uses. Any other key is somebody's words, and so a text."""

from __future__ import annotations

_MESSAGES = """
messages system role content name type text id input tool_use_id is_error source media_type data url file_id title
context citations enabled cache_control ttl scope thinking signature caller tool_id tool_name tool_references
encrypted_content encrypted_index encrypted_stdout page_age retrieved_at stdout stderr return_code error_code
error_message file_type num_lines start_line total_lines is_file_update lines old_lines old_start new_lines new_start
server_name from to start_block_index end_block_index search_result_index
"""

_REQUESTS = """
model max_tokens stream temperature top_p top_k stop_sequences metadata user_id service_tier tools tool_choice
description input_schema input_examples strict defer_loading allowed_callers eager_input_streaming
disable_parallel_tool_use budget_tokens display mcp_servers authorization_token tool_configuration allowed_tools
default_config configs mcp_server_name container skills skill_id version context_management edits trigger value keep
clear_at_least clear_tool_inputs exclude_tools instructions pause_after_compaction output_config output_format effort
format schema task_budget total remaining inference_geo speed fallbacks prefill diagnostics
previous_message_id user_profile_id workspace_id max_uses allowed_domains blocked_domains
user_location city country region timezone max_content_tokens display_width_px display_height_px display_number
enable_zoom max_characters properties required additionalProperties items enum anyOf oneOf allOf not const default
examples pattern minimum maximum minItems maxItems minLength maxLength exclusiveMinimum exclusiveMaximum nullable
$schema $ref $defs definitions
"""

_REPLIES = """
message index delta content_block partial_json citation cited_text document_index document_title start_char_index
end_char_index start_page_number end_page_number stop_reason stop_sequence stop_details category explanation usage
input_tokens output_tokens cache_creation_input_tokens cache_read_input_tokens cache_creation
ephemeral_5m_input_tokens ephemeral_1h_input_tokens output_tokens_details thinking_tokens server_tool_use
web_search_requests web_fetch_requests iterations expires_at applied_edits cache_miss_reason
cache_missed_input_tokens cleared_tool_uses cleared_input_tokens
cleared_thinking_turns original_input_tokens abort_reason error request_id code policy
"""

NAMES = frozenset(f"{_MESSAGES} {_REQUESTS} {_REPLIES}".split())


def unknown(key: str) -> bool:
    """Whether a key says something that the API does not."""
    return key not in NAMES and bool(key)
