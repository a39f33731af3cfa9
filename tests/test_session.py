from __future__ import annotations

import gzip
import zlib
from types import SimpleNamespace

import pytest
from fakes import KEY, Asks, Play, Says, answered, ask, chain, opened, prompt, reply, rules

from extproc.dialects import openai_chat
from extproc.model import (
    Allow,
    Answer,
    Block,
    BodyMode,
    Chunk,
    Edit,
    Escalate,
    Event,
    Fail,
    PeerError,
    Phase,
    Proceed,
    Redact,
    Send,
    Trailers,
    Wake,
)
from extproc.policies.dlp_filter import DlpFilter, DlpSettings

CHAT = b'{"model":"demo","messages":[{"role":"user","content":"hello"}]}'
REPLY = (
    b'{"id":"c1","object":"chat.completion","model":"demo","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"hi there"},"finish_reason":"stop"}]}'
)
BLOCK = Block("not here", "says.no")
HELLO = Redact((Edit(("messages", 0, "content"), 0, 5, "[X]", "word"),), "says.word")
HI = Redact((Edit(("choices", 0, "message", "content"), 0, 2, "[Y]", "word"),), "says.word")


def test_a_plain_exchange_passes_with_its_bytes_untouched_and_is_recorded_twice() -> None:
    play = Play(rules(Says(Allow())))
    head, body, back, last = play.tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    assert head == Proceed(Phase.REQUEST_HEADERS)
    assert isinstance(body, Proceed) and body.body is None and body.targets == ("target:a", "target:b")
    assert isinstance(back, Proceed) and back.set_headers == (("x-keeptrusts-request-id", "id-1"),)
    assert last == Proceed(Phase.RESPONSE_BODY)
    (begin,), (end,) = play.records("begin"), play.records("end")
    assert begin["consumer"] == {"key_id": "tok_1", "name": "ana", "team": "payments", "org": "default"}
    assert end["outcome"] == "allowed" and end["status"] == 200 and end["model"] == "demo"


def test_the_clients_credentials_are_taken_off_in_the_reply_that_picks_the_target() -> None:
    _, body = Play(rules()).tell(ask(), prompt(CHAT))
    assert isinstance(body, Proceed)
    assert {"authorization", "x-api-key", "api-key", "cookie"} <= set(body.remove_headers)
    assert body.clear_route_cache
    assert body.metadata == {
        "id": "id-1",
        "path": "/v1/chat/completions",
        "len": str(len(CHAT)),
        "dialect": "openai-chat",
    }


def test_begin_is_recorded_before_anything_passes_and_end_before_the_last_byte() -> None:
    play = Play(rules())
    play.tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    kinds = [getattr(step, "entry", {}).get("k", "send") for step in play.steps]
    assert kinds == ["begin", "send", "send", "send", "end", "send"]


def test_an_unknown_key_is_refused_at_the_headers_before_a_body_is_buffered() -> None:
    play = Play(rules())
    (no,) = play.tell(ask(key="kt_ak_wrong"))
    assert isinstance(no, Answer) and no.status == 401
    assert b'"code":"invalid_api_key"' in no.body.replace(b" ", b"")
    assert play.tell(prompt(CHAT)) == []
    assert play.records("end")[0]["outcome"] == "refused"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (ask("/v1/nothing"), 404),
        (ask("/v1/chat/completions", "GET"), 405),
        (ask(end=True), 400),
        (ask("/v1/chat/completions", "POST", ask().headers[2][1][7:], ("content-encoding", "br")), 415),
        (ask("/v1/chat/completions", "POST", ask().headers[2][1][7:], ("content-length", str(33 << 20))), 413),
    ],
)
def test_what_the_headers_alone_forbid_is_answered_at_once(head: Event, status: int) -> None:
    (no,) = Play(rules()).tell(head)
    assert isinstance(no, Answer) and no.status == status
    assert no.body.startswith(b'{"error":{')


