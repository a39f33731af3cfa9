from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.chain import Chain, Link, Refused
from extproc.detect.patterns import Pattern
from extproc.dialects.openai_chat.reader import Stream
from extproc.dialects.sse import Framer
from extproc.guard.realtime import MOST_TEXTS, PATIENCE
from extproc.guard.stop import Failed
from extproc.guard.stream import PING, StreamGuard, StreamLimits
from extproc.model import Edit, Exchange, Request, Verdict
from extproc.policies.base import Hook, Policy, Span, TextPolicy
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.response_rewriter import ResponseRewriter, ResponseRewriterSettings
from extproc.policies.rewriting import Rule

PATTERNS = (r"\b[a-z]{1,20}@[a-z.]{1,40}\.[a-z]{2,8}\b", r"ACME-[0-9]{6}", r"\b[0-9]{16}\b")
MARK = "[DLP_REDACTED]"


def dlp(action: str = "redact", **link: object) -> Link:
    settings = DlpSettings(detect_patterns=PATTERNS, action=action)  # type: ignore[arg-type]
    return Link(policy=DlpFilter(settings), **link)  # type: ignore[arg-type]


class Whole(Policy):
    """Judges whole replies only, by the function it was made with."""

    kind = "whole"
    guards_output = True

    def __init__(self, judge: Callable[[Exchange], Hook]) -> None:
        super().__init__(None)
        self.judge = judge

    def on_output(self, exchange: Exchange) -> Hook:
        return self.judge(exchange)


class Breaks(TextPolicy):
    """Watches for any letter, and cannot say what it found."""

    kind = "breaks"
    automaton = DlpFilter(DlpSettings(detect_patterns=("[a-z]",))).automaton

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        raise OSError("broken")


def guard(*links: Link, limits: StreamLimits | None = None, wants_usage: bool = False) -> tuple[StreamGuard, Exchange]:
    exchange = Exchange(request=Request("m", True, (), wants_usage=wants_usage))
    return StreamGuard(Stream(), Chain(links, lambda: 0), exchange, limits or StreamLimits()), exchange


def play(chunks: Iterable[bytes], *links: Link, **more: object) -> tuple[bytes, StreamGuard, Exchange]:
    """What the client gets of a stream, the guard, and the exchange with what was said and decided."""
    made, exchange = guard(*links, **more)  # type: ignore[arg-type]
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


def event(**choice: object) -> bytes:
    value = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, **choice}],
    }
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def says(text: str, index: int = 0, key: str = "content") -> bytes:
    return event(index=index, delta={key: text})


def calls(arguments: str, call: int = 0) -> bytes:
    return event(delta={"tool_calls": [{"index": call, "function": {"arguments": arguments}}]})


STOP = event(delta={}, finish_reason="stop")
USAGE = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
TAIL = STOP + USAGE + DONE


def chunks(data: bytes) -> list[dict[str, object]]:
    return [json.loads(each.data) for each in Framer().feed(data) if each.data not in (b"", b"[DONE]")]


def text_of(data: bytes, key: str = "content", index: int = 0) -> str:
    parts = []
    for chunk in chunks(data):
        own = (choice for choice in chunk["choices"] if choice["index"] == index)  # type: ignore[attr-defined]
        parts += [choice.get("delta", {}).get(key) or "" for choice in own]
    return "".join(parts)


def arguments_of(data: bytes, call: int = 0) -> str:
    parts = []
    for chunk in chunks(data):
        for choice in chunk["choices"]:  # type: ignore[attr-defined]
            for each in choice["delta"].get("tool_calls", ()):
                parts += [each["function"]["arguments"]] if each["index"] == call else []
    return "".join(parts)


