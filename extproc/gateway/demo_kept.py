"""What the demo provider keeps of Responses that did not say `store: false`: to be fetched, cancelled, deleted.

A `background` response says that it is queued, and is complete when it is fetched.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

from extproc.gateway.demo_responses import events_of, response

_PATH = "/responses/"
Json = dict[str, Any]


@dataclass(slots=True)
class KeptResponses:
    """Responses by id, each with what was asked."""

    all: dict[str, tuple[Json, Json]] = field(default_factory=dict)

    def made(self, asked: Json, echo: str) -> Json:
        """A new response, it and its items under ids of their own where it is kept."""
        said = response(asked, echo)
        if asked.get("store") is not False:
            said["id"] = f"resp_{secrets.token_hex(16)}"
            said["output"] = [{**item, "id": f"item_{secrets.token_hex(16)}"} for item in said["output"]]
            self.all[said["id"]] = asked, {**said, "background": bool(asked.get("background"))}
        if not asked.get("background"):
            return said
        waits: Json = {} if asked.get("stream") else {"status": "queued", "output": [], "usage": None}
        return {**said, "background": True, **waits}

    def answer(self, method: str, url: str) -> tuple[int, bytes, bool] | None:
        """Status, body, and whether that is a stream, for a path below `/responses/`; None for others."""
        path, _, query = url.partition("?")
        _, found, rest = path.partition(_PATH)
        identity, _, part = rest.partition("/")
        if not found or not identity or "/" in part:
            return None
        if identity not in self.all:
            message = f"Response with id '{identity}' not found."
            return 404, orjson.dumps({"error": {"message": message, "type": "invalid_request_error"}}), False
        asked, said = self.all[identity]
        if method == "DELETE":
            del self.all[identity]
            return 200, orjson.dumps({"id": identity, "object": "response.deleted", "deleted": True}), False
        if part == "input_items":
            return 200, orjson.dumps(_items(asked)), False
        if part == "cancel":
            said = {**said, "status": "cancelled"}
            self.all[identity] = asked, said
        streams = parse_qs(query).get("stream") == ["true"]
        return 200, events_of(said) if streams else orjson.dumps(said), streams


def _items(asked: Json) -> Json:
    given = asked.get("input")
    items = given if isinstance(given, list) else [{"role": "user", "content": given}]
    data = [{"id": f"msg_{number}", "type": "message", **item} for number, item in enumerate(items)]
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return {"object": "list", "data": data, **ends, "has_more": False}
