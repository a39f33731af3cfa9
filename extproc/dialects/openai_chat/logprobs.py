"""What log probabilities say: the text once more, token by token, and what else might have been said."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.dialects.openai_chat.names import unknown

LOGPROBS = "logprobs"


def spelled(logprobs: object) -> Iterator[tuple[str, str]]:
    """What log probabilities say, by the name of each list: its tokens in a row, and whatever else stands there.

    They mostly repeat the text, but not always the text of their own event, and other candidates were never in any.
    """
    for name, tokens in (logprobs if isinstance(logprobs, dict) else {"": logprobs}).items():
        listed = tokens if isinstance(tokens, list) else [tokens]
        yield f"{name}/said", "".join(map(_token, listed))
        beside = [each for token in listed for each in _others(token)]
        yield f"{name}/else", "\n".join([name, *beside] if unknown(name) else beside)


def _token(value: object) -> str:
    token = value.get("token") if isinstance(value, dict) else value
    return token if isinstance(token, str) else ""


def _others(token: object) -> Iterator[str]:
    """Every string of a token but its own."""
    if isinstance(token, dict):
        for key, child in token.items():
            if unknown(key):
                yield key
            if key != "token" or not isinstance(child, str):
                yield from _all(child)
    elif not isinstance(token, str):
        yield from _all(token)


def _all(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            if unknown(key):
                yield key
            yield from _all(child)
    elif isinstance(value, list):
        for child in value:
            yield from _all(child)