PLAIN = (
    b": hi\n\n"
    + event(delta={"role": "assistant", "content": ""})
    + b"".join(map(says, ["Hel", "lo wor", "ld, to", "day"]))
)
LEAKING = b"".join(map(says, ["Mail bo", "b@exam", "ple.com", " or ACME-", "123456", "!"]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
@pytest.mark.parametrize("links", [(), (dlp(),), (dlp(), dlp()), (dlp(buffered=True),)])
def test_a_stream_without_a_hit_keeps_its_bytes(size: int, links: tuple[Link, ...]) -> None:
    data = PLAIN + TAIL
    assert play((data[at : at + size] for at in range(0, len(data), size)), *links)[0] == data


@pytest.mark.parametrize("size", range(1, len(LEAKING + TAIL), 3))
@pytest.mark.parametrize("buffered", [False, True])
def test_values_over_many_events_are_redacted_wherever_the_bytes_are_cut(size: int, buffered: bool) -> None:
    data = LEAKING + TAIL
    out, made, exchange = play((data[at : at + size] for at in range(0, len(data), size)), dlp(buffered=buffered))
    assert text_of(out) == f"Mail {MARK} or {MARK}!"
    assert made.stopped is None and out.endswith(TAIL) and exchange.response
    assert exchange.response.finish_reasons == ("stop",) and exchange.response.usage.input_tokens == 3
    (decision,) = exchange.decisions
    assert (decision.verdict, decision.reason) == ("redact", "dlp.pattern")
    assert sum(count for _, count in decision.redactions) == 2


@pytest.mark.parametrize("key", ["content", "reasoning_content", "reasoning", "refusal"])
def test_every_text_of_a_choice_is_guarded(key: str) -> None:
    out = play([says("ACME-", key=key), says("123456 ", key=key), TAIL], dlp())[0]
    assert text_of(out, key) == f"{MARK} "


def test_choices_that_come_in_turn_do_not_hide_a_value() -> None:
    mixed = [says("ACME-", 0), says("ACME-", 1), says("123", 0), says("123", 1), says("456.", 0), says("999.", 1)]
    out = play([*mixed, event(index=1, delta={}, finish_reason="stop"), TAIL], dlp())[0]
    assert (text_of(out, index=0), text_of(out, index=1)) == (f"{MARK}.", f"{MARK}.")


ARGUMENTS = (
    r'{"to": "bob\u0040example.com", "n": [1, 4111111111111111], "note": "say \"ACME-123456\"", "x": "\ud83d\ude42"}'
)


@pytest.mark.parametrize("size", range(1, len(ARGUMENTS) + 1))
@pytest.mark.parametrize("buffered", [False, True])
def test_tool_arguments_stay_json_wherever_they_are_cut(size: int, buffered: bool) -> None:
    pieces = [ARGUMENTS[at : at + size] for at in range(0, len(ARGUMENTS), size)]
    out = play([*map(calls, pieces), TAIL], dlp(buffered=buffered))[0]
    assert json.loads(arguments_of(out)) == {"to": MARK, "n": [1, MARK], "note": f'say "{MARK}"', "x": "🙂"}


@pytest.mark.parametrize("size", range(1, len(ARGUMENTS) + 1))
def test_tool_arguments_without_a_hit_keep_their_bytes(size: int) -> None:
    harmless = (
        ARGUMENTS.replace("@", "").replace("ACME-123456", "nothing").replace(r"\u0040", r"\u0041").replace("4111", "4")
    )
    data = [calls(harmless[at : at + size]) for at in range(0, len(harmless), size)]
    assert play([*data, TAIL], dlp())[0] == b"".join([*data, TAIL])


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("written", "left"),
    [
        (r"""{'to': 'bob\u0040example.com'}""", f"{{'to': '{MARK}'}}"),
        (r"""{"a": "\q bob\u0040example.com"}""", rf'{{"a": "\q {MARK}"}}'),
        (r"""{"a": 1,, "b": "\n4111111111111111"}""", rf'{{"a": 1,, "b": "\n{MARK}"}}'),
        (r"""{"a": 1}{"b": 4111111111111111}""", f'{{"a": 1}}{{"b": "{MARK}"}}'),
    ],
)
def test_an_escape_hides_nothing_in_arguments_that_are_no_json(
    written: str, left: str, size: int, buffered: bool
) -> None:
    pieces = [written[at : at + size] for at in range(0, len(written), size)]
    assert arguments_of(play([*map(calls, pieces), TAIL], dlp(buffered=buffered))[0]) == left


def test_parallel_calls_are_guarded_each_by_itself() -> None:
    data = [calls('{"a": "ACME-', 0), calls('{"b": "ACME-', 1), calls('123456"}', 0), calls('12"}', 1), TAIL]
    out = play(data, dlp())[0]
    assert (json.loads(arguments_of(out, 0)), json.loads(arguments_of(out, 1))) == ({"a": MARK}, {"b": "ACME-12"})


def test_held_text_is_out_before_its_choice_finishes() -> None:
    made, _ = guard(dlp())
    assert made.feed(says("hello")) == b""
    assert made.feed(STOP) == says("hello") + STOP


def test_text_before_tool_calls_is_let_go_after_a_few_events() -> None:
    made, _ = guard(dlp())
    assert made.feed(says("hello")) == b""
    later = [calls("") for _ in range(3)] + [calls(text) for text in ("{", '"a"', ": ", "1")]
    outs = [made.feed(each) for each in later]
    assert b"hello" not in b"".join(outs[: 3 + PATIENCE - 1])
    assert b"hello" in outs[3 + PATIENCE - 1]


def test_a_value_that_reaches_back_into_what_was_let_go_stops_the_stream() -> None:
    data = [says("ACME-"), *(calls(text) for text in ("{", '"a"', ": ", "1", "}")), says("123456"), TAIL]
    out, made, _ = play(data, dlp())
    assert made.stopped == Failed(
        "A value that must not leave came in parts; the stream was stopped.", "value_cut_short"
    )
    assert b"123456" not in out


def test_a_value_that_is_whole_when_its_text_is_let_go_is_redacted() -> None:
    out = play([says("mail bob@example.com"), *(calls(text) for text in ("{", '"a"', ": ", "1", "}")), TAIL], dlp())[0]
    assert text_of(out) == f"mail {MARK}" and out.endswith(TAIL)


@pytest.mark.parametrize("between", [STOP, DONE, STOP + DONE])
@pytest.mark.parametrize("say", [says, lambda text: calls(f'"{text}' if text[0] == "A" else f'{text}"')])
def test_a_value_across_a_finish_is_not_completed(say: Callable[[str], bytes], between: bytes) -> None:
    out, made, _ = play([say("ACME-"), between, say("123456"), DONE], dlp())
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "value_cut_short"
    assert b"123456" not in out


def test_what_comes_after_a_finish_is_guarded_as_before() -> None:
    later = [says(" and ACME-123456."), calls('{"b": "ACME-123456"}')]
    out = play([says("one"), calls('{"a": 1}'), STOP, *later, DONE], dlp())[0]
    assert text_of(out) == f"one and {MARK}." and arguments_of(out) == f'{{"a": 1}}{{"b": "{MARK}"}}'


class Counts(DlpFilter):
    """Counts how many edits it was asked about."""

    asked = 0

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        self.asked += len(edits)
        return super().verdict(edits)


def test_a_verdict_is_asked_for_what_is_new_and_the_record_counts_all() -> None:
    policy = Counts(DlpSettings(detect_patterns=PATTERNS))
    exchange = play([*[says("ACME-123456 ")] * 500, TAIL], Link(policy=policy))[2]
    assert exchange.decisions[0].redactions == (("pattern", 500),) and policy.asked == 1


def test_a_stream_with_more_texts_than_can_be_followed_is_stopped() -> None:
    _, made, _ = play([says("x ", index) for index in range(MOST_TEXTS + 1)], dlp())
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "reply_too_large"


def test_a_block_ends_the_stream_in_its_own_protocol() -> None:
    out, made, exchange = play([says("All is well. "), says("ACME-123456 "), TAIL], dlp("block"), wants_usage=True)
    assert isinstance(made.stopped, Refused) and made.stopped.policy == "dlp-filter"
    assert b"ACME" not in out and out.endswith(DONE)
    *_, last, usage = chunks(out)
    assert [(c["index"], c["finish_reason"]) for c in last["choices"]] == [(0, "content_filter")]  # type: ignore[attr-defined]
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] > 0  # type: ignore[index]
    assert [d.verdict for d in exchange.decisions] == ["block"]