def test_the_models_are_listed_from_the_configuration() -> None:
    (yes,) = Play(rules()).tell(ask("/v1/models", "GET", end=True))
    assert isinstance(yes, Answer) and (yes.status, yes.body) == (200, b"{}")


def test_a_blocked_request_is_a_409_that_clients_do_not_retry() -> None:
    play = Play(rules(Says(BLOCK)))
    _, no = play.tell(ask(), prompt(CHAT))
    assert isinstance(no, Answer) and no.status == 409
    assert ("x-should-retry", "false") in no.headers
    assert play.records("end")[0]["reason"] == "says.no"


def test_a_block_has_the_status_that_the_operator_chose() -> None:
    play = Play(rules(Says(BLOCK), block_status=400))
    _, no = play.tell(ask(), prompt(CHAT))
    assert isinstance(no, Answer) and no.status == play.records("end")[0]["status"] == 400


def test_a_redacted_request_carries_its_exact_new_length() -> None:
    _, body = Play(rules(Says(HELLO))).tell(ask(), prompt(CHAT))
    assert isinstance(body, Proceed) and body.body == CHAT.replace(b"hello", b"[X]")
    assert ("content-length", str(len(CHAT) - 2)) in body.set_headers


def test_a_redacted_reply_carries_its_exact_new_length() -> None:
    play = Play(rules(_OutputOnly(HI)))
    *_, last = play.tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    changed = REPLY.replace(b"hi there", b"[Y] there")
    assert last == Proceed(
        Phase.RESPONSE_BODY,
        set_headers=(("content-length", str(len(changed))),),
        remove_headers=("content-encoding",),
        body=changed,
    )
    assert play.records("end")[0]["outcome"] == "redacted"


def test_an_escalation_is_told_apart_from_a_block() -> None:
    _, no = Play(rules(Says(Escalate("ask a human", "says.maybe")))).tell(ask(), prompt(CHAT))
    assert isinstance(no, Answer) and b"escalation_required" in no.body


def test_a_reply_that_nobody_can_read_does_not_pass() -> None:
    *_, no = Play(rules()).tell(ask(), prompt(CHAT), answered(), reply(b"not json"))
    assert isinstance(no, Answer) and no.status == 502


def test_a_reply_in_a_coding_that_nobody_can_undo_does_not_pass() -> None:
    *_, no = Play(rules()).tell(
        ask(), prompt(CHAT), answered(200, "application/json", ("content-encoding", "compress"))
    )
    assert isinstance(no, Answer) and no.status == 502


def test_a_coded_reply_is_decoded_and_judged() -> None:
    play = Play(rules(_OutputOnly(HI)))
    coded = ("content-encoding", "gzip")
    *_, last = play.tell(ask(), prompt(CHAT), answered(200, "application/json", coded), reply(gzip.compress(REPLY)))
    assert isinstance(last, Proceed) and last.body == REPLY.replace(b"hi there", b"[Y] there")
    assert last.remove_headers == ("content-encoding",)


def test_a_reply_whose_coding_is_broken_does_not_pass() -> None:
    coded = ("content-encoding", "gzip")
    *_, no = Play(rules()).tell(ask(), prompt(CHAT), answered(200, "application/json", coded), reply(b"no gzip"))
    assert isinstance(no, Answer) and no.status == 502


def test_a_coded_request_is_decoded_judged_and_goes_on_plain() -> None:
    head = ask("/v1/chat/completions", "POST", ask().headers[2][1][7:], ("content-encoding", "gzip"))
    *_, last = Play(rules()).tell(head, prompt(gzip.compress(CHAT)))
    assert isinstance(last, Proceed) and last.body == CHAT
    assert "content-encoding" in last.remove_headers and ("content-length", str(len(CHAT))) in last.set_headers


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [("gzip", b"no gzip", 400), ("gzip", gzip.compress(CHAT)[:-4], 400), ("gzip", gzip.compress(bytes(40 << 20)), 413)],
)
def test_a_coded_request_that_cannot_be_decoded_is_refused(coding: str, body: bytes, status: int) -> None:
    head = ask("/v1/chat/completions", "POST", ask().headers[2][1][7:], ("content-encoding", coding))
    *_, no = Play(rules()).tell(head, prompt(body))
    assert isinstance(no, Answer) and no.status == status


