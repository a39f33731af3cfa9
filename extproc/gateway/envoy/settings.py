"""What a rendering depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from extproc.config.cors import Cors
from extproc.config.values import Limits
from extproc.model import Target
from extproc.routing.unscanned import Allowance

Json = dict[str, object]

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""Debian's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoySettings:
    """Everything that Envoy has to know. `directory` holds the files it watches, `run` its sockets.

    Providers are believed whose certificates are signed by an authority in `ca_bundle`.
    """

    host: str
    port: int
    targets: tuple[Target, ...]
    workers: tuple[Path, ...]
    heavy: Path | None = None
    """The socket of the worker for large bodies, where there is one."""
    directory: Path
    run: Path
    edge_log: Path
    tls: tuple[Path, Path] | None = None
    limits: Limits = field(default_factory=Limits)
    cache_wait: float = 0.0
    """Seconds for which a request may wait for another's answer."""
    cors: Cors | None = None
    allowance: Allowance | None = None
    ca_bundle: Path = CA_BUNDLE

    @property
    def all_workers(self) -> tuple[Path, ...]:
        """The sockets of all workers, that for large bodies last."""
        return (*self.workers, self.heavy) if self.heavy else self.workers

    @property
    def admin(self) -> Path:
        """Envoy's admin interface, on a Unix socket that only our user can reach."""
        return self.run / "envoy-admin.sock"

    def watched(self, name: str) -> Json:
        """A config source: a file that is replaced by rename (in-place writes are not noticed)."""
        return {"path_config_source": {"path": str(self.directory / name)}, "resource_api_version": "V3"}


def any_of(kind: str, **fields: object) -> Json:
    """A message inside an Any; `kind` is its type below `envoy.`."""
    return {"@type": f"type.googleapis.com/envoy.{kind}", **fields}


def seconds(value: float) -> str:
    """A Duration in JSON."""
    return f"{value:.3f}s"


def lua_string(text: str) -> str:
    """A Lua literal of any text."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\{b:03d}" for b in text.encode()) + '"'