@pytest.mark.parametrize("odd", [r'"id":"\ud800"', r'"model":"\ud800"', f'"created":{10**30}', '"created":[1]'])
def test_a_stream_that_cannot_be_told_of_is_blocked_all_the_same(odd: str) -> None:
    data = raw(f'{{{odd},"choices":[{{"delta":{{"content":"ACME-123456 "}},"finish_reason":"\\ud800"}}]}}')
    out, made, exchange = play([data], dlp("block"))
    assert isinstance(made.stopped, Refused) and out.endswith(DONE)
    assert exchange.response and f"{exchange.response}".encode()


def test_a_block_of_a_stream_that_is_judged_whole_lets_nothing_out() -> None:
    out, made, _ = play([says("All is well. "), says("ACME-123456 "), TAIL], dlp("block", buffered=True))
    assert isinstance(made.stopped, Refused)
    assert text_of(out) == "" and out.endswith(DONE)


def test_shadow_mode_decides_and_changes_nothing() -> None:
    data = LEAKING + TAIL
    out, made, exchange = play([data], dlp("block", shadow=True))
    (decision,) = exchange.decisions
    assert out == data and made.stopped is None
    assert (decision.verdict, decision.enforced) == ("block", False)


def test_a_policy_sees_what_the_one_before_it_left() -> None:
    second = Link(policy=DlpFilter(DlpSettings(detect_patterns=(r"\[DLP_REDACTED\]",), action="redact")))
    one, two = play([LEAKING + TAIL], dlp(), second)[2].decisions
    assert dict(one.redactions) == dict(two.redactions) == {"pattern": 2}