def test_a_providers_error_is_judged_like_a_reply() -> None:
    message = b'{"error":{"message":"hi there"}}'
    edit = Redact((Edit(("error", "message"), 0, 2, "[Y]", "word"),), "says.word")
    play = Play(rules(_OutputOnly(edit)))
    *_, last = play.tell(ask(), prompt(CHAT), answered(429), reply(message))
    assert isinstance(last, Proceed) and last.body == message.replace(b"hi", b"[Y]")
    assert play.records("end")[0]["outcome"] == "error"


def test_an_error_that_nobody_can_check_is_replaced_and_keeps_its_status() -> None:
    play = Play(rules(_OutputOnly(HI)))
    *_, last = play.tell(ask(), prompt(CHAT), answered(503, "text/html"), reply(b"<html>hi there"))
    assert isinstance(last, Proceed) and last.body and b"error_unreadable" in last.body
    assert ("content-type", "application/json") in last.set_headers
    assert play.records("end")[0]["status"] == 503


def test_a_providers_error_passes_as_it_is_where_nothing_guards_replies() -> None:
    play = Play(rules())
    *_, last = play.tell(ask(), prompt(CHAT), answered(429), reply(b'{"error":{}}'))
    assert last == Proceed(Phase.RESPONSE_BODY)
    assert play.records("end")[0]["outcome"] == "error"


EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hello "}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def test_an_event_stream_turns_to_full_duplex_and_passes_piece_by_piece() -> None:
    play = Play(rules())
    _, _, head, one, two = play.tell(
        ask(),
        prompt(CHAT),
        answered(200, "text/event-stream; charset=utf-8"),
        reply(EVENT, False),
        reply(DONE, True),
    )
    assert isinstance(head, Proceed) and head.mode is BodyMode.FULL_DUPLEX
    assert (one, two) == (Chunk(Phase.RESPONSE_BODY, EVENT), Chunk(Phase.RESPONSE_BODY, DONE, end=True))
    assert len(play.records("end")) == 1


STREAM = answered(200, "text/event-stream")
LEAK = b'data: {"choices":[{"index":0,"delta":{"content":"ACME-123456 "}}]}\n\n'


def dlp(action: str) -> DlpFilter:
    return DlpFilter(DlpSettings(detect_patterns=("ACME-[0-9]{6}",), action=action))  # type: ignore[arg-type]


def test_a_stream_is_redacted_while_it_runs() -> None:
    play = Play(rules(dlp("redact")))
    *_, one, two = play.tell(ask(), prompt(CHAT), STREAM, reply(LEAK, False), reply(DONE, True))
    assert isinstance(one, Chunk) and b"[DLP_REDACTED] " in one.data and b"ACME" not in one.data
    assert two == Chunk(Phase.RESPONSE_BODY, DONE, end=True)
    assert play.records("end")[0]["outcome"] == "redacted"


def test_a_blocked_stream_is_ended_at_once_and_what_still_comes_is_ignored() -> None:
    play = Play(rules(dlp("block")))
    *_, one, two = play.tell(ask(), prompt(CHAT), STREAM, reply(EVENT, False), reply(LEAK, False))
    assert one == Chunk(Phase.RESPONSE_BODY, EVENT)
    assert isinstance(two, Chunk) and two.end and b"content_filter" in two.data and two.data.endswith(DONE)
    assert play.tell(reply(LEAK, False), reply(DONE, True)) == []
    assert [(end["outcome"], end["policy"]) for end in play.records("end")] == [("blocked", "dlp-filter")]


