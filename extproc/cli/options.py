"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from extproc.gateway.address import Tcp, Unix


def default_state() -> Path:
    """`~/.keeptrusts`. Fails for a user without a home, as containers run them."""
    try:
        return Path.home() / ".keeptrusts"
    except RuntimeError as error:
        raise click.UsageError("this user has no home directory; give --state-dir") from error


class Listen(click.ParamType["Tcp | Unix"]):
    """`HOST:PORT`, or with `sockets` also `unix:PATH`."""

    name = "address"

    def __init__(self, *, sockets: bool = False) -> None:
        self._sockets = sockets

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Tcp | Unix:
        """The address; fails with what is wrong about the text."""
        from extproc.gateway.address import AddressError, tcp, tcp_or_unix

        try:
            return tcp_or_unix(value) if self._sockets else tcp(value)
        except AddressError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[float]):
    """`90d`, `12h`, `30m`, `45s` as seconds."""

    name = "duration"
    _UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # noqa: RUF012  # never changed
    _LONGEST = 36_500 * 86_400  # a century: nothing here lives longer, and dates beyond 9999 are none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; fails with an example where the text is none."""
        if isinstance(value, float):
            return value
        number, unit = str(value)[:-1], str(value)[-1:]
        whole = number.isascii() and number.isdigit() and len(number) <= 12
        seconds = int(number) * self._UNITS.get(unit, 0) if whole else 0
        if seconds == 0:
            self.fail(f"{value!r} is not a duration; write a whole number and s, m, h or d, like 90d", param, ctx)
        if seconds > self._LONGEST:
            self.fail(f"{value!r} is longer than a century", param, ctx)
        return float(seconds)


class Label(click.ParamType[str]):
    """A name of somebody or something: what is seen is all there is, so that two that look alike are one."""

    name = "text"
    _MOST = 128

    def __init__(self, *, empty: bool = False) -> None:
        self._empty = empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, composed (NFC); fails with what is wrong about it."""
        text = unicodedata.normalize("NFC", str(value))
        if not text and not self._empty:
            self.fail("it is empty", param, ctx)
        if len(text) > self._MOST:
            self.fail(f"it has {len(text)} characters, of at most {self._MOST}", param, ctx)
        if not text.isprintable() or text != text.strip():
            self.fail(f"{text!a} begins or ends with a space, or has what cannot be seen", param, ctx)
        return text


class Moment(click.ParamType[float]):
    """`10m` for so long ago, or RFC 3339, as Unix seconds. A date alone is its midnight, UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Unix seconds; fails with an example where the text is none."""
        if isinstance(value, float):
            return value
        text = str(value)
        if text[-1:] in ("s", "m", "h", "d"):
            return time.time() - Duration().convert(value, param, ctx)
        try:
            found = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
        except ValueError:
            self.fail(f"{value!r} is neither a time like 2026-01-31T12:00:00Z nor an age like 10m", param, ctx)
        if found.tzinfo is None and len(text) > len("2026-01-31"):
            self.fail(f"{value!r} has no time zone; write it like 2026-01-31T12:00:00Z", param, ctx)
        if not 1970 <= found.year < 9999:
            self.fail(f"{value!r} is no year of ours", param, ctx)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def policy_config(*, required: bool) -> Callable[[Any], Any]:
    """`--policy-config`, `KEEPTRUSTS_POLICY_CONFIG`."""
    return click.option(
        "--policy-config",
        type=click.Path(path_type=Path, dir_okay=False),
        multiple=True,
        required=required,
        envvar="KEEPTRUSTS_POLICY_CONFIG",
        help="May be given several times: later files are merged over earlier ones, the last policies.chain wins.",
    )


def listen(function: Any) -> Any:
    """`--listen` of the gateway; the default is the seed's."""
    return click.option(
        "--listen", "address", type=Listen(), default="0.0.0.0:41002", show_default=True, metavar="HOST:PORT"
    )(function)


def tls(function: Any) -> Any:
    """`--tls-cert` and `--tls-key`."""
    path = click.Path(path_type=Path, dir_okay=False)
    cert = click.option("--tls-cert", type=path, envvar="KEEPTRUSTS_TLS_CERT_PATH", show_envvar=True)
    key = click.option("--tls-key", type=path, envvar="KEEPTRUSTS_TLS_KEY_PATH", show_envvar=True)
    return cert(key(function))


def log_level(function: Any) -> Any:
    """`--log-level`, for every process that a command starts."""
    levels = click.Choice(["debug", "info", "warning", "error"])
    return click.option("--log-level", type=levels, default="info", show_default=True)(function)


def transport(function: Any) -> Any:
    """`--transport`, `KEEPTRUSTS_TRANSPORT`: who speaks gRPC with Envoy."""
    return click.option(
        "--transport",
        type=click.Choice(["auto", "native", "grpcio"]),
        envvar="KEEPTRUSTS_TRANSPORT",
        show_envvar=True,
        default="auto",
        show_default=True,
        help="Who speaks gRPC with Envoy: ours on Unix sockets, grpcio elsewhere.",
    )(function)


def state_dir(function: Any) -> Any:
    """`--state-dir`, `KEEPTRUSTS_STATE_DIR`."""
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="KEEPTRUSTS_STATE_DIR",
        default=default_state,
        show_default="~/.keeptrusts",
        show_envvar=True,
        help="Keys, audit trail, sockets and Envoy's files.",
    )(function)


def as_json(function: Any) -> Any:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, whose shape stays stable.")(function)