@pytest.mark.parametrize(("on_error", "stops"), [("block", True), ("allow", False)])
def test_a_policy_that_breaks_stops_the_stream_unless_its_operator_allows(on_error: str, stops: bool) -> None:
    data = PLAIN + TAIL
    out, made, exchange = play([data], Link(policy=Breaks(None), on_error=on_error))  # type: ignore[arg-type]
    (decision,) = exchange.decisions
    assert bool(made.stopped) == stops and (out == data) == (not stops)
    assert decision.reason == "policy_error:OSError"


def test_log_probabilities_of_an_edited_event_go() -> None:
    token = {"content": [{"token": "ACME-123456", "logprob": -0.1, "bytes": [65], "top_logprobs": []}]}
    out = play(
        [
            event(delta={"content": "ACME-123456"}, logprobs=token),
            event(delta={"content": " ok"}, logprobs=token | {"content": []}),
            TAIL,
        ],
        dlp(),
    )[0]
    first, second, *_ = chunks(out)
    assert first["choices"][0]["logprobs"] is None and second["choices"][0]["logprobs"] == {"content": []}  # type: ignore[index]


def test_opaque_values_are_left_alone() -> None:
    data = event(
        delta={"tool_calls": [{"index": 0, "id": "ACME-123456", "type": "function"}], "signature": "ACME-123456"}
    )
    assert play([data, TAIL], dlp())[0] == data + TAIL


