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

from full_chain import CHAIN, HEAD, NO_CACHE
from live import eventually, free_port, kt
from phases import port_of, provider
from stacks import Stack, ask, body_of, running

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


def measure(rounds: int, seconds: float, rate: float) -> dict[str, float]:
    """Medians of p99 in milliseconds, and what the large requests make of it, with the `lane` and with `none`."""
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kt-heavy-") as name, ExitStack() as stacked:
        root = Path(name)
        stacked.enter_context(provider(root))
        body = root / "body.json"
        body.write_bytes(body_of(1_950))
        text = HEAD.replace("PORT", str(port_of(root))) + NO_CACHE + CHAIN
        forms = {
            lane: stacked.enter_context(gateway(root / lane, f"{text}limits: {{heavy_body_bytes: {least}}}\n"))
            for lane, least in (("lane", 1 << 20), ("none", 0))
        }
        for number in range(rounds):
            for lane, stack in forms.items():
                click.echo(f"round {number + 1}/{rounds} {lane}", err=True)
                found.setdefault((lane, "quiet"), []).append(ask(stack, body, seconds, rate)["p99_ms"])
                with beside(stack):
                    found.setdefault((lane, "beside"), []).append(ask(stack, body, seconds, rate)["p99_ms"])
    medians = {f"{lane}_{what}_p99_ms": statistics.median(values) for (lane, what), values in found.items()}
    ratios = {f"{lane}_ratio": medians[f"{lane}_beside_p99_ms"] / medians[f"{lane}_quiet_p99_ms"] for lane in forms}
    return {**medians, **ratios}


@click.command(help=f"{__doc__}\n\nExample: .venv/bin/python tests/bench/heavy.py --rounds 1 --json")
@click.option("--rounds", default=3, show_default=True, help="Interleaved rounds; medians are shown.")
@click.option("--seconds", default=5.0, show_default=True, help="Length of each measurement.")
@click.option("--rate", default=50.0, show_default=True, help="Chats per second of the open loop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def main(rounds: int, seconds: float, rate: float, as_json: bool) -> None:
    """See the module."""
    shown = measure(rounds, seconds, rate)
    if as_json:
        click.echo(json.dumps(shown))
        return
    for key, value in shown.items():
        click.echo(f"{key:22} {value:9.2f}{f'  (bar {BAR:g})' if key == 'lane_ratio' else ''}")


if __name__ == "__main__":
    main()
