"""What the headers of a request forbid before its body is read."""

from __future__ import annotations

from extproc.dialects.coding import CodingError, Decoder, Reason, decoder
from extproc.model import BodyMode, ClientError, Exchange, Head, Headers, PeerError, first
from extproc.session.rules import Rules

CODINGS = ("gzip", "deflate", "zstd")
"""What clients may send. Not br: 52 bytes of it claim a window of 16 MiB, and nothing can cap that."""

_UNDECODABLE: dict[Reason, tuple[int, str]] = {
    "too_large": (413, "request_too_large"),
    "too_dense": (413, "request_too_dense"),
    "unsupported_encoding": (415, "unsupported_encoding"),
    "corrupt": (400, "corrupt_encoding"),
    "truncated": (400, "truncated_encoding"),
}


def admit(event: Head, exchange: Exchange, mode: BodyMode, rules: Rules) -> Decoder | None:
    """What decodes the body, where it is coded. Raises ClientError; PeerError where Envoy would not send the body."""
    path = exchange.path.partition("?")[0]
    if path not in rules.dialects:
        raise ClientError(f"Unknown request URL: {exchange.method} {path}", status=404, reason="unknown_url")
    if exchange.method != "POST":
        raise ClientError(f"{path} takes POST, not {exchange.method}", status=405, reason="method_not_allowed")
    if event.end:
        raise ClientError("The request has no body; a JSON body is required.", reason="empty_body")
    length = first(event.headers, "content-length")
    if length.isascii() and length.isdigit() and int(length) > rules.max_body_bytes:
        raise too_large(rules)
    if mode is BodyMode.NONE:
        raise PeerError("request_body_mode NONE: a body that is not sent to us cannot be judged; use BUFFERED")
    return _decoder(event.headers, rules)


def readable(exchange: Exchange, rules: Rules) -> None:
    """Raises ClientError where a request says something in tokens which policies that apply to it cannot read."""
    where = exchange.request.unread if exchange.request else ""
    if where and not rules.passes_tokens and rules.chain.guards_input(exchange):
        message = (
            f"{where}: expected text, found tokens, which this gateway's policies cannot read. Send strings; "
            "or let the gateway's operator set limits.pretokenized_input to pass."
        )
        raise ClientError(message, status=422, reason="tokens_unreadable")


def too_large(rules: Rules) -> ClientError:
    """The refusal of a body above the limit."""
    message = f"The request body is larger than {rules.max_body_bytes} bytes."
    return ClientError(message, status=413, reason="request_too_large")


def undecodable(error: CodingError) -> ClientError:
    """The refusal of a coded body."""
    status, reason = _UNDECODABLE[error.reason]
    return ClientError(str(error), status=status, reason=reason)


def content_encoding(headers: Headers) -> str:
    """All codings that the headers name, in order; '' for none."""
    return ",".join(value for name, value in headers if name == "content-encoding")


def _decoder(headers: Headers, rules: Rules) -> Decoder | None:
    coding = content_encoding(headers)
    if "br" in (part.strip().lower() for part in coding.split(",")):
        message = f"content-encoding {coding!r} is not accepted; send {', '.join(CODINGS)} or none."
        raise ClientError(message, status=415, reason="unsupported_encoding")
    try:
        return decoder(coding, max_bytes=rules.max_body_bytes, max_ratio=rules.max_ratio)
    except CodingError as error:
        raise undecodable(error) from error