def raw(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


UNKNOWN: list[Callable[[str], dict[str, object]]] = [
    lambda text: {"new_field": text},
    lambda text: {"new_field": {"deep": [text]}},
    lambda text: {"content": [text]},
    lambda text: {"content": [{"type": "text", "text": text}]},
    lambda text: {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]},
    lambda text: {"reasoning_details": [{"type": "reasoning.text", "text": text, "format": "a-v1", "index": 0}]},
    lambda text: {"audio": {"id": "a", "transcript": text, "data": "ACME"}},
    lambda text: {"tool_calls": [{"index": 0, "custom": {"input": text}}]},
    lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": {"a": text}}}]},
    lambda text: {"annotations": [{"type": "url_citation", "url_citation": {"title": text}}]},
]


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("delta", UNKNOWN)
def test_every_string_of_a_delta_is_a_text_that_grows(
    delta: Callable[[str], dict[str, object]], buffered: bool
) -> None:
    said = [event(delta=delta(text)) for text in ("so ", "ACME-", "123456.")]
    out, made, _ = play([*said, TAIL], dlp(buffered=buffered))
    assert b"123456" not in out and MARK.encode() in out and made.stopped is None and out.endswith(TAIL)


def test_what_every_event_repeats_holds_nothing_back() -> None:
    made, _ = guard(dlp())
    said = [event(delta={"content": text, "channel": "analysis"}) for text in ("one ", "two ", "three ")]
    assert [made.feed(each) for each in said] == said


def test_parts_of_one_type_in_one_event_are_one_text() -> None:
    parts = [{"type": "text", "text": text} for text in ("ACME-", "123456")]
    assert b"123456" not in play([event(delta={"content": parts}), TAIL], dlp())[0]


def test_a_name_is_not_waited_for_but_a_value_across_two_of_them_is_not_completed() -> None:
    made, _ = guard(dlp())
    named = [event(delta={"tool_calls": [{"index": 0, "function": {"name": text}}]}) for text in ("ACME-", "123456")]
    assert made.feed(named[0]) == named[0]
    assert b"123456" not in made.feed(named[1] + TAIL) and isinstance(made.stopped, Failed)


@pytest.mark.parametrize(
    "logprobs",
    [
        "ACME-123456",
        ["ACME-123456"],
        {"content": "ACME-123456"},
        {"tokens": ["ACME-", "123456"], "top_logprobs": 5},
        {"content": [{"token": "x", "note": {"deep": ["ACME-123456"]}}]},
        {"content": [{"token": {"text": "ACME-123456"}}]},
        {"content": [{"token": "x", "top_logprobs": {"ACME-123456": -1}}]},
        {"ACME-123456": []},
        {"content": [[["ACME-123456"]]]},
    ],
)
def test_log_probabilities_of_any_shape_hide_nothing(logprobs: object) -> None:
    for buffered in (False, True):
        out = play([event(delta={}, logprobs=logprobs), TAIL], dlp(buffered=buffered))[0]
        assert chunks(out)[0]["choices"][0]["logprobs"] is None  # type: ignore[index]


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        raw('{"note":"ACME-123456","choices":[]}'),
        raw('{"choices":[],"usage":{"note":"ACME-123456"}}'),
        raw('{"choices":[],"created":"ACME-123456"}'),
        raw('{"choices":[],"model":"an ACME-123456"}'),
        raw('{"error":{"message":"ACME-123456","file":"ACME-123456"}}'),
        event(message={"content": "ACME-123456"}),
        event(delta={"role": "an ACME-123456"}),
        event(delta={"ACME-123456": {"ACME-123456": 1}}),
        raw('{"choices":[],"ACME-123456":null}'),
        event(delta={}, finish_reason="an ACME-123456"),
        event(delta={}, content_filter_results={"note": "ACME-123456"}),
        b": ACME-123456\n\n",
        b"event: ACME-123456\n" + says("x "),
        b"id: ACME-123456\n" + says("x "),
        b": ACME-123456\nretry: 5\ndata: [DONE]\n\n",
        raw(r'{"choices":[{"delta":{"cont\u0065nt":"ACM\u0045-123456"}}]}'),
        raw(r'{"choices":[{"delta":{"content":"\ud800 ACME-123456"}}]}'),
        says("ACME-123456").replace(b', "', b',\ndata: "'),
        says("ACME-123456").replace(b"data: ", b"\xef\xbb\xbfdata:").replace(b"\n", b"\r"),
    ],
)
def test_a_value_is_redacted_wherever_an_event_has_it(data: bytes, buffered: bool) -> None:
    out, made, _ = play([data, TAIL], dlp(buffered=buffered))
    assert b"123456" not in out and made.stopped is None and out.endswith(TAIL)
    assert chunks(out)


