from __future__ import annotations

import pytest

from extproc import wire
from extproc.model import Answer, Body, BodyMode, Chunk, Head, Opened, PeerError, Phase, Proceed, Reply, Trailers
from extproc.proto import ext_proc_pb2 as pb


def headers(*pairs: tuple[str, bytes]) -> pb.HeaderMap:
    return pb.HeaderMap(headers=[pb.HeaderValue(key=key, raw_value=value) for key, value in pairs])


def test_repeated_headers_and_bytes_beyond_ascii_are_kept() -> None:
    message = pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=headers(("a", b"1"), ("a", b"\xff")), end_of_stream=True)
    )
    opened, event = wire.decode(message.SerializeToString())
    assert opened is None
    assert event == Head(Phase.REQUEST_HEADERS, (("a", "1"), ("a", "\xff")), end=True)


def test_other_data_planes_send_values_as_text() -> None:
    message = pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=pb.HeaderMap(headers=[pb.HeaderValue(key="a", value="x")]))
    )
    assert wire.decode(message.SerializeToString())[1] == Head(Phase.REQUEST_HEADERS, (("a", "x"),))


def test_the_first_message_tells_the_modes() -> None:
    message = pb.ProcessingRequest(response_body=pb.HttpBody(body=b"x", end_of_stream=True))
    message.protocol_config.request_body_mode = pb.STREAMED
    message.protocol_config.response_body_mode = pb.FULL_DUPLEX_STREAMED
    assert wire.decode(message.SerializeToString()) == (
        Opened(BodyMode.STREAMED, BodyMode.FULL_DUPLEX),
        Body(Phase.RESPONSE_BODY, b"x", end=True),
    )


def test_trailers_are_told_apart_by_direction() -> None:
    message = pb.ProcessingRequest(response_trailers=pb.HttpTrailers(trailers=headers(("t", b"1"))))
    assert wire.decode(message.SerializeToString())[1] == Trailers(Phase.RESPONSE_TRAILERS, (("t", "1"),))


@pytest.mark.parametrize("data", [b"", b"\xff\xff", pb.ProcessingRequest(observability_mode=True).SerializeToString()])
def test_what_is_no_known_message_is_the_peers_fault(data: bytes) -> None:
    with pytest.raises(PeerError):
        wire.decode(data)


@pytest.mark.parametrize("phase", list(Phase))
def test_an_empty_reply_still_says_what_it_replies_to(phase: Phase) -> None:
    message = pb.ProcessingResponse.FromString(wire.encode(Proceed(phase)))
    assert message.WhichOneof("response") == phase.value


def encoded(reply: Reply) -> pb.ProcessingResponse:
    return pb.ProcessingResponse.FromString(wire.encode(reply))


def test_a_set_header_overwrites_and_travels_as_bytes() -> None:
    message = encoded(Proceed(Phase.REQUEST_HEADERS, set_headers=(("a", "\xff"),), remove_headers=("b",)))
    mutation = message.request_headers.response.header_mutation
    assert mutation.set_headers[0].header.raw_value == b"\xff"
    assert mutation.set_headers[0].append_action == pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    assert list(mutation.remove_headers) == ["b"]


def test_full_duplex_asks_for_trailers_too() -> None:
    message = encoded(Proceed(Phase.RESPONSE_HEADERS, mode=BodyMode.FULL_DUPLEX))
    assert message.mode_override.response_body_mode == pb.FULL_DUPLEX_STREAMED
    assert message.mode_override.response_trailer_mode == pb.SEND


def test_targets_and_facts_travel_as_metadata() -> None:
    message = encoded(Proceed(Phase.REQUEST_BODY, targets=("target:a", "target:b"), metadata={"len": "3"}))
    override = pb.PriorityGroupsOverride.FromString(message.typed_dynamic_metadata["kt.route"].value)
    assert [group.clusters[0].cluster_name for group in override.priority_groups] == ["target:a", "target:b"]
    assert message.dynamic_metadata["kt.log"]["len"] == "3"


def test_a_chunk_and_an_emptied_body_are_what_they_say() -> None:
    chunk = encoded(Chunk(Phase.RESPONSE_BODY, b"x", end=True)).response_body.response.body_mutation
    assert (chunk.streamed_response.body, chunk.streamed_response.end_of_stream) == (b"x", True)
    assert encoded(Proceed(Phase.REQUEST_BODY, body=b"")).request_body.response.body_mutation.clear_body


def test_an_answer_carries_status_headers_body_and_details() -> None:
    part = encoded(Answer(409, b"{}", (("x-a", "1"),), "kt_block")).immediate_response
    assert (part.status.code, part.body, part.details) == (409, b"{}", "kt_block")
