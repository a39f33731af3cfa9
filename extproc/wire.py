"""Envoy's messages to events, and replies to Envoy's messages: bytes in, bytes out.

The only module that knows protobuf's ext_proc messages (design D6). Facts that live here once:

- Envoy sends header values in `raw_value` and honours nothing else on the way back; other data planes use `value`.
- Every set header says OVERWRITE, because what "append" means differs between versions and data planes.
- A reply whose oneof is unset is a protocol error, and reading a sub-message does not set it: `SetInParent`.
- The body modes are announced in the first message's `protocol_config`.
"""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.message import DecodeError

from extproc.model import (
    Answer,
    Body,
    BodyMode,
    Chunk,
    Event,
    Head,
    Headers,
    Opened,
    PeerError,
    Phase,
    Proceed,
    Reply,
    Trailers,
)
from extproc.proto import ext_proc_pb2 as pb

METADATA_NAMESPACE = "kt.log"
"""Facts for upstream filters, local replies and the access log, as strings."""

ROUTE_NAMESPACE = "kt.route"
"""The typed namespace that the route's priority-group specifier reads."""

_OVERRIDE_URL = (
    "type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupsOverride"
)
_OVERWRITE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_SEND_MODES = {
    BodyMode.NONE: pb.NONE,
    BodyMode.STREAMED: pb.STREAMED,
    BodyMode.BUFFERED: pb.BUFFERED,
    BodyMode.FULL_DUPLEX: pb.FULL_DUPLEX_STREAMED,
}
_GRPC_MODE = 5


def decode(data: bytes) -> tuple[Opened | None, Event]:
    """One `ProcessingRequest` as an event, after an `Opened` where it is the stream's first.

    Raises PeerError where the bytes are no such message, or one of a kind that we do not know.
    """
    try:
        message = pb.ProcessingRequest.FromString(data)
    except DecodeError as error:
        raise PeerError("not a ProcessingRequest") from error
    kind = message.WhichOneof("request")
    if kind is None:
        raise PeerError("a ProcessingRequest of an unknown kind")
    opened = _opened(message) if message.HasField("protocol_config") or message.observability_mode else None
    return opened, _event(_PHASES[kind], getattr(message, kind))


def _opened(message: pb.ProcessingRequest) -> Opened:
    config = message.protocol_config
    return Opened(
        request_body=_mode(config.request_body_mode),
        response_body=_mode(config.response_body_mode),
        without_waiting=config.send_body_without_waiting_for_header_response,
        observing=message.observability_mode,
    )


def _mode(number: int) -> BodyMode:
    if number >= _GRPC_MODE:
        raise PeerError(f"body send mode {number} is not served; use BUFFERED, STREAMED or FULL_DUPLEX_STREAMED")
    return BodyMode(number)


def _event(phase: Phase, part: pb.HttpHeaders | pb.HttpBody | pb.HttpTrailers) -> Event:
    match part:
        case pb.HttpBody():
            return Body(phase, part.body, part.end_of_stream)
        case pb.HttpHeaders():
            return Head(phase, _headers(part.headers), part.end_of_stream)
        case _:
            return Trailers(phase, _headers(part.trailers))


def _headers(header_map: pb.HeaderMap) -> Headers:
    return tuple(
        [(h.key, raw.decode("latin-1") if (raw := h.raw_value) else h.value) for h in header_map.headers]
    )  # a list first: a generator costs half as much again


def encode(reply: Reply) -> bytes:
    """A reply as the bytes of one `ProcessingResponse`."""
    if isinstance(reply, Proceed) and reply == _BARE.get(reply.phase):
        return _BARE_BYTES[reply.phase]
    return _encode(reply)


def _encode(reply: Reply) -> bytes:
    message = pb.ProcessingResponse()
    match reply:
        case Proceed():
            _proceed(message, reply)
        case Chunk():
            part = getattr(message, reply.phase.value).response.body_mutation.streamed_response
            part.body, part.end_of_stream = reply.data, reply.end
            part.SetInParent()
        case Answer():
            _answer(message.immediate_response, reply)
    return message.SerializeToString()


def _proceed(message: pb.ProcessingResponse, reply: Proceed) -> None:
    part = getattr(message, reply.phase.value)
    part.SetInParent()
    if reply.phase in (Phase.REQUEST_TRAILERS, Phase.RESPONSE_TRAILERS):
        return
    common = part.response
    common.SetInParent()
    if reply.set_headers or reply.remove_headers:
        _set(common.header_mutation, reply.set_headers)
        common.header_mutation.remove_headers.extend(reply.remove_headers)
    if reply.body is not None:
        _replace(common.body_mutation, reply.body)
    common.clear_route_cache = reply.clear_route_cache
    if reply.mode is not None:
        _override(message.mode_override, reply.mode)
    if reply.metadata is not None:
        facts = message.dynamic_metadata.fields[METADATA_NAMESPACE].struct_value.fields
        for name, value in reply.metadata.items():  # Struct.update() takes four times as long
            facts[name].string_value = value
    if reply.targets:
        route = message.typed_dynamic_metadata[ROUTE_NAMESPACE]
        route.type_url, route.value = _OVERRIDE_URL, _groups(reply.targets)


def _replace(mutation: pb.BodyMutation, body: bytes) -> None:
    if body:
        mutation.body = body
    else:
        mutation.clear_body = True


def _override(mode: pb.ProcessingMode, body: BodyMode) -> None:
    """Only the response's body mode; full duplex is refused by Envoy unless trailers are sent too."""
    mode.response_header_mode = pb.SEND
    mode.response_body_mode = _SEND_MODES[body]
    if body is BodyMode.FULL_DUPLEX:
        mode.response_trailer_mode = pb.SEND


@lru_cache(maxsize=1024)
def _groups(targets: tuple[str, ...]) -> bytes:
    override = pb.PriorityGroupsOverride()
    for name in targets:
        cluster = override.priority_groups.add(name=name).clusters.add(cluster_name=name)
        cluster.weight.value = 1
    return override.SerializeToString()


def _answer(part: pb.ImmediateResponse, reply: Answer) -> None:
    part.status.code = reply.status
    _set(part.headers, reply.headers)
    part.body = reply.body
    part.details = reply.details


def _set(mutation: pb.HeaderMutation, headers: Headers) -> None:
    for name, value in headers:
        mutation.set_headers.add(
            header=pb.HeaderValue(key=name, raw_value=value.encode("latin-1")), append_action=_OVERWRITE
        )


_PHASES = {phase.value: phase for phase in Phase}
_BARE = {phase: Proceed(phase) for phase in Phase}
_BARE_BYTES = {phase: _encode(reply) for phase, reply in _BARE.items()}
"""Most messages are answered with nothing but "go on"; these need no building."""
