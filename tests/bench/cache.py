"""What looking up and storing take of a worker, in microseconds, call by call. A hit beside a miss is in phases.py.

.venv/bin/python tests/bench/cache.py
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import click
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from full_chain import CHAIN, HEAD
from live import eventually
from stacks import REPLY, body_of, running

from extproc.cache.commands import Answer, Fill, Found, Look
from extproc.cache.rules import CacheRules
from extproc.dialects import openai_chat
from extproc.keeper.client import KeeperClient
from extproc.keeper.recent import Recent
from extproc.model import Consumer, Exchange, Response, Usage
from extproc.session.caching import Caching

HEADERS = (
    (":method", "POST"), (":scheme", "https"), (":path", "/v1/chat/completions"), (":authority", "gateway.example"),
    ("accept", "application/json"), ("accept-encoding", "gzip, deflate"), ("content-type", "application/json"),
    ("content-length", "2048"), ("user-agent", "OpenAI/Python 2.8.0"), ("authorization", "Bearer kt_ak_none"),
    ("x-stainless-lang", "python"), ("x-stainless-package-version", "2.8.0"), ("x-stainless-os", "Linux"),
    ("x-stainless-arch", "x64"), ("x-stainless-runtime", "CPython"), ("x-stainless-runtime-version", "3.11.2"),
    ("x-stainless-async", "false"), ("x-stainless-retry-count", "0"), ("x-stainless-read-timeout", "600"),
    ("x-forwarded-proto", "https"), ("x-request-id", "8d1e2f0a-6f0e-4e0c-9c5e-2f7f6f1c9a10"),
)  # fmt: skip
"""As Envoy shows those of an SDK's request."""

BARS = {"look_us": 40.0, "store_us": 20.0}


async def heard(answer: Answer | asyncio.Future[Answer]) -> Answer:
    """What the keeper says at once or later."""
    return await answer if isinstance(answer, asyncio.Future) else answer


async def calls(root: Path, count: int) -> dict[str, float]:
    """Microseconds of a worker's process for one look-up and one store, the keeper in its own.

    Eight look-ups are under way at once, as in a worker that has something to do. Alone, each ends with a sleep from
    which the process wakes with cold caches: that is what waking costs here, and is shown beside.
    """
    clock = time.process_time_ns
    client = KeeperClient(root / "calls.sock")
    client._recent = Recent(seconds=0.0)  # the longer way each time
    await client.start()
    loop = asyncio.get_running_loop()
    body, reply = body_of(1_950), json.dumps(REPLY).encode()
    rules = CacheRules(secret=b"k" * 32)
    who = Consumer("tok_1", "ana")
    request = openai_chat.read_request(body)

    async def look() -> tuple[Caching, Exchange]:
        exchange = Exchange(path="/v1/chat/completions", headers=HEADERS, consumer=who, request=request)
        caching = Caching(rules)
        steps = caching.look(exchange, openai_chat, body, ("target:up",))
        answer: Answer | None = None
        try:
            while True:
                need = steps.send(answer)
                question = need.question
                assert isinstance(question, Look)
                late = loop.call_later(need.deadline, str)  # as the driver does
                answer = await heard(client.look(question))
                late.cancel()
        except StopIteration:
            return caching, exchange

    def store(caching: Caching, exchange: Exchange) -> None:
        exchange.response = Response("c", "m", (), ("stop",), Usage(1, 1))
        caching.offer("json", reply)
        fact = caching.settle(exchange, complete=True)
        if isinstance(fact, Fill):
            client.tell(fact)

    caching, exchange = await look()
    store(caching, exchange)
    assert isinstance(await heard(client.look(Look(caching._key, wait=0.0))), Found)  # the keeper has it

    async def looks(at_once: int) -> float:
        before = clock()
        for _ in range(count // at_once):
            await (look() if at_once == 1 else asyncio.gather(*(look() for _ in range(at_once))))
        return (clock() - before) / 1000 / count

    await looks(8)
    look_us, alone_us = await looks(8), await looks(1)
    caching.status = "miss"
    stores = 0
    for _ in range(count):
        one = Caching(rules)
        one.status, one._key, one._dialect = "miss", caching._key, openai_chat.name
        began = clock()
        store(one, exchange)
        client._write()
        stores += clock() - began
        client._unsaid = []
        await heard(client.look(Look(caching._key, wait=0.0)))  # let the keeper read, outside of what is measured
    client.stop()
    return {"look_us": look_us, "look_alone_us": alone_us, "store_us": stores / 1000 / count}


@click.command(help=f"{__doc__}\n\nExample: .venv/bin/python tests/bench/cache.py --json")
@click.option("--count", default=5000, show_default=True, help="Look-ups and stores of each kind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def main(count: int, as_json: bool) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory(prefix="kt-cache-") as name:
        root = Path(name)
        flags = ["--listen", str(root / "calls.sock"), "--state-dir", name]
        argv = [sys.executable, "-m", "extproc.keeper.server", *flags, "--policy-config", f"{name}/policy-config.yaml"]
        (root / "policy-config.yaml").write_text(HEAD.replace("PORT", "1") + CHAIN)
        with running(argv, root / "calls.log"):
            eventually((root / "calls.sock").exists, "a keeper")
            found = uvloop.run(calls(root, count))
    if as_json:
        click.echo(json.dumps(found))
        return
    for key, value in found.items():
        bar = f"  (bar {BARS[key]:g})" if key in BARS else ""
        click.echo(f"{key:18} {value:8.3f}{bar}")


if __name__ == "__main__":
    main()
