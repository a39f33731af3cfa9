"""What 32 MiB requests beside it cost a chat of 2 KB, with the heavy lane and without.

.venv/bin/python tests/bench/heavy.py [--rounds 3]

A whole gateway with the full chain; chats come at a fixed rate, large requests one after the other. Rounds are
interleaved: quiet, then with large requests beside, for either form; medians are shown, and their ratios.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from live import eventually, free_port, kt
from stacks import Stack, ask, body_of, running, upstream

from extproc.gateway.envoy import files

POLICY = """
pack: {name: bench, version: 1.0.0}
workflow_cache: {enabled: false}
providers: {targets: [{id: up, provider: openai, base_url: "http://127.0.0.1:PORT/v1"}]}
policies: {chain: [rbac, prompt-injection, pii-detector, dlp-filter, audit-logger]}
policy:
  rbac: {deny_if_missing: []}
  prompt-injection: {}
  pii-detector: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"], blocked_terms: ["project nightingale"]}
  audit-logger: {}
limits: {heavy_body_bytes: HEAVY}
"""
BAR = 2.0
LARGE = 31 << 20


@contextmanager
def gateway(root: Path, text: str) -> Iterator[Stack]:
    """A gateway of one worker, and its heavy one, on plain HTTP."""
    root.mkdir()
    config, port = root / "policy-config.yaml", free_port()
    config.write_text(text)
    state = ("--state-dir", str(root / "state"))
    key = json.loads(kt("tokens", "create", "--name", "bench", "--json", *state).stdout)["key"]
    listen = ("--listen", f"127.0.0.1:{port}", "--policy-config", str(config), "--workers", "1")
    log = root / "gateway.log"
    with running([sys.executable, "-m", "extproc", "gateway", "run", *listen, *state], log):
        eventually(lambda: "gateway ready" in log.read_text(), "a gateway", 60)
        yield Stack(port=port, envoy=0, processor=0, key=key)


@contextmanager
def beside(stack: Stack) -> Iterator[None]:
    """Large requests, one after the other."""
    over, body, answers = threading.Event(), body_of(LARGE), [0]

    def asking() -> None:
        headers = {"authorization": f"Bearer {stack.key}", "content-type": "application/json"}
        while not over.is_set():
            url = f"http://127.0.0.1:{stack.port}/v1/chat/completions"
            answers.append(httpx.post(url, content=body, headers=headers, timeout=60).status_code)

    thread = threading.Thread(target=asking)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if set(answers[1:]) != {200}:
        raise click.ClickException(f"large requests were answered {answers[1:]}")


@click.command(help=f"{__doc__}\n\nExample: .venv/bin/python tests/bench/heavy.py --rounds 1 --json")
@click.option("--rounds", default=3, show_default=True, help="Interleaved rounds; medians are shown.")
@click.option("--seconds", default=5.0, show_default=True, help="Length of each measurement.")
@click.option("--rate", default=50.0, show_default=True, help="Chats per second of the open loop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def main(rounds: int, seconds: float, rate: float, as_json: bool) -> None:
    """See the module."""
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kt-heavy-") as name, ExitStack() as stacked:
        root, port = Path(name), free_port()
        (root / "up.json").write_text(json.dumps(upstream(port)))
        command = [str(files.binary()), "-c", str(root / "up.json"), "--disable-hot-restart", "--log-level", "error"]
        stacked.enter_context(running([*command, "--concurrency", "1"], root / "up.log"))
        body = root / "body.json"
        body.write_bytes(body_of(1_950))
        text = POLICY.replace("PORT", str(port))
        forms = {
            lane: stacked.enter_context(gateway(root / lane, text.replace("HEAVY", str(least))))
            for lane, least in (("lane", 1 << 20), ("none", 0))
        }
        for number in range(rounds):
            for lane, stack in forms.items():
                click.echo(f"round {number + 1}/{rounds} {lane}", err=True)
                found.setdefault((lane, "quiet"), []).append(ask(stack, body, seconds, rate)["p99_ms"])
                with beside(stack):
                    found.setdefault((lane, "beside"), []).append(ask(stack, body, seconds, rate)["p99_ms"])
    medians = {f"{lane}_{what}_p99_ms": statistics.median(values) for (lane, what), values in found.items()}
    ratios = {lane: medians[f"{lane}_beside_p99_ms"] / medians[f"{lane}_quiet_p99_ms"] for lane in ("lane", "none")}
    shown = {**medians, "lane_ratio": ratios["lane"], "none_ratio": ratios["none"]}
    if as_json:
        click.echo(json.dumps(shown))
        return
    for key, value in shown.items():
        click.echo(f"{key:22} {value:9.2f}{f'  (bar {BAR:g})' if key == 'lane_ratio' else ''}")


if __name__ == "__main__":
    main()
