"""The stacks that are measured: Envoy with or without a processor in front of a provider that costs no Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from live import eventually, free_port, kt

from extproc.config.load import load
from extproc.gateway import admin
from extproc.gateway.envoy import files
from extproc.gateway.envoy.settings import EnvoySettings, Json
from extproc.policies import POLICIES

HERE = Path(__file__).parent
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
PROSE = (
    "def total(rows):\\n    return sum(row.amount for row in rows if row.paid)\\n"
    "Please explain why this function is slow for a table of a million rows, and how an index would help. "
)


@dataclass(frozen=True)
class Stack:
    """One way from client to provider, running. Processes are ids, 0 where there is none; `headers` go with requests."""

    port: int
    envoy: int
    processor: int
    key: str = "none"
    keeper: int = 0
    shipper: int = 0
    headers: tuple[str, ...] = ()

    def cpu_ms(self) -> dict[str, float]:
        """What each of its processes has used so far."""
        return {name: cpu_ms(getattr(self, name)) for name in ("envoy", "processor", "keeper", "shipper")}


@contextmanager
def running(argv: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process for as long as the block lasts, with these variables beside ours; yields its id."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **(environ or {})})
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
            "virtual_hosts": [
                {"name": "up", "domains": ["*"], "request_body_buffer_limit": 64 << 20, "routes": [route]}
            ]
        },
        "http_filters": [
            {
                "name": "buffer",  # read the request first: who answers before closes the connection
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": 64 << 20,
                },
            },
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            },
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
    if kind in ("alone", "empty"):
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
def stack(root: Path, kind: str, config: Path, *, transport: str = "auto", ships: bool = False) -> Iterator[Stack]:
    """Envoy `alone`, before an `empty` processor, or before a worker of ours under any other name; and what else that
    needs: the keeper where the cache is on, the shipper where it `ships`. The worker is warm when the block begins.
    """
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
    processor = {"alone": [], "empty": [sys.executable, str(HERE / "empty.py"), socket, "--transport", transport]}
    ours = kind not in processor
    if ours:
        key = json.loads(kt("tokens", "create", "--name", "bench", "--json", "--state-dir", str(home)).stdout)["key"]
        keeper = ("--keeper", str(home / "run" / "keeper.sock"))
        worker = [sys.executable, "-m", "extproc.worker", "--listen", socket, *keeper, "--state-dir", str(home)]
        processor[kind] = [*worker, "--policy-config", str(config), "--transport", transport]
    with ExitStack() as stacked:
        keeping = shipping = 0
        if ours and found.cache.enabled:
            flags = ["--listen", str(home / "run" / "keeper.sock"), "--state-dir", str(home)]
            keeper_argv = [sys.executable, "-m", "extproc.keeper.server", *flags, "--policy-config", str(config)]
            keeping = stacked.enter_context(running(keeper_argv, home / "keeper.log"))
            eventually((home / "run" / "keeper.sock").exists, "a keeper")
        pid = stacked.enter_context(running(processor[kind], home / "processor.log")) if processor[kind] else 0
        if ships:
            shipper_argv = [sys.executable, "-m", "extproc.audit.shipper", "--state-dir", str(home)]
            shipping = stacked.enter_context(running(shipper_argv, home / "shipper.log"))
        command = [*files.argv(settings), "--concurrency", "1"]
        envoy = stacked.enter_context(running(command, home / "envoy.log"))
        eventually(lambda: admin.is_live(settings.admin), f"Envoy for {kind}; see {home}")
        if pid:
            eventually(lambda: admin.healthy_workers(settings.admin) == 1, f"processor for {kind}")
        yield Stack(settings.port, envoy, pid, key, keeping, shipping)


def cpu_ms(pid: int) -> float:
    """What a process has used so far, in milliseconds; 0 for no process."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def ask(stack: Stack, body: Path, seconds: float, rate: float, *more: str) -> dict[str, float]:
    """Run the load generator in a process of its own. Raises click.ClickException where any request failed."""
    command = [sys.executable, str(HERE / "load.py"), str(stack.port), str(body), stack.key]
    command += [part for header in stack.headers for part in ("--header", header)]
    done = subprocess.run(
        [*command, "--seconds", str(seconds), "--rate", str(rate), *more], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"the load generator failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout)
    if found["failed"]:
        raise click.ClickException(f"{found['failed']:.0f} of {found['requests']:.0f} requests did not get a 200")
    return found


def body_of(size: int) -> bytes:
    """A chat request of about this many bytes."""
    said = PROSE * (8 if size > 10_000 else 2)
    turn = {"role": "user", "content": said}
    count = max(1, round((size - 60) / (len(json.dumps(turn)) + 2)))
    turns = [{"role": "system", "content": "You are a careful reviewer."}, *[turn] * count]
    return json.dumps({"model": "bench", "messages": turns}).encode()
