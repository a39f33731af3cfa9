"""A gateway before a provider that plays scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from live import Gateway, Providers, document, eventually, serve, stop
from player import Player

from extproc.gateway import admin

POLICIES = """
policies:
  chain: [rbac, dlp-filter, pii-detector, audit-logger]
policy:
  rbac: {deny_if_missing: []}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"], action: block}
  pii-detector: {}
  audit-logger: {}
"""
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
BODY = {**CHAT, "stream": True}


@dataclass(frozen=True, slots=True)
class Stage:
    """The gateway is configured for this one provider."""

    gateway: Gateway
    player: Player

    def stats(self, pattern: str) -> dict[str, int]:
        """Envoy's counters and gauges whose names match."""
        lines = admin.request(self.gateway.state / "run" / "envoy-admin.sock", "GET", f"/stats?filter={pattern}")[1]
        pairs = (line.rpartition(": ") for line in lines.splitlines())
        return {name: int(value) for name, _, value in pairs if value.isdigit()}

    def stat(self, name: str) -> int:
        """One of them."""
        return self.stats(f"^{name.replace('.', '[.]')}$")[name]

    def told(self, exchange: httpx.Response | str) -> list[dict[str, object]]:
        """Every event of an exchange or of its id, repeated ones too."""
        key = exchange if isinstance(exchange, str) else exchange.headers["x-keeptrusts-request-id"]
        found: list[dict[str, object]] = []

        def is_told() -> bool:
            found[:] = [row for row in self.gateway.rows() if row["request_id"] == key]
            return bool(found)

        eventually(is_told, f"event of {key}")
        return found


@contextmanager
def staged(root: Path, policies: str = POLICIES, player: Player | None = None, base: str = "") -> Iterator[Stage]:
    """`base` is what stands in place of `http://127.0.0.1` where the provider is reached in another way."""

    def configure(port: int) -> str:
        text = document([port], policies)
        return text.replace("http://127.0.0.1", base) if base else text

    with configured(root, configure, player) as found:
        yield found


@contextmanager
def configured(root: Path, configure: Callable[[int], str], player: Player | None = None) -> Iterator[Stage]:
    """A gateway with the configuration that is made for the provider's port."""
    providers, player = Providers(), player or Player()
    port = asyncio.run_coroutine_threadsafe(player.start(), providers.loop).result(5)
    gateway = serve(root, configure(port))
    try:
        yield Stage(gateway, player)
    finally:
        stop(gateway)
        asyncio.run_coroutine_threadsafe(player.stop(), providers.loop).result(5)
        providers.close()
