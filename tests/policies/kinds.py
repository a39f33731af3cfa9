"""A kind as its configuration makes it, and exchanges for it to judge: whole chat bodies, read by their dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import yaml

from extproc.chain import Chain, Link
from extproc.config.load import load
from extproc.dialects import calls, openai_chat
from extproc.model import Consumer, DataPolicy, Exchange, Target
from extproc.policies import POLICIES
from extproc.policies.base import Policy

HEAD = "pack: {name: a, version: 1.0.0}\nproviders: {targets: [{id: a, provider: openai}]}\n"

Said = str | Mapping[str, Any]
"""A text, of a user's or a reply's; or `request`, `reply` (chat bodies), `headers`, `path`, `consumer` by name, and
`targets` by what they declare of data. `call` and `calls` are calls of tools in a reply, `earlier` those before it with what they
gave back, `tools` what the request declares.
"""


def made(home: Path, kind: str, settings: Mapping[str, Any]) -> Policy:
    """The kind with these settings, through the loader; raises what that raises."""
    path = home / "policy-config.yaml"
    path.write_text(f"{HEAD}policies: {{chain: [{kind}]}}\n" + yaml.safe_dump({"policy": {kind: dict(settings)}}))
    return POLICIES[kind](load([path], environ={}).config.chain[0].settings)


def exchange(said: Said, stage: str) -> Exchange:
    """An exchange in which this was said, by a user at the stage input, by the model at output."""
    if isinstance(said, str):
        said = _plain(said, stage)
    asked = {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        **_declared(said),
        **said.get("request", {}),
    }
    asked["messages"] = [*asked["messages"], *_history(said.get("earlier", ()))]
    body = orjson.dumps(asked)
    calls_so_far, results = calls.asked("openai-chat", body)
    found = Exchange(
        id="x",
        method="POST",
        path=said.get("path", "/v1/chat/completions"),
        headers=tuple((name.lower(), value) for name, value in said.get("headers", {}).items()),
        consumer=Consumer(**{"key_id": "k", "name": "ana", **said.get("consumer", {})}),
        request=replace(openai_chat.read_request(body), calls=calls_so_far, results=results),
    )
    found.targets = tuple(
        Target(f"t{n}", "openai", "http", "127.0.0.1", 9, data_policy=DataPolicy(**declared))
        for n, declared in enumerate(said.get("targets", ()))
    )
    if stage == "output":
        reply = orjson.dumps(said["reply"] if "reply" in said else _calling(said.get("calls") or [said["call"]]))
        found.response = replace(openai_chat.read_response(reply), calls=calls.called("openai-chat", reply))
    return found


def _declared(said: Mapping[str, Any]) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in said.get("tools", ())]
    return {"tools": tools} if tools else {}


def _call(place: int, call: Sequence[Any]) -> dict[str, Any]:
    """Of `[name, arguments]`, these as they are written or as an object."""
    arguments = call[1] if isinstance(call[1], str) else orjson.dumps(call[1]).decode()
    return {"id": f"call_{place}", "type": "function", "function": {"name": call[0], "arguments": arguments}}


def _history(earlier: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Of `[name, arguments, result]`, one message that calls and one that answers each."""
    found: list[dict[str, Any]] = []
    for place, call in enumerate(earlier):
        found.append({"role": "assistant", "content": None, "tool_calls": [_call(place, call)]})
        found.append({"role": "tool", "tool_call_id": f"call_{place}", "content": call[2]})
    return found


def _calling(made: Sequence[Sequence[Any]]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "tool_calls": [_call(n, call) for n, call in enumerate(made)]}
    return {"id": "r", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}


def _plain(text: str, stage: str) -> Mapping[str, Any]:
    if stage == "input":
        return {"request": {"messages": [{"role": "user", "content": text}]}}
    message = {"role": "assistant", "content": text}
    return {"reply": {"id": "r", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}}


def judged(policy: Policy, found: Exchange, stage: str) -> list[tuple[str, str]]:
    """What the kind decided at headers, input and output, as (verdict, reason), without what it allowed."""
    chain = Chain([Link(policy=policy)], lambda: 0)
    refused = chain.judge_headers(found)
    for judging in (chain.judge_input(found), chain.judge_output(found) if stage == "output" else ()):
        if not refused:
            assert not list(judging), "the kind asks the world"
    return [(each.verdict, each.reason) for each in found.decisions if each.verdict != "allow"]
