"""What a gateway would serve, and with what: port, certificate, configuration, credentials."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from extproc.config.load import load
from extproc.config.values import Config
from extproc.gateway import admin, replicas
from extproc.gateway.address import Tcp, obstacle
from extproc.gateway.certs import CertificateError, check_pair
from extproc.gateway.doctor.check import Check
from extproc.gateway.envoy import files
from extproc.gateway.envoy.settings import EnvoySettings
from extproc.gateway.plan import read_secret
from extproc.model import ConfigError, Fault, Target
from extproc.routing.unscanned import Allowance

_CHECKED_APART = ("secret_key_ref.env", "passthrough.routes")

RENEW = dt.timedelta(days=30)


def port(address: Tcp, envoys_admin: Path) -> Check:
    """Whether it is free, or taken by the very gateway whose Envoy this admin socket belongs to."""
    why = obstacle(address)
    if not why:
        return Check("port", "ok", f"{address} is free")
    with suppress(OSError):
        if f"::{address}\n" in admin.request(envoys_admin, "GET", "/listeners")[1]:
            return Check("port", "ok", f"{address} is served by the gateway that runs here")
    return Check("port", "fail", f"cannot listen on {address}: {why}", "choose another --listen")


def certificate(cert: Path, key: Path, now: dt.datetime) -> Check:
    """Whether the two belong together, and for how long."""
    try:
        expiry = check_pair(cert, key, now)
    except CertificateError as error:
        return Check("certificate", "fail", str(error), "give --tls-cert and --tls-key of one valid pair")
    left = f"{cert} expires on {expiry:%Y-%m-%d}"
    if expiry - now < RENEW:
        return Check("certificate", "warn", f"{left}, in {(expiry - now).days} days", "renew it, then restart")
    return Check("certificate", "ok", left)


def policy_config(paths: Sequence[Path], environ: Mapping[str, str]) -> tuple[Check, Config | None]:
    """Whether it loads. Credentials that are not set, and what passes unscanned, have checks of their own."""
    lint = "kt policy lint " + " ".join(f"--file {path}" for path in paths)
    try:
        loaded = load(paths, environ=environ)
    except ConfigError as error:
        return Check("policy-config", "fail", _first(error.faults), lint), None
    warnings = [each for each in loaded.warnings if not each.path.endswith(_CHECKED_APART)]
    if warnings:
        return Check("policy-config", "warn", _first(warnings), lint), loaded.config
    pack, kinds = loaded.config.pack, ", ".join(entry.kind for entry in loaded.config.chain) or "no policies"
    return Check("policy-config", "ok", f"{pack.name} {pack.version}: {kinds}"), loaded.config


def unscanned(allowance: Allowance) -> Check:
    """What no policy reads, however long the chain is."""
    routes = ", ".join(allowance.routes)
    message = f"{routes} pass to {allowance.target.id} and back without any policy reading them"
    return Check("unscanned routes", "warn", message, "if that is not meant, remove them from passthrough.routes")


def accepted(settings: EnvoySettings) -> Check:
    """Whether Envoy takes what the configuration becomes."""
    try:
        files.validate(settings, {})
    except files.EnvoyError as error:
        return Check("envoy's configuration", "fail", str(error), "look at it: kt envoy render")
    return Check("envoy's configuration", "ok", "Envoy accepts it")


def credential(target: Target, environ: Mapping[str, str], *, others: bool = False) -> Check:
    """Whether the credential that a target names is there; what it is is nobody's business.

    Without its variable a target is passed over, which is a warning where there are `others` that serve.
    """
    name = f"credential of {target.id}"
    if target.secret_env:
        if environ.get(target.secret_env):
            return Check(name, "ok", f"{target.secret_env} is set")
        message = f"{target.secret_env} is not set, so {target.id} is unavailable"
        return Check(name, "warn" if others else "fail", message, f"set {target.secret_env}")
    if not target.secret_file:
        return Check(name, "ok", "none is needed")
    path = Path(target.secret_file)
    try:
        empty = not read_secret(path)
    except OSError as error:
        return Check(name, "fail", f"{path}: {error.strerror}", "put the credential there, readable by this user")
    if empty:
        return Check(name, "fail", f"{path} is empty", "put the credential there")
    return Check(name, "ok", f"{path} is there")


def several(environ: Mapping[str, str]) -> Check | None:
    """Whether other gateways serve the same address; None where nothing hints at it."""
    try:
        found = replicas.warning(environ)
    except replicas.ReplicasError as error:
        return Check("replicas", "fail", str(error), f"correct or unset {replicas.VARIABLE}")
    if found:
        return Check("replicas", "warn", found, replicas.ADVICE)
    return Check("replicas", "ok", "one") if environ.get(replicas.VARIABLE) else None


def _first(faults: Sequence[Fault]) -> str:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{faults[0]}{more}"
