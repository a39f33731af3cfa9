"""What to run for a configuration: Envoy's settings and the command line of every child. Pure."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extproc.config.values import Config
from extproc.gateway.envoy.settings import CA_BUNDLE, EnvoySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`kt gateway run`'s flags, resolved."""

    policy_config: tuple[Path, ...]
    host: str
    port: int
    state_dir: Path
    workers: int
    fail_mode: str
    log_level: str
    transport: str = "auto"
    envoy_threads: int | None = None
    tls: tuple[Path, Path] | None = None
    ca_bundle: Path = CA_BUNDLE


def ca_bundle(environ: Mapping[str, str]) -> Path:
    """Whom providers' certificates may be signed by; SSL_CERT_FILE is OpenSSL's name for it, and so Python's."""
    return Path(environ.get("SSL_CERT_FILE") or CA_BUNDLE).absolute()


def kept_directory(options: Options) -> Path:
    """Where the workers' copy of the configuration stands."""
    return options.state_dir / "run" / "policy-config"


def worker_sockets(options: Options) -> tuple[Path, ...]:
    """One Unix socket per worker: Envoy balances over endpoints, not over processes behind one (design, point 9)."""
    return tuple(options.state_dir / "run" / f"worker-{index}.sock" for index in range(options.workers))


def heavy_socket(options: Options) -> Path:
    """That of the worker for large bodies."""
    return options.state_dir / "run" / "worker-heavy.sock"


def envoy_settings(options: Options, config: Config) -> EnvoySettings:
    """What Envoy's files are rendered from."""
    return EnvoySettings(
        host=options.host,
        port=options.port,
        targets=config.targets,
        workers=worker_sockets(options),
        heavy=heavy_socket(options),
        directory=options.state_dir / "envoy",
        run=options.state_dir / "run",
        edge_log=options.state_dir / "logs" / "edge.log",
        tls=options.tls,
        limits=config.limits,
        cache_wait=config.cache.flight_seconds if config.cache.enabled else 0.0,
        cors=config.cors,
        allowance=config.allowance,
        ca_bundle=options.ca_bundle,
    )


HEAVY_NICE = 5
"""How far the worker for large bodies stands back: where cores are short, those who wait for a chat go first."""


def worker_argv(options: Options, name: str, listen: str, grace: float, nice: int = 0) -> list[str]:
    """The command line of one worker; its audit files and entries carry the name."""
    files = [part for path in options.policy_config for part in ("--policy-config", str(path))]
    return [
        *(sys.executable, "-m", "extproc.worker"),
        *("--listen", listen, "--state-dir", str(options.state_dir), "--name", name),
        *("--keeper", str(keeper_socket(options.state_dir))),
        *("--fail-mode", options.fail_mode, "--log-level", options.log_level, "--grace", str(grace)),
        *("--transport", options.transport, "--nice", str(nice)),
        *files,
    ]


def keeper_socket(state_dir: Path) -> Path:
    """Where workers find the keeper."""
    return state_dir / "run" / "keeper.sock"


def keeper_argv(options: Options) -> list[str]:
    """The command line of the keeper."""
    files = [part for path in options.policy_config for part in ("--policy-config", str(path))]
    listen = ("--listen", str(keeper_socket(options.state_dir)))
    flags = (*listen, "--state-dir", str(options.state_dir), "--log-level", options.log_level)
    return [sys.executable, "-m", "extproc.keeper.server", *flags, *files]


def shipper_argv(options: Options) -> list[str]:
    """The command line of the shipper."""
    flags = ("--state-dir", str(options.state_dir), "--log-level", options.log_level)
    return [sys.executable, "-m", "extproc.audit.shipper", *flags]


WITHHELD = "(withheld)"


def environ_without_secrets(environ: Mapping[str, str], config: Config) -> dict[str, str]:
    """What children inherit: everything but the providers' credentials, which only Envoy's files hold (D3), and ours.

    A variable stays known as set, so that a worker knows which targets are available. Any `…_API_KEY` is withheld: a
    reload may name one that this configuration does not.
    """
    secret = {target.secret_env for target in config.targets if target.secret_env} | {"KEEPTRUSTS_GATEWAY_TOKEN"}
    hidden = {name for name in environ if environ[name] and (name in secret or name.endswith("_API_KEY"))}
    return {name: WITHHELD if name in hidden else value for name, value in environ.items()}


def environ_of_processor(environ: Mapping[str, str], config: Config) -> dict[str, str]:
    """The same where an Envoy of others holds the credentials: every target counts as available."""
    named = {target.secret_env: WITHHELD for target in config.targets if target.secret_env}
    return {**environ_without_secrets(environ, config), **named}


def secrets(environ: Mapping[str, str], config: Config) -> dict[str, str]:
    """The credential of each target that has one, by target id. Raises OSError for a file that cannot be read."""
    found: dict[str, str] = {}
    for target in config.targets:
        if target.secret_env:
            found[target.id] = environ.get(target.secret_env, "")
        elif target.secret_file:
            found[target.id] = read_secret(Path(target.secret_file))
    return found


def read_secret(path: Path) -> str:
    """A credential from its file, without the line feed that editors add. Raises OSError."""
    try:
        return path.read_text().strip()
    except UnicodeDecodeError as error:
        raise OSError(errno.EINVAL, "is not text, so no credential", str(path)) from error
