"""Plays a golden exchange through the real wire, session and chain, and tells what we sent and recorded.

A file in `exchanges/` says what Envoy sends; its namesake in `ours/` what we do, and only `scripts/golden` writes that.

    name: a sentence
    policy: the text of a policy-config.yaml; without it, POLICY below
    modes: [BUFFERED, BUFFERED]     # how request and reply bodies come; announced in the first message
    envoy:                          # one message each
      - request_headers: {x-api-key: abc, authorization: null}   # over the usual ones; null leaves one out
        end: false                  # end_of_stream; bodies end unless told otherwise
      - request_body: text          # or request_body_hex for what is no text
      - response_headers: {":status": "200"}
      - response_body: text
      - paused: true                # nothing came for as long as we had asked to be woken after
      - closed: true                # Envoy gave the stream up
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from fakes import Hears
from google.protobuf.json_format import MessageToDict

from extproc.cache.commands import Abandon, Fill, Found, Free, Lead, Look
from extproc.cache.entry import Entry
from extproc.chain import Chain
from extproc.config.load import load
from extproc.dialects.openai_chat import assemble
from extproc.identity.directory import KeyDirectory
from extproc.identity.keys import digest
from extproc.identity.store import Token
from extproc.policies.pii_detector import PiiDetector
from extproc.proto import ext_proc_pb2 as pb
from extproc.session import Rules, Session
from extproc.transport.driver import Driver, Ports
from extproc.worker import build_rules

HERE = Path(__file__).parent
KEYS = {name: "kt_ak_" + letter * 32 for name, letter in (("ana", "a"), ("gone", "g"), ("old", "o"))}
POLICY = """
pack: {name: golden, version: 1.0.0}
providers:
  targets:
    - {id: a, provider: openai, base_url: "http://127.0.0.1:1/v1"}
    - {id: b, provider: openai, base_url: "http://127.0.0.1:2/v1"}
policies: {chain: [rbac, prompt-injection, dlp-filter, audit-logger]}
policy:
  rbac: {deny_if_missing: []}
  prompt-injection: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"]}
  audit-logger: {}
"""
REQUEST = {
    ":method": "POST",
    ":path": "/v1/chat/completions",
    ":authority": "gateway.example",
    "authorization": f"Bearer {KEYS['ana']}",
    "content-type": "application/json",
    "user-agent": "golden/1",
    "x-request-id": "00000000-0000-4000-8000-000000000001",
}
RESPONSE = {":status": "200", "content-type": "application/json"}
Step = dict[str, Any]


@dataclass
class Journal:
    """Keeps entries instead of writing them."""

    entries: list[dict[str, object]] = field(default_factory=list)

    def append(self, entry: dict[str, object]) -> None:
        self.entries.append(entry)


def rules_of(policy: str) -> Rules:
    """The snapshot of a configuration, with a clock that stands still and three keys: good, revoked, expired."""
    pepper = b"golden"
    tokens = [
        Token(f"tok_{name}", "access", name, "payments", digest(key, pepper), "", 0.0, expires, revoked)
        for (name, key), expires, revoked in zip(KEYS.items(), (None, None, 1.0), (None, 1.0, None), strict=True)
    ]
    keys: Any = SimpleNamespace(directory=KeyDirectory.of(tokens, pepper, math.inf))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "policy-config.yaml"
        path.write_text(policy)
        built = build_rules(load([path], environ={}).config, "block", keys, b"k" * 32)
    for link in built.chain.links:
        if isinstance(link.policy, PiiDetector):
            link.policy._nonce = lambda: "0badf00d"  # placeholders that are the same at each play
    cache = built.cache if "workflow_cache" in policy else None
    return replace(built, chain=Chain(built.chain.links, lambda: 0), digest="the-configuration", cache=cache)


def message_of(step: Step, first: tuple[str, str] | None) -> bytes:
    """The ProcessingRequest that a step describes."""
    kind = next(key for key in step if key not in ("end", "why")).removesuffix("_hex")
    message = pb.ProcessingRequest()
    part = getattr(message, kind)
    if kind.endswith("_body"):
        part.body = bytes.fromhex(step[f"{kind}_hex"]) if f"{kind}_hex" in step else step[kind].encode()
        part.end_of_stream = step.get("end", True)
    elif kind.endswith("_trailers"):
        _fill(part.trailers, step[kind])
    else:
        _fill(part.headers, {**(REQUEST if kind == "request_headers" else RESPONSE), **(step[kind] or {})})
        part.end_of_stream = step.get("end", False)
    if first:
        message.protocol_config.request_body_mode = pb.BodySendMode.Value(first[0])
        message.protocol_config.response_body_mode = pb.BodySendMode.Value(first[1])
    return message.SerializeToString()


def _fill(header_map: pb.HeaderMap, pairs: dict[str, Any]) -> None:
    for name, values in pairs.items():
        for value in values if isinstance(values, list) else [values]:
            if value is not None:
                header_map.headers.add(key=name, raw_value=str(value).encode("latin-1"))


def readable(data: bytes) -> Step:
    """A ProcessingResponse for people: bytes as text, the typed metadata decoded, headers as pairs."""
    message = pb.ProcessingResponse.FromString(data)
    typed = {name: pb.PriorityGroupsOverride.FromString(a.value) for name, a in message.typed_dynamic_metadata.items()}
    message.ClearField("typed_dynamic_metadata")
    found: Step = _texts(MessageToDict(message, preserving_proto_field_name=True))
    for name, facts in found.get("dynamic_metadata", {}).items():
        found["dynamic_metadata"][name] = dict(sorted(facts.items()))  # protobuf's maps have no order of their own
    if typed:
        found["targets"] = [group.name for each in typed.values() for group in each.priority_groups]
    return found


def _texts(value: Any) -> Any:
    import base64

    if isinstance(value, list):
        return [_texts(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"header", "append_action"} and value["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD":
        return f"{value['header']['key']}: {base64.b64decode(value['header']['raw_value']).decode('latin-1')}"
    return {
        key: base64.b64decode(child).decode("utf-8", "backslashreplace")
        if key in ("body", "raw_value") and isinstance(child, str)
        else _texts(child)
        for key, child in value.items()
    }


def play(exchange: Step) -> list[Step]:
    """What we did at each of Envoy's messages."""
    return asyncio.run(_play(exchange))


