"""Which models there are: `/v1/models` and `/v1/models/{id}`, below `/cursor` too, which we answer ourselves.

In OpenAI's shape, or in Anthropic's for whoever sends its version header, as its SDK and Claude Code do. All are on
one page whatever `limit`, `after_id` or `client_version` ask for. Codex reads `models`, its own descriptions, and takes
an empty list for nothing new; without that member it reports an error twice a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

import orjson

from extproc.model import ClientError, Headers

PATHS = ("/v1/models", "/cursor/v1/models")
VERSION = "anthropic-version"

Json = dict[str, object]


class Models:
    """The models of one snapshot, in the order of their targets."""

    def __init__(self, ids: tuple[str, ...]) -> None:
        openai, anthropic = {each: _openai(each) for each in ids}, {each: _anthropic(each) for each in ids}
        ends = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
        self._openai = _Answers({"object": "list", "data": list(openai.values()), "models": []}, openai)
        self._anthropic = _Answers({"data": list(anthropic.values()), "has_more": False, **ends}, anthropic)

    def answer(self, method: str, path: str, headers: Headers) -> bytes | None:
        """The body to answer with; None for a path that is not ours. Raises ClientError (404, 405)."""
        root = next((each for each in PATHS if path == each or path.startswith(f"{each}/")), "")
        if not root:
            return None
        if method not in ("GET", "HEAD"):
            raise ClientError(f"{path} takes GET, not {method}", status=405, reason="method_not_allowed")
        answers = self._anthropic if any(name == VERSION for name, _ in headers) else self._openai
        wanted = unquote(path[len(root) + 1 :])
        found = answers.one.get(wanted) if wanted else answers.all
        if found is None:
            message = f"The model {wanted[:256]!r} is not listed here. GET {root} lists the models of this gateway."
            raise ClientError(message, status=404, reason="model_not_found")
        return found


class _Answers:
    def __init__(self, everything: Json, one: Mapping[str, Json]) -> None:
        self.all = orjson.dumps(everything)
        self.one = {name: orjson.dumps(value) for name, value in one.items()}


def _openai(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "keeptrusts"}


def _anthropic(name: str) -> Json:
    """Anthropic has the epoch stand for a day that is not known."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
