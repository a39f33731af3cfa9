"""Envoy's admin interface over its Unix socket: three questions and three orders."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def request(path: Path, method: str, url: str) -> tuple[int, str]:
    """Status and body. Raises OSError where Envoy does not listen (yet, or any more)."""
    connection = _UnixConnection(path)
    try:
        connection.request(method, url)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"{path}: {error}") from error
    finally:
        connection.close()


def is_live(path: Path) -> bool:
    """Whether Envoy listens on its ports."""
    try:
        return request(path, "GET", "/ready")[0] == 200 and "gateway" in request(path, "GET", "/listeners")[1]
    except OSError:
        return False


def active_requests(path: Path) -> int:
    """Requests of clients that are being served now."""
    text = request(path, "GET", "/stats?filter=http.gateway.downstream_rq_active$")[1]
    return int(text.rpartition(":")[2] or 0)


def versions(path: Path) -> dict[str, str]:
    """Which version of each watched file is in force, by the stat's name."""
    lines = request(path, "GET", "/stats?filter=version_text")[1].splitlines()
    return {name: value.strip().strip('"') for name, _, value in (line.partition(":") for line in lines)}


def healthy_workers(path: Path) -> int:
    """Workers that Envoy's health check found serving, the one for large bodies among them."""
    lines = request(path, "GET", "/clusters")[1].splitlines()
    return sum(line.startswith(("workers::", "heavy::")) and line.endswith("::health_flags::healthy") for line in lines)
