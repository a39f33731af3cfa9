"""What a request costs: Envoy alone, then phase by phase up to everything, side by side in one run.

Then bodies of every size, and event streams (see streams.py). Only ratios mean anything. `--peers` adds LiteLLM and
Portkey, which are installed at the first use; `--page FILE` writes docs/performance.md, the heavy lane included.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

import curves
import heavy
import page
import phases
import streams

from extproc import chain


@click.command(help=f"{__doc__}\n\nExample: scripts/bench --rounds 3 --json")
@click.option("--rounds", default=5, show_default=True, help="Interleaved rounds; medians are shown.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of each measurement.")
@click.option("--peers", is_flag=True, help="Measure LiteLLM and Portkey too.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Recorded event streams.")
@click.option("--page", "written", type=click.Path(dir_okay=False, path_type=Path), help="Write the page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def main(rounds: int, seconds: float, peers: bool, data: Path | None, written: Path | None, as_json: bool) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory(prefix="kt-bench-") as name:
        root = Path(name)
        with phases.provider(root), ExitStack() as stacked:
            others = {}
            if peers:
                from peers import litellm, portkey

                for each in (litellm, portkey):
                    others[each.__name__] = stacked.enter_context(each(root, phases.port_of(root)))
            found = phases.run(root, rounds, seconds, others)
            stacked.pop_all().close()
            curve = curves.run(root, seconds)
    guarded = streams.measure(data, min(rounds, 3), chunks=200, streams=16)
    if written:
        beside = heavy.measure(min(rounds, 3), seconds=5.0, rate=50.0)
        run = page.Run(_command(), f"{os.cpu_count()} cores", _compiled(), found, curve, guarded, beside)
        written.write_text("\n".join(page.lines(run)) + "\n")
    if as_json:
        click.echo(json.dumps({"phases": found, "curve": curve, "streams": guarded}))
        return
    bars = (str(bar) for bar in phases.bars(found))
    tables = (*phases.table(found), "", *bars, "", *curves.table(curve), "", *streams.table(guarded))
    click.echo("\n".join(tables))


def _compiled() -> bool:
    return not (chain.__file__ or "").endswith(".py")


def _command() -> str:
    return " ".join(["scripts/bench", *sys.argv[1:]])


if __name__ == "__main__":
    main()
