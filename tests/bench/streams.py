"""What guarding an event stream costs: CPU per chunk layer by layer, delay, and how many deltas are held back.

.venv/bin/python tests/bench/streams.py [--data DIR]

First layer by layer in this process, the beginning of each stream included. Then a real worker, with a client in another
process; an empty processor in the worker's place tells what gRPC itself takes. Rounds are interleaved, and medians
shown. DIR holds recorded streams beside an `index.json`; without it made-up ones are played.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus.streams import cases, prose
from corpus.values import sensitive
from fakes import ANA, KEY, Hears
from golden.play import Journal, rules_of
from guarded import events, guard, percentile, waits
from live import kt
from stream_client import before, pieces

from extproc import wire
from extproc.chain import Chain
from extproc.model import Send
from extproc.policies.base import Policy
from extproc.proto import ext_proc_pb2 as pb
from extproc.session import Rules, Session
from extproc.transport.driver import Driver, Ports

HERE = Path(__file__).parent
POLICY = """
pack: {name: bench, version: 1.0.0}
workflow_cache: {enabled: false}
providers: {targets: [{id: up, provider: openai, base_url: "http://127.0.0.1:1/v1"}]}
policies: {chain: [prompt-injection, pii-detector, dlp-filter]}
policy:
  prompt-injection: {}
  pii-detector: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"], blocked_terms: ["project nightingale"]}
"""
OFF = POLICY.partition("policies:")[0] + "policies: {chain: [audit-logger]}\n"
BARS = {"off_us": 12.0, "ours_us": 40.0, "delay_p99_ms": 1.0, "held_median": 1.0, "held_p95": 5.0}
LAYERS = ("json", "guard", "session", "driver", "off")
STACKS = ("empty", "worker", "ours")
PACES = {"at 10 ms": 0.01, "busy": 0.0}
"""Seconds between the chunks of a stream. At a model's pace the processor sleeps between chunks and wakes with cold
caches; busy, chunks come as fast as the client can."""

LONG = 15_000
"""Bytes: shorter recorded streams are over before they say anything of a chunk's cost."""

BARRED = {"off": "off_us", "driver": "ours_us"} | {f"ours, {pace}": "ours_us" for pace in PACES}
PERCENTS = {"median": 50, "p95": 95, "p99": 99, "most": 100}


# --- layer by layer, in this process ---------------------------------------------------------------------------------


def rewrite(chunks: list[bytes]) -> None:
    """The yardstick: each event's JSON read and written."""
    for chunk in chunks:
        if chunk.startswith(b"data: {"):
            orjson.dumps(orjson.loads(chunk[6:]))


def guarded(policies: list[Policy], chunks: list[bytes]) -> None:
    guarding = guard(*policies)
    for chunk in chunks:
        guarding.feed(chunk)


def session(rules: Rules, messages: list[bytes]) -> None:
    """Parsing and writing protobuf included."""
    talking, last = Session(rules, lambda: "an-id"), b""
    for message in messages:
        for event in wire.decode(message):
            for step in talking.receive(event) if event else ():
                if isinstance(step, Send):
                    last = wire.encode(step.reply)
    assert came_through(last)


async def driver(rules: Rules, messages: list[bytes]) -> list[float]:
    """Milliseconds from each message's arrival to each reply that it released."""
    delays: list[float] = []
    began = 0.0

    class Watch(Hears):
        def send(self, data: bytes) -> None:
            delays.append((time.perf_counter() - began) * 1000)
            super().send(data)

    def find(question: object) -> object:
        raise LookupError(str(question))

    peer = Watch()
    driving = Driver(Session(rules, lambda: "an-id"), Ports(Journal(), time.time, find), peer)
    for message in messages:
        began = time.perf_counter()
        driving.receive(message)
    driving.closed()
    assert came_through(peer.sent[-1])
    return delays[3:]  # without the replies before the first chunk


def came_through(data: bytes) -> bool:
    """Whether a reply is the end of a stream as the provider sent it: a refusal would be a cheap chunk."""
    reply = pb.ProcessingResponse.FromString(data)
    streamed = reply.response_body.response.body_mutation.streamed_response
    return streamed.end_of_stream and b"content_filter" not in streamed.body


