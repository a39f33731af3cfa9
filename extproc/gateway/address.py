"""Where something listens: read from what an operator wrote, and tried before anything is started."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from extproc.model import ExtprocError

_LONGEST_PATH = 107
"""Bytes of a Unix socket's path: `sun_path` of unix(7) less its closing zero."""

TOO_LONG = f"the path is longer than {_LONGEST_PATH} bytes, the most that a Unix socket may have"


class AddressError(ExtprocError):
    """The operator's: what was written is no address."""

    code = "address"


@dataclass(frozen=True, slots=True)
class Tcp:
    """An IP address, not a name: Envoy's listeners resolve none. `host` has no brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class Unix:
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return True


def tcp(text: str) -> Tcp:
    """`HOST:PORT`, the host an IP address or `localhost`. Raises AddressError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port:
        raise AddressError(f"{text!r} is not HOST:PORT, like 127.0.0.1:41002")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise AddressError(f"{text!r}: an IPv6 address stands in brackets, like [::1]:41002")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
        raise AddressError(f"{text!r}: {port!r} is not a port, a number from 1 to 65535")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        return Tcp(str(ipaddress.ip_address(host)), int(port))
    except ValueError as error:
        raise AddressError(f"{text!r}: {host!r} is not an IP address or localhost") from error


def tcp_or_unix(text: str) -> Tcp | Unix:
    """`HOST:PORT` or `unix:PATH`; a path is made absolute. Raises AddressError."""
    if not text.startswith("unix:"):
        return tcp(text)
    path = text.removeprefix("unix:")
    if not path or path.endswith("/"):
        raise AddressError(f"{text!r} names no socket; write unix:PATH, like unix:/run/keeptrusts.sock")
    return Unix(Path(os.path.abspath(path)))


def obstacle(address: Tcp | Unix) -> str:
    """Why nobody could listen there now; empty where one could."""
    return _tcp_obstacle(address) if isinstance(address, Tcp) else unix_obstacle(address.path)


def _tcp_obstacle(address: Tcp) -> str:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: past connections do not count
            probe.bind((address.host, address.port))
            probe.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def fits(path: Path) -> bool:
    """Whether the kernel takes a socket of this path."""
    return len(os.fsencode(path)) <= _LONGEST_PATH


def unix_obstacle(path: Path) -> str:
    """Why no socket can be made at this path; empty where one can. What a killed process left is no obstacle."""
    if not fits(path):
        return TOO_LONG
    if not path.parent.is_dir():
        return f"{path.parent} is not a directory"
    try:
        with tempfile.TemporaryFile(dir=path.parent):  # access(2) tells root that it may write below /proc
            pass
    except OSError as error:
        return f"{path.parent} cannot be written: {error.strerror}"
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return "something that is not a socket stands there"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return "another process listens there"
