"""What the processor costs: Envoy alone, with an empty processor, with the chain, side by side in one run.

Only the ratios mean anything: rounds are interleaved, so that whatever else the machine does hits all three alike.
Event streams come last, without Envoy: see streams.py.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import streams

sys.path.insert(0, str(Path(__file__).parents[1]))

from live import free_port
from stacks import Stack, ask, body_of, cpu_ms, running, stack, upstream

from extproc.gateway.envoy import files

STACKS = ("alone", "empty", "chain")
SIZES = {"2KB": 2_000, "50KB": 50_000}
POLICY = """
pack: {name: bench, version: 1.0.0}
workflow_cache: {enabled: false}
providers: {targets: [{id: up, provider: openai, base_url: "http://127.0.0.1:PORT/v1"}]}
policies: {chain: [rbac, prompt-injection, dlp-filter, audit-logger]}
policy:
  rbac: {deny_if_missing: []}
  prompt-injection: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}", "[0-9]{3}-[0-9]{2}-[0-9]{4}"], blocked_terms: ["project nightingale"]}
  audit-logger: {}
"""


def measure(stack: Stack, body: Path, seconds: float, rate: float) -> dict[str, float]:
    """One cell of one round: CPU and latency at the fixed rate, then requests per second in a closed loop."""
    envoy, python = cpu_ms(stack.envoy), cpu_ms(stack.processor)
    open_loop = ask(stack, body, seconds, rate)
    count = open_loop["requests"]
    return {
        "envoy_cpu_ms": (cpu_ms(stack.envoy) - envoy) / count,
        "python_cpu_ms": (cpu_ms(stack.processor) - python) / count,
        "p50_ms": open_loop["p50_ms"],
        "p99_ms": open_loop["p99_ms"],
        "requests_per_second": ask(stack, body, seconds, 0)["per_second"],
    }


def ratios(cells: dict[str, dict[str, float]]) -> dict[str, float]:
    """What is compared: `chain_adds` is the part of the empty processor's Python CPU that the chain adds to it."""
    empty, chain, alone = cells["empty"], cells["chain"], cells["alone"]
    return {
        "chain_adds": chain["python_cpu_ms"] / empty["python_cpu_ms"] - 1,
        "envoy_chain_to_alone": chain["envoy_cpu_ms"] / alone["envoy_cpu_ms"],
        "envoy_chain_to_empty": chain["envoy_cpu_ms"] / empty["envoy_cpu_ms"],
        "p50_chain_to_empty": chain["p50_ms"] / empty["p50_ms"],
        "rps_chain_to_empty": chain["requests_per_second"] / empty["requests_per_second"],
    }


def run(root: Path, rounds: int, seconds: float, rate: float) -> dict[str, dict[str, dict[str, float]]]:
    """Medians by size, then by stack."""
    port = free_port()
    config = root / "policy-config.yaml"
    config.write_text(POLICY.replace("PORT", str(port)))
    (root / "up.json").write_text(json.dumps(upstream(port)))
    seen: dict[tuple[str, str], list[dict[str, float]]] = {}
    command = [str(files.binary()), "-c", str(root / "up.json"), "--disable-hot-restart", "--log-level", "error"]
    with ExitStack() as stacked:
        stacked.enter_context(running([*command, "--concurrency", "1"], root / "up.log"))
        stacks = {kind: stacked.enter_context(stack(root, kind, config)) for kind in STACKS}
        for size, count in SIZES.items():
            body = root / f"{size}.json"
            body.write_bytes(body_of(count))
            for kind in STACKS:
                ask(stacks[kind], body, min(1.0, seconds), 0)  # warm
            for number in range(rounds):
                for kind in STACKS:
                    click.echo(f"{size} round {number + 1}/{rounds} {kind}", err=True)
                    found = measure(stacks[kind], body, seconds, rate)
                    seen.setdefault((size, kind), []).append(found)
    return {
        size: {
            kind: {name: statistics.median(c[name] for c in seen[size, kind]) for name in seen[size, kind][0]}
            for kind in STACKS
        }
        for size in SIZES
    }


def table(result: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """The lines that people read."""
    yield f"{'':12}{'Envoy CPU':>11}{'Python CPU':>12}{'p50':>9}{'p99':>9}{'req/s':>9}   (ms, per request)"
    for size, cells in result.items():
        for kind, c in cells.items():
            yield (
                f"{size:5} {kind:6}{c['envoy_cpu_ms']:11.3f}{c['python_cpu_ms']:12.3f}"
                f"{c['p50_ms']:9.2f}{c['p99_ms']:9.2f}{c['requests_per_second']:9.0f}"
            )
        yield "      " + ", ".join(f"{name} {value:.2f}" for name, value in ratios(cells).items())


@click.command(help=f"{__doc__}\n\nExample: scripts/bench --rounds 3 --json")
@click.option("--rounds", default=5, show_default=True, help="Interleaved rounds; medians are shown.")
@click.option("--seconds", default=4.0, show_default=True, help="Length of each measurement.")
@click.option("--rate", default=300.0, show_default=True, help="Requests per second of the open loop.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Recorded event streams.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def main(rounds: int, seconds: float, rate: float, data: Path | None, as_json: bool) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory(prefix="kt-bench-") as name:
        result = run(Path(name), rounds, seconds, rate)
    guarded = streams.measure(data, min(rounds, 3), chunks=200, streams=16)
    if as_json:
        found = {size: {**cells, "ratios": ratios(cells)} for size, cells in result.items()}
        click.echo(json.dumps({"rounds": rounds, "seconds": seconds, "rate": rate, "sizes": found, "streams": guarded}))
    else:
        click.echo("\n".join((*table(result), "", *streams.table(guarded))))


if __name__ == "__main__":
    main()
