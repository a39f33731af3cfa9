"""How the cost of a request grows with its size: one worker with the whole chain, one connection after the other.

Linear is what is promised: the last column is CPU per byte, as a multiple of that at 100 KB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from full_chain import CHAIN, HEAD, NO_CACHE
from phases import port_of
from stacks import ask, body_of, stack

SIZES = {"1 KB": 1_000, "10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000, "10 MB": 10_000_000}
REFERENCE = "100 KB"


def run(root: Path, seconds: float) -> dict[str, dict[str, float]]:
    """By size: milliseconds of Envoy and of the worker for a request, and its bytes."""
    home = root / "curve"
    home.mkdir()
    config, body = home / "policy-config.yaml", home / "body.json"
    config.write_text((HEAD + NO_CACHE + CHAIN).replace("PORT", str(port_of(root))))
    found: dict[str, dict[str, float]] = {}
    with stack(home, "ours", config) as one:
        for name, size in SIZES.items():
            click.echo(f"bodies of {name}", err=True)
            body.write_bytes(body_of(size))
            ask(one, body, min(1.0, seconds), 0, "--connections", "2")
            before = one.cpu_ms()
            count = ask(one, body, seconds, 0, "--connections", "2")["requests"]
            used = {name: (value - before[name]) / count for name, value in one.cpu_ms().items()}
            found[name] = {"bytes": len(body.read_bytes()), "envoy_ms": used["envoy"], "python_ms": used["processor"]}
    return found


def table(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """The lines that people read."""

    def per_byte(cell: Mapping[str, float]) -> float:
        return (cell["envoy_ms"] + cell["python_ms"]) / cell["bytes"]

    least = found["1 KB"]
    whole = least["envoy_ms"] + least["python_ms"]
    yield f"{'body':8}{'CPU x 1 KB':>12}{'Envoy':>8}{'Python':>8}{'per byte x':>12}"
    for name, cell in found.items():
        yield (
            f"{name:8}{(cell['envoy_ms'] + cell['python_ms']) / whole:12.1f}{cell['envoy_ms'] / whole:8.1f}"
            f"{cell['python_ms'] / whole:8.1f}{per_byte(cell) / per_byte(found[REFERENCE]):12.2f}"
        )