async def _play(exchange: Step) -> list[Step]:
    peer = Hears()
    told: list[object] = []

    def find(question: object) -> object:
        if not isinstance(question, Look) or "keeper" not in exchange:
            raise LookupError(str(question))
        told.append({"look": question.key.hex(), "lead": question.lead})
        return answer_of(exchange["keeper"])

    def tell(fact: object) -> None:
        told.append(fact_of(fact))

    journal = Journal()
    session = Session(rules_of(exchange.get("policy", POLICY)), lambda: "an-id-of-ours")
    driver = Driver(session, Ports(journal, lambda: 1.0, find, "worker-0", tell), peer)
    first: tuple[str, str] | None = tuple(exchange.get("modes", ("BUFFERED", "BUFFERED")))
    done: list[Step] = []
    for step in exchange["envoy"]:
        peer.sent.clear()
        journal.entries.clear()
        told.clear()
        if "closed" in step:
            driver.closed()
        elif "paused" in step:
            driver._ring()
        else:
            driver.receive(message_of(step, first))
        first = None
        done.append(
            _told([readable(data) for data in peer.sent], _plain(journal.entries), list(told), peer.failure or "")
        )
        peer.failure = None
    return done


def _told(sent: list[Step], recorded: Any, keeper: list[object], failed: str) -> Step:
    told = {"sent": sent, "recorded": recorded, "keeper": keeper, "failed": failed}
    return {name: value for name, value in told.items() if value} or {"sent": []}


def answer_of(said: Step | str) -> object:
    """What the keeper answers: `lead`, `free`, or an entry with the JSON of a reply or the events of a stream."""
    if isinstance(said, str):
        return {"lead": Lead(), "free": Free()}[said]
    events = said.get("events", "").encode()
    body = assemble(events) if events else said["body"].encode()
    return Found(Entry("openai-chat", body, events, said.get("wanted_usage", False), 0.0), said["age"])


def fact_of(fact: object) -> Step:
    """What the keeper is told, for people."""
    match fact:
        case Fill():
            return {"fill": fact.key.hex(), "form": fact.form, "data": fact.data.decode(), "ttl": fact.ttl}
        case Abandon():
            return {"abandon": fact.key.hex()}
    raise TypeError(str(fact))


def _plain(entries: list[dict[str, object]]) -> Any:
    import orjson

    return orjson.loads(orjson.dumps(entries))


def exchanges() -> dict[str, Path]:
    """Every exchange by its name."""
    return {yaml.safe_load(path.read_text())["name"]: path for path in sorted((HERE / "exchanges").glob("*.yaml"))}


def ours(path: Path) -> Path:
    """The file that holds our side of an exchange."""
    return path.parents[1] / "ours" / path.name


def accept(path: Path) -> bool:
    """Write our side anew; whether it changed."""
    text = yaml.safe_dump(
        play(yaml.safe_load(path.read_text())), sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )
    before = ours(path).read_text() if ours(path).exists() else ""
    ours(path).write_text(text)
    return text != before


if __name__ == "__main__":
    changed = [name for name, path in exchanges().items() if accept(path)]
    print("\n".join(f"rewritten: {name}" for name in changed) or "nothing changed")
    print("review with: git diff tests/golden/ours")