def test_where_a_comment_goes_the_data_beside_it_stays() -> None:
    assert play([b": ACME-123456\nevent: x\n" + says("hello "), TAIL], dlp())[0] == says("hello ") + TAIL
    assert play([b": fine\nevent: x\nid: 1\n" + says("ACME-123456 "), TAIL], dlp())[0].startswith(
        b"event: x\nid: 1\ndata"
    )


def test_log_probabilities_are_judged_as_a_text_of_their_own() -> None:
    def spelled(token: str, other: str = "x") -> bytes:
        tokens = [{"token": token, "bytes": [65], "top_logprobs": [{"token": other}]}]
        return event(delta={}, logprobs={"content": tokens})

    out = play([spelled("ACME-"), spelled("123456"), spelled(" ok"), spelled(" ok", "ACME-123456"), TAIL], dlp())[0]
    assert [chunk["choices"][0]["logprobs"] is None for chunk in chunks(out)[:4]] == [True, True, False, True]  # type: ignore[index]


@pytest.mark.parametrize(
    "data",
    [
        *map(raw, ("nonsense", "7", '{"choices":7}', '{"choices":[7]}', '{"choices":{"a":1}}', '{"a":NaN}')),
        raw('{"choices":[{"delta":{"content":"ACME-123456","content":"x"}}]}'),
        raw(r'{"choices":[{"delta":{"cont\u0065nt":"ACME-123456","content":"x"}}]}'),
        raw(f'{{"a":{"[" * 500}"ACME-123456"{"]" * 500}}}'),
        raw('{"choices":[{"index":"0"}]}'),
        raw(f'{{"choices":[{{"index":{10**30}}}]}}'),
        event(delta={"tool_calls": [{"index": [1]}]}),
        event(delta={"tool_calls": [{"index": "0"}]}),
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\x00"}}]}\n\n',
        b"note: ACME-123456\n" + says("x"),
        json.dumps({"choices": [{"message": {"content": "ACME-123456"}}]}).encode(),
    ],
)
def test_what_is_no_chat_stream_is_stopped_with_an_error_that_sdks_raise(data: bytes) -> None:
    out, made, _ = play([says("hello "), data, DONE], dlp())
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "reply_unreadable"
    assert out.startswith(says("hello ")) and chunks(out)[-1]["error"]["code"] == "reply_unreadable"  # type: ignore[index]


def test_more_than_may_be_held_back_stops_the_stream() -> None:
    small = StreamLimits(held_bytes=1000)
    _, made, _ = play([says("x" * 300), says("y " * 300), TAIL], dlp(buffered=True), limits=small)
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "reply_too_large"


def test_an_event_above_its_limit_stops_the_stream() -> None:
    _, made, _ = play([says("x" * 3000)], dlp(), limits=StreamLimits(event_bytes=2000))
    assert isinstance(made.stopped, Failed) and made.stopped.reason == "reply_too_large"


def test_a_pause_lets_out_what_is_settled_as_an_event_of_its_own() -> None:
    made, _ = guard(dlp())
    assert made.wake_after == 0
    assert made.feed(says("All of this, but not bob")) == b""
    assert made.wake_after == StreamLimits().flush_seconds
    assert text_of(made.flush()) == "All of this, but not "
    assert made.flush() == b""
    assert text_of(made.feed(says("@example.com!"))) == f"{MARK}!"
    assert made.wake_after == 0


