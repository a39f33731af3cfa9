"""A policy kind that only tests know. `PYTHONPATH` puts it into every process of a gateway; see tests/steering.py.

A request steers it by a header, `x-steer: NAME STAGE ACT`: at that stage the policy writes its process id to
`$KT_STEER/NAME` and then does as told. Python imports this module by its name at every start.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

SPIN_SECONDS = 30.0


def _register() -> None:
    from extproc.model import Allow, Exchange, Need, first  # only in processes that judge
    from extproc.policies import POLICIES
    from extproc.policies.base import Hook, Policy

    class Steered(Policy):
        kind = "steered"
        guards_output = True

        def __init__(self, settings: object) -> None:
            super().__init__(settings)
            _answer_never()

        def on_headers(self, exchange: Exchange) -> Allow:
            if _is_told(first(exchange.headers, "x-steer"), "headers") == "spin":
                _spin()
            return Allow()

        def on_input(self, exchange: Exchange) -> Hook:
            return self._act(_is_told(first(exchange.headers, "x-steer"), "input"))

        def on_output(self, exchange: Exchange) -> Hook:
            return self._act(_is_told(first(exchange.headers, "x-steer"), "output"))

        def _act(self, act: str) -> Hook:
            match act:
                case "wait":
                    return self._wait()
                case "spin":
                    _spin()
                case "raise":
                    raise RuntimeError("as told: ACME-123456")
                case "cancel":
                    raise asyncio.CancelledError
                case "exit":
                    sys.exit("as told")
            return Allow()

        def _wait(self) -> Hook:
            yield Need("never", 3600.0)
            return Allow()

    POLICIES[Steered.kind] = Steered


def _is_told(header: str, stage: str) -> str:
    """What to do at this stage, after our process id was written down; '' for nothing."""
    name, _, rest = header.partition(" ")
    at, _, act = rest.partition(" ")
    if at != stage:
        return ""
    draft = Path(os.environ["KT_STEER"]) / f".{name}"
    draft.write_text(str(os.getpid()))
    draft.rename(draft.with_name(name))
    return act


def _spin() -> None:
    until = time.monotonic() + SPIN_SECONDS
    while time.monotonic() < until:
        pass


def _answer_never() -> None:
    """A world that answers no Need, in place of the worker's that knows no question."""
    from dataclasses import replace

    from extproc.transport import driver

    plain = driver.Driver.__init__
    if plain.__name__ == "init":
        return

    def find(question: object) -> object:
        return asyncio.get_running_loop().create_future()

    def init(self: driver.Driver, session: object, ports: driver.Ports, peer: object) -> None:
        plain(self, session, replace(ports, find=find), peer)  # type: ignore[arg-type]

    driver.Driver.__init__ = init  # type: ignore[method-assign,assignment]


_ARGV = set(sys.orig_argv)
if "KT_STEER" in os.environ and "extproc.gateway.leash" not in _ARGV and {"gateway", "extproc.worker"} & _ARGV:
    _register()
