"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

DEFAULT_STATE = Path.home() / ".keeptrusts"


def state_dir(function: Any) -> Any:
    """`--state-dir`, `KEEPTRUSTS_STATE_DIR`."""
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="KEEPTRUSTS_STATE_DIR",
        default=DEFAULT_STATE,
        show_default="~/.keeptrusts",
        show_envvar=True,
        help="Keys, audit trail, sockets and Envoy's files.",
    )(function)


def as_json(function: Any) -> Any:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, whose shape stays stable.")(function)


class Duration(click.ParamType[float]):
    """`90d`, `12h`, `30m`, `45s` as seconds."""

    name = "duration"
    _UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # noqa: RUF012  # never changed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; fails with an example where the text is none."""
        if isinstance(value, float):
            return value
        number, unit = str(value)[:-1], str(value)[-1:]
        if unit not in self._UNITS or not number.isascii() or not number.isdigit() or int(number) == 0:
            self.fail(f"{value!r} is not a duration; write a whole number and s, m, h or d, like 90d", param, ctx)
        return float(int(number) * self._UNITS[unit])