def test_a_stream_that_is_judged_whole_is_kept_alive_by_comments() -> None:
    made, _ = guard(dlp(buffered=True))
    made.feed(says("hello "))
    assert made.wake_after == StreamLimits().ping_seconds
    assert made.flush() == PING and PING.startswith(b":")


def test_for_a_policy_that_sees_whole_replies_only_the_stream_is_judged_whole() -> None:
    seen: list[str] = []

    def judge(exchange: Exchange) -> Hook:
        seen.extend(text.value for text in (exchange.response.texts if exchange.response else ()))
        return Chain((dlp(),), lambda: 0).links[0].policy.on_output(exchange)

    out, _, _ = play([LEAKING, calls('{"a": "bob@exam'), calls('ple.com"}'), TAIL], Link(policy=Whole(judge)))
    assert seen == ["Mail bob@example.com or ACME-123456!", "a", "bob@example.com"]
    assert text_of(out) == f"Mail {MARK} or {MARK}!" and json.loads(arguments_of(out)) == {"a": MARK}


def test_an_answer_is_rewritten_at_the_end_of_its_stream() -> None:
    rules = (
        Rule(name="cat", pattern=Pattern("c[a]+t"), replacement="dog"),
        Rule(name="end", position="append", replacement="!"),
    )
    logprobs = {"content": [{"token": "so", "top_logprobs": []}]}
    link = Link(policy=ResponseRewriter(ResponseRewriterSettings(rules=rules)))
    said = [says("the caa"), says("t sat"), calls('{"the": "cat"}'), event(delta={}, logprobs=logprobs)]
    out = play([*said, TAIL], link)[0]
    assert text_of(out) == "the dog sat!" and arguments_of(out) == '{"the": "dog"}' and said[-1] in out


def test_a_last_event_without_its_blank_line_is_guarded_too() -> None:
    out, _, _ = play([says("ACME-123456").rstrip(b"\n")], dlp())
    assert b"ACME" not in out and text_of(out + b"\n\n") == MARK


SPOILS = (
    *(
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        "\r",
        "\n\n",
        "data: ",
        r"\ud800",
        r"\u0040",
        "null",
        "9" * 20,
        "\0",
    ),
    *(": c\n\n", "event: x\n", "[DONE]", "\ufeff", '"index":5,', '"content":"ACME-123456",', '"finish_reason":"stop",'),
    '"logprobs":{"content":[{"token":"ACME-123456","top_logprobs":7}]},',
)
SPOILT = (LEAKING + calls('{"to": "bob@exam') + calls('ple.com", "n": 4111111111111111}') + TAIL).decode()


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SPOILT)), st.sampled_from(SPOILS)), max_size=4),
    st.sampled_from(["redact", "block"]),
    st.booleans(),
)
def test_whatever_a_provider_sends_what_leaves_is_a_stream_without_the_value(
    spoils: list[tuple[int, str]], action: str, buffered: bool
) -> None:
    text = SPOILT
    for at, spoil in spoils:
        text = text[:at] + spoil + text[at:]
    out = play([text.encode()], dlp(action, buffered=buffered))[0]
    said = chunks(out + b"\n\n")  # each is JSON
    assert not any("ACME-123456" in json.dumps(chunk) for chunk in said)


def test_a_block_repeats_no_name_of_the_providers_before_anything_has_left() -> None:
    reader = Stream()
    reader.read(
        Framer().feed(b'data: {"id":"eve@example.com","model":"the model","choices":[{"index":0,"delta":{}}]}\n\n')[0]
    )
    early, late = reader.blocked(wants_usage=True, sent=0), reader.blocked(wants_usage=True, sent=1)
    assert b"eve@" not in early and b"the model" not in early
    assert b'"model":"the model"' in late
    assert reader.response().model == "the model"