def test_a_blocked_stream_in_streamed_mode_answers_every_later_piece_empty() -> None:
    play = Play(rules(dlp("block")))
    play.tell(opened(response_body=BodyMode.STREAMED), ask(), prompt(CHAT), STREAM)
    one, two, three = play.tell(reply(LEAK, False), reply(EVENT, False), reply(DONE, True))
    assert isinstance(one, Proceed) and one.body and b"content_filter" in one.body
    assert two == three == Proceed(Phase.RESPONSE_BODY, body=b"")
    assert len(play.records("end")) == 1


def test_a_stream_that_is_blocked_before_its_headers_went_on_is_a_plain_409() -> None:
    play = Play(rules(dlp("block")))
    play.tell(opened(response_body=BodyMode.FULL_DUPLEX), ask(), prompt(CHAT))
    assert play.tell(STREAM) == []
    (no,) = play.tell(reply(LEAK, False))
    assert isinstance(no, Answer) and no.status == 409
    assert len(play.records("end")) == 1


def test_held_headers_go_before_the_first_piece() -> None:
    play = Play(rules(dlp("block")))
    play.tell(opened(response_body=BodyMode.FULL_DUPLEX), ask(), prompt(CHAT), STREAM)
    head, piece = play.tell(reply(EVENT, False))
    assert isinstance(head, Proceed) and head.phase is Phase.RESPONSE_HEADERS
    assert piece == Chunk(Phase.RESPONSE_BODY, EVENT)