def layers(bodies: list[bytes], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Medians of CPU microseconds per chunk by layer, and of the delays' percentiles. A round plays each body once."""
    rules, off = snapshot(POLICY), snapshot(OFF)
    policies = [link.policy for link in rules.chain.links if link.policy.guards_output]
    chunked = [events(body) for body in bodies]
    messages = [[*before(KEY), *pieces(body)] for body in bodies]
    delays: list[float] = []
    late: dict[str, list[float]] = {"p50": [], "p99": []}
    loop = uvloop.new_event_loop()
    gc.freeze()  # as a worker does
    gc.set_threshold(20_000, 20, 50)
    work: dict[str, Callable[[int], object]] = {
        "json": lambda place: rewrite(chunked[place]),
        "guard": lambda place: guarded(policies, chunked[place]),
        "session": lambda place: session(rules, messages[place]),
        "driver": lambda place: delays.extend(loop.run_until_complete(driver(rules, messages[place]))),
        "off": lambda place: loop.run_until_complete(driver(off, messages[place])),
    }
    seen: dict[str, list[float]] = {name: [] for name in LAYERS}
    for _ in range(rounds):
        for name in LAYERS:
            began = time.process_time()
            for place in range(len(bodies)):
                work[name](place)
            seen[name].append((time.process_time() - began) / sum(map(len, chunked)) * 1e6)
        late["p50"].append(percentile(delays, 50))
        late["p99"].append(percentile(delays, 99))
        delays.clear()
    loop.close()
    return medians(seen), medians(late)


def medians(seen: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(each) for name, each in seen.items()}


def snapshot(policy: str) -> Rules:
    """As a worker builds it, for a key that never grows old."""
    built = rules_of(policy)
    return replace(built, chain=Chain(built.chain.links, time.perf_counter_ns), identify=lambda _: ANA)


# --- over gRPC -------------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, to the nanosecond: its clock by its id, as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime((~pid << 3) | 2)


@contextmanager
def processor(kind: str, root: Path, size: int) -> Iterator[tuple[int, str, str]]:
    """A running processor: its process, its socket, and a key that it takes."""
    home = root / kind
    home.mkdir()
    socket, key = f"unix:{home / 'p.sock'}", "none"
    argv = [str(HERE / "empty.py"), socket, str(size)]
    if kind == "worker":
        (home / "policy-config.yaml").write_text(POLICY)
        key = json.loads(kt("tokens", "create", "--name", "bench", "--json", "--state-dir", str(home)).stdout)["key"]
        config = ["--policy-config", str(home / "policy-config.yaml")]
        argv = [
            "-m",
            "extproc.worker",
            "--listen",
            socket,
            "--keeper",
            str(home / "none"),
            "--state-dir",
            str(home),
            *config,
        ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *argv], stdout=log, stderr=log)
        try:
            yield process.pid, socket, key
        finally:
            process.terminate()
            process.wait(20)


