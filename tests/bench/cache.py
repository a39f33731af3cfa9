"""What a cache hit costs beside a miss through the same chain, and what looking up and storing take of a worker.

.venv/bin/python tests/bench/cache.py [--rounds 5]

Hit and miss are the same stack with the same body of 2 KB, asked in turn; a miss differs by one number in the body. CPU
is that of Envoy, worker and keeper together, once as fast as four connections go and once at a fixed rate, where every
process wakes up cold for every request. Then microseconds of a worker for the calls themselves.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from live import eventually, free_port
from stacks import REPLY, Stack, ask, body_of, cpu_ms, running, stack, upstream

from extproc.cache.commands import Answer, Fill, Found, Look
from extproc.cache.rules import CacheRules
from extproc.dialects import openai_chat
from extproc.gateway.envoy import files
from extproc.keeper.client import KeeperClient
from extproc.keeper.recent import Recent
from extproc.model import Consumer, Exchange, Response, Usage
from extproc.session.caching import Caching

POLICY = """
pack: {name: bench, version: 1.0.0}
providers: {targets: [{id: up, provider: openai, base_url: "http://127.0.0.1:PORT/v1"}]}
policies: {chain: [rbac, prompt-injection, pii-detector, dlp-filter, audit-logger]}
policy:
  rbac: {deny_if_missing: []}
  prompt-injection: {}
  pii-detector: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"], blocked_terms: ["project nightingale"]}
  audit-logger: {}
"""
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

BARS = {"hit_to_miss": 0.5, "look_us": 40.0, "store_us": 20.0}
NUMBERS = itertools.count(1, 100_000)


def cpu(one: Stack) -> float:
    """Milliseconds of all three processes."""
    return cpu_ms(one.envoy) + cpu_ms(one.processor) + cpu_ms(one.keeper)


def cell(one: Stack, body: Path, seconds: float, rate: float, *, hit: bool) -> float:
    """CPU milliseconds a request."""
    more = () if hit else ("--vary", str(next(NUMBERS)))
    before = cpu(one)
    count = ask(one, body, seconds, rate, *more)["requests"]
    return (cpu(one) - before) / count


def stacked_cost(root: Path, rounds: int, seconds: float, rate: float) -> dict[str, float]:
    """Medians of the interleaved rounds, in milliseconds, and what a hit is of a miss."""
    port = free_port()
    config, body = root / "policy-config.yaml", root / "body.json"
    config.write_text(POLICY.replace("PORT", str(port)))
    body.write_bytes(body_of(1_950).replace(b"careful", b"00000000 careful", 1))
    (root / "up.json").write_text(json.dumps(upstream(port)))
    command = [str(files.binary()), "-c", str(root / "up.json"), "--disable-hot-restart", "--log-level", "error"]
    found: dict[tuple[str, bool], list[float]] = {}
    with ExitStack() as stacked:
        stacked.enter_context(running([*command, "--concurrency", "1"], root / "up.log"))
        one = stacked.enter_context(stack(root, "chain", config))
        for hit in (True, False):
            cell(one, body, min(1.0, seconds), rate, hit=hit)  # warm, and the hit's entry is stored
        for number in range(rounds):
            for (pace, per_second), hit in itertools.product((("busy", 0.0), ("paced", rate)), (True, False)):
                click.echo(f"round {number + 1}/{rounds} {pace} {'hit' if hit else 'miss'}", err=True)
                found.setdefault((pace, hit), []).append(cell(one, body, seconds, per_second, hit=hit))
    medians = {name: statistics.median(values) for name, values in found.items()}
    result: dict[str, float] = {}
    for pace, suffix in (("busy", ""), ("paced", "_paced")):
        hit_ms, miss_ms = medians[pace, True], medians[pace, False]
        result |= {
            f"hit_ms{suffix}": hit_ms,
            f"miss_ms{suffix}": miss_ms,
            f"hit_to_miss{suffix}": hit_ms / miss_ms,
        }
    return result


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
            await asyncio.gather(*(look() for _ in range(at_once)))
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


@click.command(help=f"{__doc__}\n\nExample: .venv/bin/python tests/bench/cache.py --rounds 5 --json")
@click.option("--rounds", default=5, show_default=True, help="Interleaved rounds; medians are shown.")
@click.option("--seconds", default=4.0, show_default=True, help="Length of each measurement.")
@click.option("--rate", default=200.0, show_default=True, help="Requests per second of the open loop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def main(rounds: int, seconds: float, rate: float, as_json: bool) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory(prefix="kt-cache-") as name:
        root = Path(name)
        found = stacked_cost(root, rounds, seconds, rate)
        flags = ["--listen", str(root / "calls.sock"), "--state-dir", name]
        argv = [sys.executable, "-m", "extproc.keeper.server", *flags, "--policy-config", f"{name}/policy-config.yaml"]
        with running(argv, root / "calls.log"):
            eventually((root / "calls.sock").exists, "a keeper")
            found |= uvloop.run(calls(root, 5000))
    if as_json:
        click.echo(json.dumps(found))
        return
    for key, value in found.items():
        bar = f"  (bar {BARS[key]:g})" if key in BARS else ""
        click.echo(f"{key:18} {value:8.3f}{bar}")


if __name__ == "__main__":
    main()