def test_a_large_piece_of_a_stream_is_sent_on_in_parts() -> None:
    data = EVENT * (300_000 // len(EVENT)) + DONE
    play = Play(rules(dlp("block")))
    play.tell(ask(), prompt(CHAT), STREAM)
    parts = [each for each in play.tell(reply(data)) if isinstance(each, Chunk)]
    assert b"".join(part.data for part in parts) == data
    assert max(len(part.data) for part in parts) < 70_000
    assert [part.end for part in parts] == [False] * (len(parts) - 1) + [True]


def test_nothing_of_a_large_piece_is_sent_after_a_block() -> None:
    play = Play(rules(dlp("block")))
    play.tell(ask(), prompt(CHAT), STREAM)
    *_, last = play.tell(reply(EVENT + LEAK + EVENT * (200_000 // len(EVENT)), False))
    assert isinstance(last, Chunk) and last.end and b"content_filter" in last.data
    assert len(play.records("end")) == 1


NOTHING = Chunk(Phase.RESPONSE_BODY, b"")


def test_the_first_piece_of_a_stream_is_answered_even_where_all_of_it_is_held() -> None:
    play = Play(rules(dlp("redact")))
    play.tell(ask(), prompt(CHAT), STREAM)
    held = EVENT.replace(b"hello ", b"ACME")
    assert play.tell(reply(held, False)) == [NOTHING]
    assert play.tell(reply(b"data: ", False)) == []
    in_full_duplex = Play(rules(dlp("redact")))
    in_full_duplex.tell(opened(response_body=BodyMode.FULL_DUPLEX), ask(), prompt(CHAT), STREAM)
    assert in_full_duplex.tell(reply(held, False)) == []  # it would let the headers out, and a 409 come too late


def test_a_pause_wakes_the_session_and_lets_settled_text_out() -> None:
    play = Play(rules(dlp("redact")))
    held = EVENT.replace(b"hello ", b"hello ACM")
    play.tell(ask(), prompt(CHAT), STREAM)
    assert play.tell(reply(held, False)) == [NOTHING]
    assert isinstance(play.steps[-1], Wake) and play.steps[-1].after > 0
    (sent, _) = play.perform(play.session.woke())
    assert isinstance(sent, Send) and isinstance(sent.reply, Chunk) and b'"hello "' in sent.reply.data


def test_trailers_let_out_what_is_held() -> None:
    play = Play(rules(dlp("redact")))
    play.tell(ask(), prompt(CHAT), STREAM)
    assert play.tell(reply(EVENT.replace(b"hello ", b"ACME"), False)) == [NOTHING]
    piece, trailers = play.tell(Trailers(Phase.RESPONSE_TRAILERS, ()))
    assert isinstance(piece, Chunk) and b"ACME" in piece.data and not piece.end
    assert trailers == Proceed(Phase.RESPONSE_TRAILERS)


def test_a_stream_that_the_client_leaves_is_recorded_with_what_was_decided() -> None:
    play = Play(rules(dlp("redact")))
    play.tell(ask(), prompt(CHAT), STREAM, reply(LEAK, False))
    play.perform(play.session.closed())
    (end,) = play.records("end")
    assert end["outcome"] == "aborted" and [d.verdict for d in end["decisions"]] == ["allow", "redact"]  # type: ignore[attr-defined]


def test_a_client_that_leaves_after_the_terminal_event_has_heard_all_of_it() -> None:
    """OpenAI's SDK reads no further than `[DONE]`; the provider may end the body a moment later."""
    play = Play(rules(dlp("redact")))
    play.tell(ask(), prompt(CHAT), STREAM, reply(LEAK, False), reply(b"data: [DONE]\n\n", False))
    play.perform(play.session.closed())
    play.perform(play.session.closed())
    (end,) = play.records("end")
    assert end["outcome"] == "redacted"


def test_nor_is_it_heard_where_all_is_held_to_be_judged_whole() -> None:
    play = Play(rules(chain=chain(dlp("redact"), buffered=True)))
    play.tell(ask(), prompt(CHAT), STREAM, reply(EVENT, False), reply(b"data: [DONE]\n\n", False))
    play.perform(play.session.closed())
    (end,) = play.records("end")
    assert end["outcome"] == "aborted"


def test_a_coded_stream_is_decoded_piece_by_piece() -> None:
    squeeze = zlib.compressobj(wbits=31)
    first = squeeze.compress(LEAK) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    last = squeeze.compress(DONE) + squeeze.flush()
    play = Play(rules(dlp("redact")))
    *_, head, one, two = play.tell(
        ask(),
        prompt(CHAT),
        answered(200, "text/event-stream", ("content-encoding", "gzip")),
        reply(first, False),
        reply(last, True),
    )
    assert isinstance(head, Proceed) and "content-encoding" in head.remove_headers
    assert isinstance(one, Chunk) and b"[DLP_REDACTED]" in one.data
    assert two == Chunk(Phase.RESPONSE_BODY, DONE, end=True)


def test_a_repeated_last_piece_in_full_duplex_is_ignored() -> None:
    play = Play(rules())
    play.tell(ask(), prompt(CHAT), answered(200, "text/event-stream"), reply(DONE, True))
    assert play.tell(reply(DONE, True)) == []


@pytest.mark.parametrize("cut", range(len(CHAT) + 1))
def test_a_streamed_request_is_judged_whole_wherever_it_is_cut(cut: int) -> None:
    play = Play(rules(Says(HELLO)))
    modes = opened(request_body=BodyMode.STREAMED)
    _, first, last = play.tell(modes, ask(), prompt(CHAT[:cut], False), prompt(CHAT[cut:]))
    assert first == Proceed(Phase.REQUEST_BODY, body=b"")
    assert last == Proceed(Phase.REQUEST_BODY, body=CHAT.replace(b"hello", b"[X]"))


@pytest.mark.parametrize("cut", range(len(CHAT) + 1))
def test_a_full_duplex_request_holds_its_headers_until_the_body_was_judged(cut: int) -> None:
    play = Play(rules())
    assert play.tell(opened(request_body=BodyMode.FULL_DUPLEX), ask(), prompt(CHAT[:cut], False)) == []
    head, body = play.tell(prompt(CHAT[cut:]))
    assert isinstance(head, Proceed) and head.phase is Phase.REQUEST_HEADERS and head.targets
    assert body == Chunk(Phase.REQUEST_BODY, CHAT, end=True)


def test_a_full_duplex_request_that_ends_in_trailers_is_judged_before_them() -> None:
    play = Play(rules())
    play.tell(opened(request_body=BodyMode.FULL_DUPLEX), ask(), prompt(CHAT, False))
    _, body, trailers = play.tell(Trailers(Phase.REQUEST_TRAILERS, ()))
    assert body == Chunk(Phase.REQUEST_BODY, CHAT, end=False)
    assert trailers == Proceed(Phase.REQUEST_TRAILERS)


def test_a_full_duplex_json_reply_can_still_be_blocked_cleanly() -> None:
    play = Play(rules(_OutputOnly(BLOCK)))
    modes = opened(response_body=BodyMode.FULL_DUPLEX)
    replies = play.tell(modes, ask(), prompt(CHAT), answered(), reply(REPLY[:10], False), reply(REPLY[10:]))
    assert isinstance(replies[-1], Answer) and replies[-1].status == 409
    assert len(replies) == 3, "no headers of the reply may leave before the block"


@pytest.mark.parametrize("modes", [{"observing": True}, {"request_body": BodyMode.BUFFERED_PARTIAL}])
def test_a_filter_that_cannot_enforce_is_refused(modes: dict[str, object]) -> None:
    with pytest.raises(PeerError):
        Play(rules()).tell(opened(**modes))


def test_a_request_body_that_envoy_keeps_to_itself_is_refused() -> None:
    with pytest.raises(PeerError, match="NONE"):
        Play(rules()).tell(opened(request_body=BodyMode.NONE), ask())


@pytest.mark.parametrize(
    "events",
    [[prompt(CHAT)], [ask(), ask()], [ask(), prompt(CHAT), prompt(CHAT)], [reply(REPLY)], [answered(), answered()]],
)
def test_a_message_out_of_order_is_the_peers_fault(events: list[Event]) -> None:
    with pytest.raises(PeerError):
        Play(rules()).tell(*events)


def test_a_client_that_leaves_is_recorded_as_aborted_once() -> None:
    play = Play(rules())
    play.tell(ask(), prompt(CHAT))
    play.perform(play.session.closed())
    play.perform(play.session.closed())
    assert [end["outcome"] for end in play.records("end")] == ["aborted"]


def test_our_own_failure_is_recorded_and_ends_the_stream_with_an_error() -> None:
    play = Play(rules())
    play.tell(ask())
    steps = play.perform(play.session.broke("KeyError"))
    assert steps[-1] == Fail("KeyError")
    assert play.records("end")[0]["outcome"] == "error"


def test_a_need_of_a_policy_is_asked_of_the_driver_and_its_answer_counts() -> None:
    _, no = Play(rules(Asks()), found=lambda question: "bad").tell(ask(), prompt(CHAT))
    assert isinstance(no, Answer) and no.status == 409


class _OutputOnly(Says):
    def on_input(self, exchange: object) -> Allow:
        return Allow()


def test_requests_and_replies_have_limits_of_their_own() -> None:
    limited = rules(max_body_bytes=len(CHAT), max_response_bytes=len(REPLY) - 1)
    *_, refused = Play(limited).tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    assert isinstance(refused, Answer) and refused.status == 502 and b"reply_too_large" in refused.body
    limited = rules(max_body_bytes=len(CHAT), max_response_bytes=len(REPLY))
    *_, passed = Play(limited).tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    assert passed == Proceed(Phase.RESPONSE_BODY)


def test_a_header_tells_the_dialect_where_the_path_does_not() -> None:
    marked = SimpleNamespace(**{**vars(openai_chat), "error": lambda *_: b"marked"})
    snapshot = rules(marks={"anthropic-version": marked})
    for path, header, body in (("/v1/x", "anthropic-version", b"marked"), ("/v1/x", "x-other", None)):
        (no,) = Play(snapshot).tell(ask(path, "GET", KEY, (header, "1"), end=True))
        assert isinstance(no, Answer) and no.status == 404 and (no.body == b"marked") == (body is not None)
