"""Reads a Compose file's one service as far as ours go."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml
from container import PORT, Container

FOLDER = Path(__file__).parents[1] / "deploy" / "compose"
SEED = FOLDER / "docker-compose.yml"


def project(root: Path, file: Path, provider: int, **limits: object) -> Path:
    """A project directory with this Compose file and the policy-config.yaml that lies beside it, whose two providers
    are one on this port. Returns the Compose file.
    """
    made = root / "project"
    made.mkdir()
    (made / file.name).write_bytes(file.read_bytes())
    config = yaml.safe_load((FOLDER / "policy-config.yaml").read_text())
    for target in config["providers"]["targets"]:
        target["base_url"] = f"http://127.0.0.1:{provider}/v1"
    (made / "policy-config.yaml").write_text(yaml.safe_dump({**config, "limits": limits}))
    return made / file.name


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """`${NAME}` and `${NAME:-default}`, an unset name being empty, as Compose does it."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: environ.get(m[1], "") or m[2] or "", text)


def service(file: Path, root: Path, outside: Mapping[str, str]) -> Container:
    """The service, not yet started; `outside` is the environment of whoever calls docker compose."""
    (document,) = yaml.safe_load(interpolated(file.read_text(), outside))["services"].values()
    published, inside = document["ports"][0].rsplit(":", 1)
    assert int(inside) == PORT
    volumes = [each.split(":") for each in document.get("volumes", ())]
    return Container(
        root,
        given=dict(each.split("=", 1) for each in document["environment"]),
        command=shlex.split(document.get("command", "")),
        mounts={target: file.parent / source for source, target, *_ in volumes if source.startswith(".")},
        wanted=int(published.rpartition(":")[2]),
    )
