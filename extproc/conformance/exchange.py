"""One request over HTTP/1.1, as its client sends it: the only file here that opens a connection."""

from __future__ import annotations

import http.client
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from extproc.conformance.check import Ask, Reply
from extproc.model import ExtprocError

MOST = 16 << 20
"""Bytes of a reply. The questions are short, so more is no answer to them."""

_CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class UnreachableError(ExtprocError):
    """The gateway cannot be connected to; the text says where and why, and holds no key."""

    code = "unreachable"


class NoAnswerError(ExtprocError):
    """It was connected to, and gave no answer."""

    code = "no_answer"


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it is: the URL without `/v1`, checked by whoever makes one. `timeout` is in seconds, for a whole answer.

    `version` is asked in the place of `/v1`: some gateways have base URLs without it.
    """

    root: str
    tls: ssl.SSLContext
    timeout: float
    version: str = "/v1"
    clock: Callable[[], float] = time.monotonic

    def ask(self, ask: Ask) -> Reply:
        """The answer, whole or as far as it came. Raises UnreachableError, NoAnswerError."""
        parts = urlsplit(self.root)
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            self._connect(connection)
            self._send(connection, f"{parts.path}{self.version}{ask.path.removeprefix('/v1')}", ask)
            return self._read(connection)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"no answer: {_why(error, self.timeout)}") from error
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self.tls)
        return http.client.HTTPConnection(host, port, timeout=self.timeout)

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except OSError as error:
            raise UnreachableError(f"cannot connect to {self.root}: {_why(error, self.timeout)}") from error

    @staticmethod
    def _send(connection: http.client.HTTPConnection, path: str, ask: Ask) -> None:
        connection.putrequest(ask.method, path, skip_accept_encoding=True)
        for name, value in ask.headers:
            connection.putheader(name, value)
        if ask.body:
            connection.putheader("content-length", str(len(ask.body)))
        connection.endheaders(ask.body or None)

    def _read(self, connection: http.client.HTTPConnection) -> Reply:
        until = self.clock() + self.timeout
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body, cut = bytearray(), ""
        try:
            while piece := response.read1(65536):
                body += piece
                if len(body) > MOST:
                    cut = f"it is longer than {MOST >> 20} MiB"
                elif self.clock() > until:
                    cut = f"it is not whole after {self.timeout:g} s"
                if cut:
                    break
            else:
                cut = "the connection was closed in the middle" if response.length else ""
        except (OSError, http.client.HTTPException) as error:
            cut = _why(error, self.timeout)
        return _decoded(response.status, headers, bytes(body), cut)


def _decoded(status: int, headers: dict[str, str], body: bytes, cut: str) -> Reply:
    bits = _CODINGS.get(headers.get("content-encoding", "").lower())
    if bits is None:
        return Reply(status, headers, body, cut)
    inflater = zlib.decompressobj(bits)
    try:
        plain = inflater.decompress(body, MOST)
    except zlib.error as error:
        return Reply(status, headers, b"", f"its {headers['content-encoding']} is broken: {error}")
    return Reply(status, headers, plain, cut or ("" if inflater.eof else "its compression does not end"))


def _why(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came within {timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was closed in the middle"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