def play(pid: int, socket: str, key: str, bodies: list[Path], pace: float) -> float:
    """CPU microseconds per chunk of a processor. Raises click.ClickException where a stream does not come through."""
    argv = [str(HERE / "stream_client.py"), socket, key, *map(str, bodies), "--pace", str(pace)]
    with subprocess.Popen([sys.executable, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin and client.stdout
        if client.stdout.readline() != "ready\n":
            raise click.ClickException("the client did not get ready")
        began = cpu_seconds(pid)
        print("go", file=client.stdin, flush=True)
        told = client.stdout.readline()
        used = cpu_seconds(pid) - began
        if not told:
            raise click.ClickException("a stream did not come through")
    return used / json.loads(told)["chunks"] * 1e6


def over_grpc(bodies: list[bytes], rounds: int, pace: float) -> dict[str, float]:
    """Medians of CPU microseconds per chunk of the empty processor, of a worker and of the difference in each round.

    All bodies are played at once.
    """
    seen: dict[str, list[float]] = {kind: [] for kind in STACKS}
    with tempfile.TemporaryDirectory(prefix="kt-streams-") as name:
        root = Path(name)
        paths = [root / f"{number}.sse" for number in range(len(bodies))]
        for path, body in zip(paths, bodies, strict=True):
            path.write_bytes(body)
        size = sum(map(len, bodies)) // sum(len(events(body)) for body in bodies)
        with processor("empty", root, size) as empty, processor("worker", root, size) as worker:
            for number in range(rounds + 1):
                alone, ours = play(*empty, paths, pace), play(*worker, paths, pace)
                if number:  # the first round warms
                    for kind, found in (("empty", alone), ("worker", ours), ("ours", ours - alone)):
                        seen[kind].append(found)
    return medians(seen)


# --- what is held back -----------------------------------------------------------------------------------------------


def recorded(directory: Path) -> list[bytes]:
    """The chat streams that were recorded from providers; made-up ones straddle values on purpose."""
    index = json.loads((directory / "index.json").read_bytes())
    real = (each for each in index if each["api"] == "openai.chat" and each["provider"] != "synthetic")
    return [(directory / each["file"]).read_bytes() for each in real]


def held(bodies: list[bytes]) -> dict[str, float]:
    """How many others an event waits for, over all events."""
    policies = [link.policy for link in snapshot(POLICY).chain.links if link.policy.guards_output]
    found = [each for body in bodies for each in waits(guard(*policies), events(body))]
    return {"events": len(found), **{name: percentile(found, at) for name, at in PERCENTS.items()}}


# --- the report ------------------------------------------------------------------------------------------------------


def measure(data: Path | None, rounds: int, chunks: int, streams: int) -> dict[str, dict[str, float]]:
    """All figures: CPU in microseconds per chunk, delays in milliseconds, held events by source."""
    words = [prose(chunks, seed=seed) for seed in range(streams)]
    real = [body for body in recorded(data) if len(body) > LONG] if data else []
    bodies = [real[number % len(real)] for number in range(streams)] if real else words
    cpu, delays = layers(bodies, 3 * rounds + 1)
    for name, pace in PACES.items():
        cpu |= {f"{kind}, {name}": value for kind, value in over_grpc(bodies, rounds, pace).items()}
    result = {
        "cpu_us": cpu,
        "delay_ms": delays,
        "held, words": held(words),
        "held, values": held([case.body for case in cases(sensitive(seed=1, each=12), seed=1)]),
    }
    return result | ({"held, recorded": held(recorded(data))} if data else {})


def table(result: dict[str, dict[str, float]]) -> Iterator[str]:
    """The lines that people read."""
    cpu, delay = result["cpu_us"], result["delay_ms"]
    names = {
        "json": "read and write its JSON",
        "guard": "guard",
        "session": "guard, session, wire",
        "driver": "guard, session, wire, driver",
        "off": "the same without guards",
    }
    for pace in PACES:
        names |= {f"empty, {pace}": f"gRPC alone, {pace}", f"worker, {pace}": f"a worker, {pace}"}
        names |= {f"ours, {pace}": f"ours of it, {pace}"}
    yield f"{'a chunk of a stream':32}{'CPU µs':>8}{'x JSON':>8}"
    for name, words in names.items():
        bar = f"   bar {BARS[BARRED[name]]:.0f}" if name in BARRED else ""
        yield f"{words:32}{cpu[name]:8.1f}{cpu[name] / cpu['json']:8.1f}{bar}"
    yield f"released after: p50 {delay['p50']:.3f} ms, p99 {delay['p99']:.3f} ms   bar {BARS['delay_p99_ms']:.0f}"
    for name, figures in result.items():
        if name.startswith("held"):
            shown = ", ".join(f"{key} {value:.0f}" for key, value in figures.items())
            yield f"{name}: {shown}   bars: median {BARS['held_median']:.0f}, p95 {BARS['held_p95']:.0f}"


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Recorded streams.")
@click.option("--rounds", default=4, show_default=True, help="Interleaved rounds; medians are shown.")
@click.option("--chunks", default=200, show_default=True, help="Deltas of each made-up stream.")
@click.option("--streams", default=16, show_default=True, help="Streams at once.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def main(data: Path | None, rounds: int, chunks: int, streams: int, as_json: bool) -> None:
    """See the module."""
    result = measure(data, rounds, chunks, streams)
    click.echo(json.dumps(result) if as_json else "\n".join(table(result)))


if __name__ == "__main__":
    main()
