"""The keys of the Responses API and of the providers who speak it. Any other key is somebody's words, and so a text."""

from __future__ import annotations

from extproc.dialects.openai_chat.names import NAMES as _CHAT

_REQUESTS = """
instructions previous_response_id conversation prompt version variables include background truncation
max_output_tokens max_tool_calls reasoning generate_summary context text client_metadata context_management
compact_threshold input_text output_text input_image input_file file_url summary_text prompt_id
"""

_TOOLS = """
server_label server_url server_description connector_id authorization headers require_approval always never
allowed_tools tool_names read_only defer_loading vector_store_ids max_num_results filters key operator value
ranking_options ranker score_threshold hybrid_search embedding_weight text_weight allowed_domains blocked_domains
external_web_access container container_id file_ids memory_limit network_policy environment display_width
display_height background_color quality size output_format output_compression moderation input_fidelity
input_image_mask partial_images execution allowed_callers input_schema output_schema annotations search_content_types
return_token_budget skills
"""

_ITEMS = """
item item_id call_id approval_request_id approve reason phase action command commands env timeout_ms working_directory
max_output_length operation path diff stdout stderr outcome exit_code code outputs logs query queries sources
attributes results result revised_prompt pattern x y scroll_x scroll_y button keys drag acknowledged_safety_checks
pending_safety_checks server fingerprint caller caller_id goal created_by encrypted_content tools output namespace
"""

_REPLIES = """
response output_index content_index summary_index annotation_index command_index annotation part sequence_number
created_at completed_at incomplete_details billing payer input_tokens input_tokens_details output_tokens
output_tokens_details tool_usage image_gen web_search num_requests num_sources_used num_server_side_tools_used
cost_in_usd_ticks server_side_tool_usage_details web_search_calls x_search_calls code_interpreter_calls
file_search_calls mcp_calls document_search_calls image_generation_calls context_details content_filters
partial_image_b64 partial_image_index safety_identifier
"""

NAMES = _CHAT | frozenset(f"{_REQUESTS} {_TOOLS} {_ITEMS} {_REPLIES}".split())


def unknown(key: str) -> bool:
    """Whether a key says something that the API does not."""
    return key not in NAMES and bool(key)
