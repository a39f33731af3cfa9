"""Whether the gateway of a state directory serves: what `kt health` and a container's health check ask.

Its own Envoy says where it listens, and the answer comes through that very port, like a balancer's.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from extproc.gateway import admin
from extproc.gateway.address import AddressError, Tcp, tcp

PATIENCE = 3.0
_LISTENER = "gateway::"


@dataclass(frozen=True, slots=True)
class Health:
    """`listen` is where it serves, empty where it does not listen."""

    ready: bool
    running: bool
    message: str
    listen: str = ""


def health(state_dir: Path) -> Health:
    """Ask the gateway that runs on this state directory."""
    try:
        address = _address(admin.request(state_dir / "run" / "envoy-admin.sock", "GET", "/listeners")[1])
        tls = "transport_socket" in (state_dir / "envoy" / "lds.json").read_text()
    except OSError:
        return Health(False, False, f"no gateway runs on {state_dir}")
    if address is None:
        return Health(False, True, "the gateway is starting: it does not listen yet")
    try:
        status = _ask(address, tls)
    except (OSError, http.client.HTTPException) as error:
        return Health(False, True, f"{address} does not answer: {error}", str(address))
    if status != 200:
        return Health(False, True, f"{address} is draining, or no worker is ready ({status})", str(address))
    return Health(True, True, f"{address} is ready", str(address))


def _address(listeners: str) -> Tcp | None:
    """From Envoy's lines `NAME::ADDRESS`."""
    for line in listeners.splitlines():
        if line.startswith(_LISTENER):
            try:
                return tcp(line.removeprefix(_LISTENER))
            except AddressError:
                return None
    return None


def _ask(address: Tcp, tls: bool) -> int:
    """The status of /readyz. Our own port needs no proof of who it is, and the certificate names no address."""
    ip = ipaddress.ip_address(address.host)
    host = {4: "127.0.0.1", 6: "::1"}[ip.version] if ip.is_unspecified else address.host
    connection = http.client.HTTPConnection(host, address.port, timeout=PATIENCE)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, address.port, timeout=PATIENCE, context=context)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()
