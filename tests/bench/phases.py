"""Phase by phase: what each part of a request costs, as differences between stacks that run side by side.

Envoy alone; with an empty processor, once for each transport; with a worker that knows the key and writes the audit;
with the chain; with the cache that misses, and hits; with the shipper beside: everything. All rounds are interleaved,
so that whatever else the machine does hits all alike, and medians are shown.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
from full_chain import CHAIN, HEAD, NO_CACHE
from live import free_port
from stacks import Stack, ask, body_of, running, stack, upstream

from extproc.gateway.envoy import files

BARE = HEAD + NO_CACHE + "policies: {chain: [audit-logger]}\n"
BUSY, RATE = 32, 100.0
"""Connections that ask again at once; requests a second of the open loop."""


@dataclass(frozen=True)
class Phase:
    """A stack, how it is asked, and what it shows."""

    name: str
    shows: str
    kind: str = ""
    policy: str = ""
    transport: str = "auto"
    varies: bool = False
    ships: bool = False


PHASES = (
    Phase("alone", "Envoy alone", kind="alone"),
    Phase("empty grpcio", "+ a processor that says yes, over grpc.aio", kind="empty", transport="grpcio"),
    Phase("empty", "the same over our transport", kind="empty", transport="native"),
    Phase("identity", "+ key, session and audit record", policy=BARE),
    Phase("chain", "+ rbac, prompt-injection, pii-detector, dlp-filter", policy=HEAD + NO_CACHE + CHAIN),
    Phase("miss", "+ a cache that is asked and stores", policy=HEAD + CHAIN, varies=True),
    Phase("hit", "the same question again", policy=HEAD + CHAIN),
    Phase("all", "a miss, with the shipper beside", policy=HEAD + CHAIN, varies=True, ships=True),
)
_NUMBERS = itertools.count(1, 1_000_000)

Cell = dict[str, float]


def measure(phase: Phase, one: Stack, body: Path, seconds: float) -> Cell:
    """One phase of one round: CPU and requests a second under load, latencies at the fixed rate."""
    more = ("--vary", str(next(_NUMBERS))) if phase.varies else ()
    before = one.cpu_ms()
    busy = ask(one, body, seconds, 0, "--connections", str(BUSY), *more)
    used = {name: (value - before[name]) / busy["requests"] for name, value in one.cpu_ms().items()}
    more = ("--vary", str(next(_NUMBERS))) if phase.varies else ()
    paced = ask(one, body, seconds, RATE, *more)
    return {
        "worker_ms": used["processor"],
        "envoy_ms": used["envoy"],
        "python_ms": used["processor"] + used["keeper"] + used["shipper"],
        "rps": busy["per_second"],
        "p50_ms": paced["p50_ms"],
        "p99_ms": paced["p99_ms"],
    }


def run(root: Path, rounds: int, seconds: float, others: Mapping[str, Stack]) -> dict[str, Cell]:
    """Medians by phase; `others` are measured in the same rounds, and ask the provider at `port_of(root)`."""
    body = root / "body.json"
    body.write_bytes(body_of(1_950).replace(b"careful", b"00000000 careful", 1))
    seen: dict[str, list[Cell]] = {}
    with ExitStack() as stacked:
        stacks: dict[Phase, Stack] = {}
        for phase in PHASES:
            home = root / phase.name.replace(" ", "-")
            home.mkdir()
            config = home / "policy-config.yaml"
            config.write_text((phase.policy or BARE).replace("PORT", str(port_of(root))))
            made = stack(home, phase.kind or "ours", config, transport=phase.transport, ships=phase.ships)
            stacks[phase] = stacked.enter_context(made)
        stacks |= {Phase(name, "", kind="peer"): one for name, one in others.items()}
        for phase, one in stacks.items():
            measure(phase, one, body, min(1.0, seconds))  # warm, and the hit's entry is stored
        for number in range(rounds):
            for phase, one in stacks.items():
                click.echo(f"round {number + 1}/{rounds} {phase.name}", err=True)
                seen.setdefault(phase.name, []).append(measure(phase, one, body, seconds))
    return {name: {key: statistics.median(c[key] for c in cells) for key in cells[0]} for name, cells in seen.items()}


def provider(root: Path) -> ExitStack:
    """An Envoy that answers at once, for as long as the stack is open."""
    port = free_port()
    (root / "port").write_text(str(port))
    (root / "up.json").write_text(json.dumps(upstream(port)))
    command = [str(files.binary()), "-c", str(root / "up.json"), "--disable-hot-restart", "--log-level", "error"]
    stacked = ExitStack()
    stacked.enter_context(running([*command, "--concurrency", "1"], root / "up.log"))
    return stacked


def port_of(root: Path) -> int:
    """Where the provider listens."""
    return int((root / "port").read_text())


@dataclass(frozen=True)
class Bar:
    """A promise about a run: a value, and the most (or least) that it may be."""

    what: str
    value: float
    most: float
    least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.most if self.least else self.value <= self.most

    def __str__(self) -> str:
        return f"{self.what}: {self.value:.2f} ({'at least' if self.least else 'at most'} {self.most:g}: {'met' if self.met else 'NOT MET'})"


def total(cell: Cell) -> float:
    """CPU milliseconds of all processes."""
    return cell["envoy_ms"] + cell["python_ms"]


def bars(found: Mapping[str, Cell]) -> Iterator[Bar]:
    """What issue 6 asks of these figures; peers where they were measured."""
    alone, empty, miss, everything = found["alone"], found["empty"], found["miss"], found["all"]
    yield Bar("CPU-ms of Python in an empty processor", empty["python_ms"], 0.06)
    yield Bar("CPU of everything, times Envoy alone", total(everything) / total(alone), 9)
    yield Bar("requests a second of everything, of Envoy alone's", everything["rps"] / alone["rps"], 0.15, least=True)
    yield Bar("CPU of a hit, of a miss", total(found["hit"]) / total(miss), 0.5)
    added = 1000 * (miss["worker_ms"] - found["chain"]["worker_ms"])
    yield Bar("µs of a worker under load for a look-up and a store, together", added, 60)
    for name in ("p50_ms", "p99_ms"):
        added = (everything[name] - alone[name]) / max(1e-9, empty[name] - alone[name])
        yield Bar(f"{name.removesuffix('_ms')} added, times what the empty processor adds", added, 1.5)
    for name, times in (("litellm", 20), ("portkey", 2.5)):
        if name in found:
            yield Bar(f"CPU of {name}, times ours", total(found[name]) / total(everything), times, least=True)


def table(found: Mapping[str, Cell]) -> Iterator[str]:
    """The lines that people read; ratios to Envoy alone."""
    alone = found["alone"]
    shown = {phase.name: phase.shows for phase in PHASES}
    yield f"{'':14}{'CPU x alone':>12}{'Envoy':>8}{'Python':>8}{'req/s x alone':>15}{'p50 x':>8}{'p99 x':>8}"
    for name, cell in found.items():
        yield (
            f"{name:14}{total(cell) / total(alone):12.2f}{cell['envoy_ms'] / total(alone):8.2f}"
            f"{cell['python_ms'] / total(alone):8.2f}{cell['rps'] / alone['rps']:15.2f}"
            f"{cell['p50_ms'] / alone['p50_ms']:8.2f}{cell['p99_ms'] / alone['p99_ms']:8.2f}  {shown.get(name, '')}".rstrip()
        )
