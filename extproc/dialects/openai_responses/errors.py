"""Errors and refusals: those of the chat API, as OpenAI's SDKs read both alike."""

from __future__ import annotations

from extproc.dialects.openai_chat.errors import block, error

__all__ = ["block", "error"]
