"""What the processor costs: Envoy alone, with an empty processor, with the chain, side by side in one run.

Only the ratios mean anything: rounds are interleaved, so that whatever else the machine does hits all three alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from live import eventually, free_port, kt

from extproc.config.load import load
from extproc.gateway import admin
from extproc.gateway.envoy import files
from extproc.gateway.envoy.settings import EnvoySettings, Json
from extproc.policies import POLICIES

HERE = Path(__file__).parent
SIZES = {"2KB": 2_000, "50KB": 50_000}
STACKS = ("alone", "empty", "chain")
REPLY = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1,
    "model": "bench",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "The result is in. " * 50}}
    ],
    "usage": {"prompt_tokens": 400, "completion_tokens": 200, "total_tokens": 600},
}
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
PROSE = (
    "def total(rows):\\n    return sum(row.amount for row in rows if row.paid)\\n"
    "Please explain why this function is slow for a table of a million rows, and how an index would help. "
)


@dataclass(frozen=True)
class Stack:
    """One way from client to provider, running. `processor` is the Python process, 0 where there is none."""

    port: int
    envoy: int
    processor: int
    key: str = "none"


@contextmanager
def running(argv: Sequence[str], log: Path) -> Iterator[int]:
    """A process for as long as the block lasts; yields its id."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def upstream(port: int) -> Json:
    """An Envoy that answers everything itself: a provider that costs no Python."""
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": json.dumps(REPLY)}},
        "response_headers_to_add": [
            {
                "header": {"key": "content-type", "value": "application/json"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "up",
        "route_config": {
            "virtual_hosts": [{"name": "up", "domains": ["*"], "request_body_buffer_limit": 1 << 20, "routes": [route]}]
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "name": "up",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener]}}


def write_files(settings: EnvoySettings, kind: str) -> None:
    """Our own rendering; without the policy filter for `alone`, and without what needs its facts for `empty`."""
    rendered = files.render(settings, "bench", {})
    if kind != "chain":
        clusters = json.loads(rendered["cds.json"])
        for each in clusters["resources"]:
            for protocol in each["typed_extension_protocol_options"].values():
                protocol["http_filters"] = [f for f in protocol["http_filters"] if f["name"] != "clean"]
        rendered["cds.json"] = json.dumps(clusters)
    if kind == "alone":
        listeners = json.loads(rendered["lds.json"])
        manager = listeners["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"] = [f for f in manager["http_filters"] if f["name"] != "policy"]
        rendered["lds.json"] = json.dumps(listeners)
        routes = json.loads(rendered["rds.json"])
        for route in routes["resources"][0]["virtual_hosts"][0]["routes"]:
            route.pop("typed_per_filter_config", None)
        rendered["rds.json"] = json.dumps(routes)
    files.publish(rendered, settings.directory)


@contextmanager
def stack(root: Path, kind: str, config: Path) -> Iterator[Stack]:
    """Start one of the three; it is warm when the block begins."""
    found = load([config], environ=os.environ, kinds=POLICIES).config
    home = root / kind
    settings = EnvoySettings(
        host="127.0.0.1",
        port=free_port(),
        targets=found.targets,
        workers=(home / "run" / "worker-0.sock",),
        directory=home / "envoy",
        run=home / "run",
        edge_log=home / "logs" / "edge.log",
        limits=found.limits,
    )
    for directory in (settings.run, settings.edge_log.parent):
        directory.mkdir(parents=True)
    write_files(settings, kind)
    socket = f"unix:{settings.workers[0]}"
    key = "none"
    processor = {"empty": [sys.executable, str(HERE / "empty.py"), socket]}
    if kind == "chain":
        key = json.loads(kt("tokens", "create", "--name", "bench", "--json", "--state-dir", str(home)).stdout)["key"]
        keeper = ("--keeper", str(home / "run" / "keeper.sock"))
        worker = [sys.executable, "-m", "extproc.worker", "--listen", socket, *keeper, "--state-dir", str(home)]
        processor["chain"] = [*worker, "--policy-config", str(config)]
    with ExitStack() as stacked:
        pid = stacked.enter_context(running(processor[kind], home / "processor.log")) if kind in processor else 0
        command = [*files.argv(settings), "--concurrency", "1"]
        envoy = stacked.enter_context(running(command, home / "envoy.log"))
        eventually(lambda: admin.is_live(settings.admin), f"Envoy for {kind}; see {home}")
        if pid:
            eventually(lambda: admin.healthy_workers(settings.admin) == 1, f"processor for {kind}")
        yield Stack(settings.port, envoy, pid, key)


def cpu_ms(pid: int) -> float:
    """What a process has used so far, in milliseconds; 0 for no process."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def ask(stack: Stack, body: Path, seconds: float, rate: float) -> dict[str, float]:
    """Run the load generator in a process of its own. Raises click.ClickException where any request failed."""
    command = [sys.executable, str(HERE / "load.py"), str(stack.port), str(body), stack.key]
    done = subprocess.run(
        [*command, "--seconds", str(seconds), "--rate", str(rate)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"the load generator failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout)
    if found["failed"]:
        raise click.ClickException(f"{found['failed']:.0f} of {found['requests']:.0f} requests did not get a 200")
    return found


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


def body_of(size: int) -> bytes:
    """A chat request of about this many bytes."""
    turns = [{"role": "system", "content": "You are a careful reviewer."}]
    while len(json.dumps(turns)) < size - 100:
        turns.append({"role": "user", "content": PROSE * (8 if size > 10_000 else 2)})
    return json.dumps({"model": "bench", "messages": turns}).encode()


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
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def main(rounds: int, seconds: float, rate: float, as_json: bool) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory(prefix="kt-bench-") as name:
        result = run(Path(name), rounds, seconds, rate)
    if as_json:
        found = {size: {**cells, "ratios": ratios(cells)} for size, cells in result.items()}
        click.echo(json.dumps({"rounds": rounds, "seconds": seconds, "rate": rate, "sizes": found}))
    else:
        click.echo("\n".join(table(result)))


if __name__ == "__main__":
    main()
