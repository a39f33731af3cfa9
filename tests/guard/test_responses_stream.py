"""Responses streams under the guard: every text in every place that says it, however the bytes are cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from responses import call, custom, event, heard, message, reasoning, response, stream

from extproc.chain import Chain, Link, Refused
from extproc.dialects import BLOCKED
from extproc.dialects.openai_responses.reader import Stream
from extproc.dialects.sse import Framer
from extproc.guard.realtime import MOST_TEXTS
from extproc.guard.stop import Failed
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Request
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.response_rewriter import ResponseRewriter, ResponseRewriterSettings
from extproc.policies.rewriting import Rule

PATTERNS = (r"\b[a-z]{1,20}@[a-z.]{1,40}\.[a-z]{2,8}\b", r"ACME-[0-9]{6}", r"\b[0-9]{16}\b")
MARK = "[DLP_REDACTED]"
SAYS = "Ask ana@example.com or ACME-123456 now"
SAID = f"Ask {MARK} or {MARK} now"
ARGUMENTS = '{"to": "ana\\u0040example.com", "n": [4111111111111111, 1], "\\n": "x"}'
GUARDED = {"to": MARK, "n": [MARK, 1], "\n": "x"}
ITEMS = (reasoning(SAYS), message(SAYS), message(SAYS, "refusal"), call(ARGUMENTS), custom(SAYS))
STEMS = {
    "response.output_text": 5,
    "response.refusal": 5,
    "response.reasoning_summary_text": 5,
    "response.function_call_arguments": 4,
    "response.custom_tool_call_input": 4,
}
"""How often each text is said: by its deltas, and by the events that end it, its part, its item and the response."""


def dlp(action: str = "redact", **link: object) -> Link:
    settings = DlpSettings(detect_patterns=PATTERNS, action=action)  # type: ignore[arg-type]
    return Link(policy=DlpFilter(settings), **link)  # type: ignore[arg-type]


LINK = dlp()


def play(chunks: Iterable[bytes], *links: Link) -> tuple[bytes, StreamGuard, Exchange]:
    """What the client gets of a stream, the guard, and the exchange with what was said and decided."""
    exchange = Exchange(request=Request("m", True, (), wants_usage=True))
    made = StreamGuard(Stream(), Chain(links, lambda: 0), exchange, StreamLimits())
    out = []
    for chunk in chunks:
        out.append(made.feed(chunk))
        if made.stopped:
            break
    else:
        finishing = made.finish()
        with pytest.raises(StopIteration) as done:
            next(finishing)
        out.append(done.value.value)
    made.conclude()
    return b"".join(out), made, exchange


def events(body: bytes) -> list[dict[str, Any]]:
    framer = Framer()
    return [json.loads(each.data) for each in (*framer.feed(body), *framer.close())]


def checked(out: bytes) -> None:
    """Every text is redacted, alike wherever it is said, and events keep their order, numbers, names and padding."""
    found = heard(out)
    assert {stem: len(texts) for stem, texts in found.items()} == STEMS
    for stem, texts in found.items():
        if stem == "response.function_call_arguments":
            assert len(set(texts)) == 1 and json.loads(texts[0]) == GUARDED
        else:
            assert set(texts) == {SAID}
    before, after = events(b"".join(stream(*ITEMS))), events(out)
    kept = ("type", "sequence_number", "obfuscation", "item_id", "output_index")
    assert [{key: each.get(key) for key in kept} for each in after] == [
        {key: each.get(key) for key in kept} for each in before
    ]
    assert after[-1]["response"]["usage"] == before[-1]["response"]["usage"]


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_what_is_repeated_is_redacted_as_what_its_deltas_said(size: int, buffered: bool) -> None:
    out, made, exchange = play(stream(*ITEMS, size=size), dlp(buffered=buffered))
    found = heard(out)
    for stem, texts in found.items():
        assert len(set(texts)) == 1, stem
        assert b"ana" not in out and b"ACME" not in out and b"4111" not in out
    assert made.stopped is None and made.complete
    assert exchange.decisions[0].verdict == "redact"


def test_it_does_not_matter_where_the_bytes_are_cut() -> None:
    checked(play(stream(*ITEMS), LINK)[0])
    for items in ((message("at ana@example.com"),), (call('{"a":"ACME-1\\u00323456"}'),)):
        body = b"".join(stream(*items, size=9))
        whole, _, _ = play([body], LINK)
        assert MARK.encode() in whole
        for cut in range(body.index(b"added"), body.rindex(b"output_item.done")):  # from the item's start to its end
            assert play([body[:cut], body[cut:]], LINK)[0] == whole, cut


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40))
def test_nor_how_the_texts_are(size: int, chunk: int) -> None:
    body = b"".join(stream(*ITEMS, size=size))
    out, _, _ = play([body[at : at + chunk] for at in range(0, len(body), chunk)], LINK)
    found = heard(out)
    assert all(set(texts) == {SAID} for stem, texts in found.items() if stem != "response.function_call_arguments")
    assert {json.dumps(json.loads(each)) for each in found["response.function_call_arguments"]} == {json.dumps(GUARDED)}


def test_a_stream_without_a_match_keeps_its_bytes() -> None:
    parts = stream(reasoning("so"), message("Hello, wörld"), call('{"a": 1.50}'), custom("x"))
    spaced = [each.replace(b'"type": ', b'"type" :  ') for each in parts]
    for chunks in (parts, spaced, [b": comment\r\n\r\n", *parts, b"data: [DONE]\n\n"]):
        out, made, _ = play(chunks, LINK)
        assert out == b"".join(chunks) and made.stopped is None


def test_a_held_text_leaves_once_its_event_says_that_it_ended() -> None:
    parts = stream(message("to ana@example.co"), size=4)
    exchange = Exchange(request=Request("m", True, ()))
    made = StreamGuard(Stream(), Chain((LINK,), lambda: 0), exchange, StreamLimits())
    done = next(at for at, part in enumerate(parts) if b"output_text.done" in part)
    held = b"".join(made.feed(part) for part in parts[:done])
    assert heard(held).get("response.output_text", [""]) != ["to " + MARK]
    assert heard(held + made.feed(parts[done]))["response.output_text"] == ["to " + MARK] * 2


def test_the_end_of_an_item_ends_its_texts_where_a_provider_says_no_other() -> None:
    parts = [part for part in stream(message("to ana@example.co"), size=4) if b"output_text.done" not in part]
    exchange = Exchange(request=Request("m", True, ()))
    made = StreamGuard(Stream(), Chain((LINK,), lambda: 0), exchange, StreamLimits())
    out = b"".join(made.feed(part) for part in parts[:-1])
    assert set(heard(out)["response.output_text"]) == {"to " + MARK}


def test_a_pause_lets_out_what_is_settled_of_a_delta() -> None:
    exchange = Exchange(request=Request("m", True, ()))
    made = StreamGuard(Stream(), Chain((LINK,), lambda: 0), exchange, StreamLimits())
    parts = stream(message("All of this, but ana@example.com"), size=20)
    first = b"".join(made.feed(part) for part in parts[:4])
    paused = made.flush()
    assert heard(first + paused)["response.output_text"] == ["All of this, but "]
    rest = b"".join(made.feed(part) for part in parts[4:])
    assert set(heard(first + paused + rest)["response.output_text"]) == {"All of this, but " + MARK}


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("response.created", {"response": {"instructions": SAYS}}),
        ("response.created", {"response": {"metadata": {"k": SAYS}}}),
        ("response.created", {"response": {"metadata": {SAYS: "v"}}}),
        ("response.created", {"response": {"tools": [{"type": "function", "description": SAYS}]}}),
        ("response.in_progress", {"response": {"error": {"message": SAYS}}}),
        ("response.output_item.added", {"output_index": 0, "item": {"type": "function_call", "name": SAYS}}),
        ("response.output_item.added", {"output_index": 0, "item": {"type": "mcp_call", "output": SAYS}}),
        ("response.output_item.done", {"output_index": 0, "item": {"type": "web_search_call", "action": {"query": SAYS}}}),
        ("response.output_item.done", {"output_index": 0, "item": {"type": "local_shell_call", "action": {"command": ["echo", SAYS], "env": {"id": SAYS}}}}),
        ("response.output_item.done", {"output_index": 0, "item": {"type": "file_search_call", "results": [{"text": SAYS, "attributes": {"id": SAYS}}]}}),
        ("response.output_item.done", {"output_index": 0, "item": {"type": "new_call", "id": SAYS, "new": [[SAYS]]}}),
        ("response.output_text.annotation.added", {"output_index": 0, "annotation": {"type": "url_citation", "title": SAYS, "url": SAYS}}),
        ("response.output_text.done", {"output_index": 0, "content_index": 0, "text": SAYS}),
        ("response.apply_patch_call_operation_diff.done", {"output_index": 0, "diff": SAYS}),
        ("response.code_interpreter_call_code.done", {"output_index": 0, "code": SAYS}),
        ("response.mcp_call_arguments.done", {"output_index": 0, "arguments": json.dumps({"a": SAYS})}),
        ("response.output_text.delta", {"output_index": 0, "content_index": 0, "delta": SAYS, "new": SAYS}),
        ("response.output_text.delta", {"output_index": 0, "content_index": 0, "delta": "x", "item_id": SAYS, "obfuscation": SAYS}),
        ("response.shell_call_output_content.delta", {"output_index": 0, "delta": {"stdout": SAYS}}),
        ("response.output_text.delta", {"output_index": 0, "delta": "x", "sequence_numbers": SAYS}),
        ("response.new.event", {"new": {"deeper": SAYS}}),
        ("error", {"code": "x", "message": SAYS, "param": None}),
        ("response.failed", {"response": {"status": "failed", "error": {"code": "x", "message": SAYS}}}),
    ],
)  # fmt: skip
def test_a_value_is_redacted_wherever_an_event_says_it(kind: str, members: dict[str, object]) -> None:
    out, made, _ = play([event(kind, 5, **members)], LINK)
    assert made.stopped is None
    assert b"ana@" not in out and b"ACME" not in out and MARK.encode() in out
    (found,) = events(out)
    assert found["type"] == kind and found["sequence_number"] == 5


def test_a_value_that_stands_beside_the_data_takes_the_name_with_it() -> None:
    plain = event("response.output_text.delta", 0, output_index=0, delta="hi")
    for extra in (b"event: ACME-123456\n", b": to ana@example.com\n"):
        out, _, _ = play([plain.replace(b"event: response.output_text.delta\n", extra)], LINK)
        assert out == plain.partition(b"\n")[2]


@pytest.mark.parametrize("kind", ["response.output_text.delta", "response.new_text.delta", "response.new.thing.delta"])
def test_a_value_that_straddles_deltas_is_redacted_in_events_that_nobody_knows_too(kind: str) -> None:
    parts = [event(kind, at, output_index=0, delta=text) for at, text in enumerate(("to ana@exa", "mple.com", " ok "))]
    out, _, _ = play(parts, LINK)
    assert "".join(each["delta"] for each in events(out)) == f"to {MARK} ok "


def test_so_is_one_that_straddles_what_stands_beside_the_delta_once_that_has_changed() -> None:
    kind = "response.output_text.delta"
    said = ("so ", "to ana@exa", "mple.com", " ok ")
    parts = [event(kind, at, output_index=0, text=text) for at, text in enumerate(said)]
    out, _, _ = play(parts, LINK)
    assert "".join(each["text"] for each in events(out)) == f"so to {MARK} ok "
    out, made, _ = play(parts[1:], LINK)  # names come once, so the first is not waited for
    assert isinstance(made.stopped, Failed) and b"mple.com" not in out


def test_a_word_that_a_provider_repeats_in_every_delta_is_not_waited_for() -> None:
    exchange = Exchange(request=Request("m", True, ()))
    made = StreamGuard(Stream(), Chain((LINK,), lambda: 0), exchange, StreamLimits())
    for number in range(6):
        part = event("response.output_text.delta", number, output_index=0, delta="So. ", channel="final")
        assert made.feed(part) == part


def test_a_number_that_is_a_text_is_read() -> None:
    part = event("response.output_text.delta", 0, output_index=0, delta="x").replace(b": 0,", b': "ACME-123456",', 1)
    (found,) = events(play([part], LINK)[0])
    assert found["sequence_number"] == MARK and found["delta"] == "x"


def test_ids_coded_content_and_padding_are_never_read() -> None:
    picture = {"type": "image_generation_call", "id": "ACME-123456", "result": "ACME-123456"}
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "ACME-123456"}
    parts = [
        event("response.output_item.done", 0, output_index=0, item=picture),
        event("response.output_item.done", 1, output_index=1, item=thought),
        event("response.image_generation_call.partial_image", 2, output_index=0, partial_image_b64="ACME-123456"),
        event("response.output_text.delta", 3, item_id="ACME-123456", output_index=0, delta="x", obfuscation="ACME-123456"),
    ]  # fmt: skip
    out, _, _ = play(parts, LINK)
    assert out == b"".join(parts)


def test_log_probabilities_of_an_edited_text_go_wherever_they_stand() -> None:
    spelled = [{"token": SAYS, "logprob": -1, "bytes": [], "top_logprobs": []}]
    part = {"type": "output_text", "text": SAYS, "annotations": [], "logprobs": spelled}
    parts = [
        event("response.output_text.delta", 0, output_index=0, content_index=0, delta=SAYS, logprobs=spelled),
        event("response.output_text.done", 1, output_index=0, content_index=0, text=SAYS, logprobs=spelled),
        event("response.output_item.done", 2, output_index=0, item={"type": "message", "content": [part]}),
    ]
    delta, done, item = events(play(parts, LINK)[0])
    assert (delta["delta"], delta["logprobs"], done["text"], done["logprobs"]) == (SAID, None, SAID, None)
    assert item["item"]["content"] == [{**part, "text": SAID, "logprobs": None}]
    alone = [event("response.output_text.delta", 0, output_index=0, delta="x", logprobs=[{"token": SAYS}])]
    assert events(play(alone, LINK)[0])[0]["logprobs"] is None


def test_a_block_is_a_failed_response_that_no_client_asks_again() -> None:
    parts = stream(message("All is well. ACME-123456 and on"), size=4)
    out, made, _ = play(parts, dlp("block"))
    assert isinstance(made.stopped, Refused) and not made.complete
    assert b"ACME" not in out
    *before, last = events(out)
    assert heard(b"".join(parts[: len(before)]))["response.output_text"][0].startswith("All is well.")
    assert last["type"] == "response.failed" and last["sequence_number"] >= before[-1]["sequence_number"] + 1
    said = last["response"]
    assert (said["id"], said["model"], said["status"]) == ("resp_1", "m", "failed")
    assert said["error"] == {"code": "invalid_prompt", "message": BLOCKED}
    assert said["usage"]["output_tokens"] > 0 and "error" not in last


@pytest.mark.parametrize("where", ["response.output_text.done", "response.completed"])
def test_a_value_that_only_a_repeat_has_is_a_block_too(where: str) -> None:
    parts = stream(message("x"))
    repeat = next(at for at, part in enumerate(parts) if f"event: {where}\n".encode() in part)
    parts[repeat] = parts[repeat].replace(b'"text": "x"', b'"text": "ACME-123456"')
    out, made, _ = play(parts, dlp("block"))
    assert isinstance(made.stopped, Refused) and b"ACME" not in out and b"response.completed" not in out


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"{}", b'{"type":1}', b'{"type":"x","type":"y"}',
     b'{"type":"response.output_text.delta","delta":"x","output_index":"0"}'],
)  # fmt: skip
def test_what_is_no_event_of_the_api_stops_the_stream(data: bytes) -> None:
    out, made, _ = play([b"data: " + data + b"\n\n"], LINK)
    assert made.stopped == Failed("The reply is not what the provider's API promises.", "reply_unreadable")
    (last,) = events(out)
    assert last["type"] == "response.failed" and last["response"]["error"]["code"] == "server_error"
    assert last["error"]["code"] == "reply_unreadable"


def test_a_line_that_is_no_field_stops_the_stream() -> None:
    _, made, _ = play([b"<html>\n\n"], LINK)
    assert isinstance(made.stopped, Failed)


def test_more_texts_than_one_stream_may_have_stop_it() -> None:
    parts = [event("response.output_text.delta", n, output_index=n, delta="x") for n in range(MOST_TEXTS + 1)]
    _, made, _ = play(parts, LINK)
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "reply_too_large"


@pytest.mark.parametrize(
    ("status", "members", "reasons"),
    [
        ("completed", {}, ("stop",)),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, ("max_output_tokens",)),
        ("failed", {"error": {"code": "server_error", "message": "x"}}, ("failed",)),
    ],
)
def test_the_last_event_says_how_it_ended_and_what_it_cost(
    status: str, members: dict[str, object], reasons: tuple[str, ...]
) -> None:
    parts = [event(f"response.{status}", 0, response=response([], status, **members))]
    out, made, exchange = play(parts, LINK)
    assert out == parts[0] and made.complete and exchange.response
    assert exchange.response.finish_reasons == reasons
    assert (exchange.response.id, exchange.response.model) == ("resp_1", "m")
    usage = exchange.response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens) == (9, 7, 4, 2)


def test_a_stream_without_its_last_event_is_not_complete() -> None:
    _, made, exchange = play(stream(message("hi"))[:-1], LINK)
    assert not made.complete and exchange.response and exchange.response.finish_reasons == ()


def test_a_rewriter_changes_every_place_alike() -> None:
    rule = Rule(name="r", pattern="hello", replacement="bye", position="replace")
    link = Link(policy=ResponseRewriter(ResponseRewriterSettings(rules=(rule,))))
    out, _, _ = play(stream(message("hello there")), link)
    assert set(heard(out)["response.output_text"]) == {"bye there"}
