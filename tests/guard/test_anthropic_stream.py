"""Anthropic's event streams under the guard: what is edited, what keeps its bytes, how a block ends one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.chain import Chain, Link, Refused
from extproc.dialects import BLOCKED, sse
from extproc.dialects.anthropic_messages import Stream
from extproc.guard.stop import Failed
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Request, Usage
from extproc.policies.dlp_filter import DlpFilter, DlpSettings

PATTERNS = (r"\b[a-z]{1,20}@[a-z.]{1,40}\.[a-z]{2,8}\b", r"ACME-[0-9]{6}", r"\b[0-9]{16}\b")
MARK = "[DLP_REDACTED]"


def dlp(action: str = "redact", **link: object) -> Link:
    made = DlpSettings(detect_patterns=PATTERNS, action=action)  # type: ignore[arg-type]
    return Link(policy=DlpFilter(made), **link)  # type: ignore[arg-type]


def guard(*links: Link) -> tuple[StreamGuard, Exchange]:
    exchange = Exchange(request=Request("m", True, (), wants_usage=True))
    return StreamGuard(Stream(), Chain(links, lambda: 0), exchange, StreamLimits()), exchange


def play(chunks: Iterable[bytes], *links: Link) -> tuple[bytes, StreamGuard, Exchange]:
    """What the client gets of a stream, the guard, and the exchange with what was said and decided."""
    made, exchange = guard(*links)
    out = []
    for chunk in chunks:
        out.append(made.feed(chunk))
        if made.stopped:
            break
    else:
        finishing = made.finish()
        try:
            next(finishing)
            raise AssertionError("nobody answers a Need here")
        except StopIteration as done:
            out.append(done.value)
    made.conclude()
    return b"".join(out), made, exchange


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def event(kind: str, **members: Any) -> bytes:
    return sse.encode(kind, json.dumps({"type": kind, **members}).encode())


def begin(index: int = 0, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block or {"type": "text", "text": ""})


def delta(index: int = 0, **members: Any) -> bytes:
    return event("content_block_delta", index=index, delta=members)


def says(text: str, index: int = 0) -> bytes:
    return delta(index, type="text_delta", text=text)


def thinks(text: str, index: int = 0) -> bytes:
    return delta(index, type="thinking_delta", thinking=text)


def calls(json_text: str, index: int = 0) -> bytes:
    return delta(index, type="input_json_delta", partial_json=json_text)


def end(index: int = 0) -> bytes:
    return event("content_block_stop", index=index)


USAGE = {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [], "stop_reason": None}
START = event("message_start", message={**MESSAGE, "stop_sequence": None, "usage": USAGE})
FINISH = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9})
STOP = event("message_stop")
PING = event("ping")
TAIL = end() + FINISH + STOP
CALL = {"type": "tool_use", "id": "toolu_1", "name": "save", "input": {}}


def events(data: bytes) -> list[dict[str, Any]]:
    framer = sse.Framer()
    found = [each for each in (*framer.feed(data), *framer.close()) if each.data]
    assert all(each.complete and each.name in ("", json.loads(each.data)["type"]) for each in found)
    return [json.loads(each.data) for each in found]


def heard(data: bytes, name: str = "text", index: int = 0) -> str:
    deltas = [each for each in events(data) if each["type"] == "content_block_delta" and each["index"] == index]
    return "".join(each["delta"].get(name, "") for each in deltas)


def in_order(data: bytes) -> bool:
    """Whether a client's own state machine goes through: one start, blocks that open and close, an end. A call that is
    cut off does not close.
    """
    kinds = [each for each in events(data) if each["type"] != "ping"]
    opened: dict[int, str] = {}
    for place, each in enumerate(kinds):
        kind = each["type"]
        if (kind == "message_start") != (place == 0) or (kind == "message_stop") != (place == len(kinds) - 1):
            return False
        if kind == "content_block_start":
            opened[each["index"]] = each["content_block"]["type"]
        elif kind == "content_block_delta" and each["index"] not in opened:
            return False
        elif kind == "content_block_stop":
            del opened[each["index"]]
        elif kind == "message_delta" and opened:
            cut = each["delta"].get("stop_reason") == "refusal" and set(opened.values()) <= {"tool_use"}
            if not cut:
                return False
    return bool(kinds)


PLAIN = START + PING + begin() + b"".join(map(says, ["Hel", "lo wor", "ld, to", "day"]))
LEAKING = START + begin() + b"".join(map(says, ["Mail bo", "b@exam", "ple.com", " or ACME-", "123456", "!"]))
SIGNED = delta(type="signature_delta", signature="ACME-123456")
LINKS = [(), (dlp(),), (dlp(), dlp()), (dlp(buffered=True),)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
@pytest.mark.parametrize("links", LINKS)
def test_a_stream_without_a_hit_keeps_its_bytes(size: int, links: tuple[Link, ...]) -> None:
    thinking = begin(1, type="thinking", thinking="", signature="") + thinks("so it is", 1) + end(1)
    data = (
        PLAIN
        + end()
        + thinking
        + begin(2, **CALL)
        + calls('{"a": [1, "b', 2)
        + calls('"]}', 2)
        + end(2)
        + FINISH
        + STOP
    )
    for each in (data, data.replace(b"\n", b"\r\n"), data.replace(b"event: ", b"event:")):
        assert play(cut(each, size), *links)[0] == each


@pytest.mark.parametrize("size", range(1, len(LEAKING + TAIL), 3))
@pytest.mark.parametrize("buffered", [False, True])
def test_values_over_many_events_are_redacted_wherever_the_bytes_are_cut(size: int, buffered: bool) -> None:
    out, made, exchange = play(cut(LEAKING + TAIL, size), dlp(buffered=buffered))
    assert heard(out) == f"Mail {MARK} or {MARK}!"
    assert made.stopped is None and made.complete and in_order(out) and out.endswith(TAIL) and exchange.response
    assert (exchange.response.id, exchange.response.model) == ("msg_1", "m-1")
    assert exchange.response.finish_reasons == ("end_turn",) and exchange.response.usage == Usage(7, 9, 4)
    (decision,) = exchange.decisions
    assert (decision.verdict, sum(count for _, count in decision.redactions)) == ("redact", 2)


def test_thinking_is_guarded_and_its_signature_never_touched() -> None:
    data = [
        START,
        begin(type="thinking", thinking="", signature=""),
        thinks("of ACME-"),
        thinks("123456."),
        SIGNED,
        TAIL,
    ]
    out = play(data, dlp())[0]
    assert heard(out, "thinking") == f"of {MARK}." and SIGNED in out


def test_what_is_coded_is_never_touched() -> None:
    hidden = begin(type="redacted_thinking", data="ACME-123456") + end()
    found = {
        "type": "web_search_result",
        "url": "u",
        "title": "t",
        "encrypted_content": "ACME-123456",
        "page_age": None,
    }
    result = begin(1, type="web_search_tool_result", tool_use_id="ACME-123456", content=[found]) + end(1)
    data = START + hidden + result + FINISH + STOP
    assert play([data], dlp("block"))[0] == data


ARGUMENTS = (
    r'{"to": "bob\u0040example.com", "n": [1, 4111111111111111], "note": "say \"ACME-123456\"", "x": "\ud83d\ude42"}'
)


@pytest.mark.parametrize("size", range(1, len(ARGUMENTS) + 1))
@pytest.mark.parametrize("buffered", [False, True])
def test_a_tools_input_stays_json_wherever_it_is_cut(size: int, buffered: bool) -> None:
    pieces = [calls(ARGUMENTS[at : at + size]) for at in range(0, len(ARGUMENTS), size)]
    out = play([START, begin(**CALL), *pieces, TAIL], dlp(buffered=buffered))[0]
    assert json.loads(heard(out, "partial_json")) == {"to": MARK, "n": [1, MARK], "note": f'say "{MARK}"', "x": "🙂"}


def test_every_place_where_a_text_may_stand_is_guarded() -> None:
    secret = "ACME-123456"
    citation = {"type": "char_location", "cited_text": secret, "document_title": secret, "start_char_index": 0}
    places = [
        event("message_start", message={**MESSAGE, "usage": USAGE, "container": {"id": "c", "note": secret}}),
        begin(type="text", text=secret),
        delta(type="citations_delta", citation=citation),
        end(),
        begin(1, type="server_tool_use", id="s", name=secret, input={"id": secret, "n": 4111111111111111}) + end(1),
        begin(2, type="code_execution_tool_result", content={"stdout": secret, "content": [{"file_id": "f", "note": secret}]}) + end(2),
        begin(3, type="web_fetch_tool_result", content={"source": {"type": "text", "media_type": "text/plain", "data": secret}}) + end(3),
        begin(4, type="compaction", content=None) + delta(4, type="compaction_delta", content=secret) + end(4),
        begin(5, type="unheard_of", **{secret: 1}) + delta(5, type="unheard_of", more={"deep": [secret]}) + end(5),
        event("unheard_of", said=secret) + event(secret, note=1),
        f": {secret}\nevent: ping\ndata: {{\"type\": \"ping\", \"note\": \"{secret}\"}}\n\n".encode(),
        event("content_block_stop", index=6, note=secret, delta={"text": secret}, content_block={"text": secret}),
        event("content_block_delta", index=6, delta={}, content_block={"text": secret}, message=secret),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": secret}, usage={"output_tokens": 9}),
        event("message_stop", note=secret),
    ]  # fmt: skip
    data = b"".join(places)
    for link in (dlp(), dlp(buffered=True)):
        out, made, _ = play(cut(data, 11), link)
        assert made.stopped is None and secret.encode() not in out and b"4111111111111111" not in out
        assert len(events(out)) == len(events(data))


def test_a_word_of_an_unknown_delta_or_event_that_comes_in_pieces_is_put_together() -> None:
    for pieces in (
        [delta(type="new_delta", said=word) for word in ("one ", "ACME-", "123456", ".")],
        [event("content_block_more", index=0, said=word) for word in ("one ", "ACME-", "123456", ".")],
    ):
        out, made, _ = play([START, begin(type="new"), *pieces, TAIL], dlp())
        assert b"123456" not in out and (made.stopped is None or made.stopped.reason == "value_cut_short")  # type: ignore[union-attr]


def test_a_blocks_end_lets_its_text_out_and_another_block_is_another_text() -> None:
    made, _ = guard(dlp())
    assert made.feed(START + begin() + says("ACME-")) == START + begin()
    assert made.feed(end()) == says("ACME-") + end()
    after = begin(1) + says("123456", 1) + end(1)
    assert made.feed(after) == after


@pytest.mark.parametrize("between", [end(), end() + begin(), end() + FINISH, TAIL, TAIL + START + begin()])
def test_a_value_across_the_end_of_its_block_is_not_completed(between: bytes) -> None:
    out, made, _ = play([START, begin(), says("ACME-"), between, says("123456"), TAIL], dlp())
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "value_cut_short"
    assert b"123456" not in out


def test_messages_one_after_another_keep_their_bytes() -> None:
    one = START + begin() + says("hello") + end() + begin(1, **CALL) + calls('{"a": 1}', 1) + end(1) + FINISH + STOP
    assert play([one + one], dlp())[0] == one + one


def test_a_pause_lets_out_what_is_settled_of_a_text() -> None:
    made, _ = guard(dlp())
    assert made.feed(START + begin() + says("see ACME-")) == START + begin()
    assert heard(START + begin() + made.flush() + end()) == "see "
    rest = made.feed(says("123456.") + TAIL)
    assert heard(rest) == f"{MARK}." and rest.endswith(TAIL)


def test_a_pause_lets_out_no_half_of_what_comes_whole() -> None:
    made, _ = guard(dlp())
    made.feed(START + begin(type="text", text="see ACME-"))
    assert made.flush() == b""


# --- how we end one --------------------------------------------------------------------------------------------------


def ended(out: bytes) -> dict[str, Any]:
    *_, finish, stop = events(out)
    why = {"type": "refusal", "category": None, "explanation": BLOCKED}
    assert stop == {"type": "message_stop"}
    assert finish["delta"] == {"stop_reason": "refusal", "stop_sequence": None, "stop_details": why}
    return finish


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([says("All is well. "), says("ACME-123456 ")], "All is well. "),
        ([says("ACME-123456 ")], ""),
        ([says("hm"), end(), begin(1, **CALL), calls('{"a": "ACME-123456"}', 1)], "hm"),
        ([says("hm"), end(), begin(1, type="tool_result", content="ACME-123456")], "hm"),
        ([says("hm"), end(), says("ACME-123456 ")], "hm"),
    ],
)
def test_a_block_ends_the_stream_as_a_refusal_whatever_was_open(said: list[bytes], shown: str, buffered: bool) -> None:
    out, made, exchange = play([START, begin(), *said, TAIL], dlp("block", buffered=buffered))
    assert isinstance(made.stopped, Refused) and not made.complete
    assert b"ACME" not in out and in_order(out)
    assert heard(out) == ("" if buffered else shown)
    assert ended(out)["usage"]["output_tokens"] > 0
    assert [d.verdict for d in exchange.decisions] == ["block"]


def test_a_call_that_a_block_cuts_off_is_not_closed_or_a_client_would_run_it() -> None:
    said = [says("hm"), end(), begin(1, **CALL), calls('{"a": "all is well", "b": "', 1), calls('ACME-123456"}', 1)]
    out, _, _ = play([START, begin(), *said, TAIL], dlp("block"))
    assert "all is well" in heard(out, "partial_json", 1) and ended(out)
    assert [each["index"] for each in events(out) if each["type"] == "content_block_stop"] == [0]


@pytest.mark.parametrize("where", ["id", "model", "usage"])
def test_what_a_block_is_about_is_not_repeated_by_it(where: str) -> None:
    said: object = (
        {"input_tokens": 3, "note": "see ACME-123456", "cost": 10**30} if where == "usage" else "see ACME-123456"
    )
    first = event("message_start", message={**MESSAGE, "usage": USAGE, where: said})
    out, made, exchange = play([first, begin(), TAIL], dlp("block"))
    assert isinstance(made.stopped, Refused) and b"ACME" not in out and in_order(out) and ended(out)
    assert "ACME" not in str(exchange.response)


def test_a_block_within_the_first_event_begins_the_message_itself() -> None:
    first = event("message_start", message={**MESSAGE, "usage": USAGE, "note": "ACME-123456"})
    out = play([first, begin(), TAIL], dlp("block"))[0]
    assert in_order(out) and events(out)[0]["message"]["id"] == "msg_1"
    ended(out)


def test_a_block_after_the_end_says_nothing_more() -> None:
    out, made, _ = play([START + begin() + TAIL, event("late", note="ACME-123456")], dlp("block"))
    assert isinstance(made.stopped, Refused) and out == START + begin() + TAIL


def test_the_count_of_a_provider_is_not_made_smaller() -> None:
    counted = event("message_delta", delta={}, usage={"output_tokens": 700})
    assert ended(play([START, begin(), counted, says("ACME-123456 ")], dlp("block"))[0])["usage"] == {
        "output_tokens": 700
    }


@pytest.mark.parametrize(
    "wrong",
    [
        b"data: <html>\n\n",
        b"data: [1]\n\n",
        b"data: {}\n\n",
        b'data: {"type": 1}\n\n',
        b'data: {"type": "ping", "type": "ping"}\n\n',
        b'event: ping\ndata: {"type": "content_block_delta", "index": 0, "delta": {}}\n\n',
        b"words: of nobody\n\n",
        event("content_block_delta", delta={}),
        event("content_block_delta", index="0", delta={}),
        event("content_block_delta", index=True, delta={}),
        event("content_block_delta", index=0),
        event("content_block_start", index=0),
        event("content_block_stop"),
        event("message_start"),
        event("message_delta"),
    ],
)
def test_what_is_no_stream_of_this_api_ends_in_an_error(wrong: bytes) -> None:
    out, made, _ = play([START, begin(), wrong, TAIL], dlp())
    assert made.stopped == Failed("The reply is not what the provider's API promises.", "reply_unreadable")
    assert out.startswith(START + begin())
    assert events(out)[-1] == {
        "type": "error",
        "error": {"type": "api_error", "message": made.stopped.message, "code": "reply_unreadable"},
    }


@pytest.mark.parametrize(
    "odd", ['"id":"\\ud800"', '"model":"\\ud800"', '"usage":[1]', f'"usage":{{"output_tokens":{10**30}}}']
)
def test_a_message_that_cannot_be_told_of_is_blocked_all_the_same(odd: str) -> None:
    first = f'event: message_start\ndata: {{"type":"message_start","message":{{{odd}}}}}\n\n'.encode()
    out, made, exchange = play([first, begin(), says("ACME-123456 ")], dlp("block"))
    assert isinstance(made.stopped, Refused) and ended(out)
    assert exchange.response and f"{exchange.response}".encode()


def test_an_error_of_the_providers_goes_on() -> None:
    data = START + event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    out, made, _ = play([data], dlp())
    assert out == data and not made.complete


SPOILS = (
    *('"', "\\", "{", "}", "[", "]", ",", ":", "\n", "\r", "\n\n", r"\ud800", r"\u0040", "null", "9" * 20, "\0"),
    *(": c\n\n", "event: x\n", "\ufeff", '"index":5,', '"text":"ACME-123456",', '"stop_reason":"end_turn",'),
)
SPOILT = (
    LEAKING + end() + begin(1, **CALL) + calls('{"to": "bob@exam', 1) + calls('ple.com", "n": 4111111111111111}', 1)
).decode()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SPOILT)), st.sampled_from(SPOILS)), max_size=4),
    st.sampled_from(["redact", "block"]),
    st.booleans(),
)
def test_whatever_a_provider_sends_what_leaves_is_a_stream_without_the_value(
    spoils: list[tuple[int, str]], action: str, buffered: bool
) -> None:
    text = SPOILT + (end(1) + FINISH + STOP).decode()
    for at, spoil in spoils:
        text = text[:at] + spoil + text[at:]
    out = play([text.encode()], dlp(action, buffered=buffered))[0]
    framer = sse.Framer()
    said = [json.loads(each.data) for each in (*framer.feed(out), *framer.close()) if each.data.strip()]  # each is JSON
    assert not any("ACME-123456" in json.dumps(each) for each in said)
