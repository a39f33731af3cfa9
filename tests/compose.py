"""Starts a Compose file's service without a container engine.

Command and environment are taken as they stand, over the image's own (its Dockerfile), and nothing is inherited.
A mount is a symlink below a directory, and every path of the container that only root could make, `/etc/keeptrusts`
and `/var/lib/keeptrusts`, is one below that directory. A published port is listened on as it stands; where another
process has it, the service gets a free one, in command and mapping alike.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dockerfile import stages
from live import eventually, free_port

from extproc.gateway.address import Tcp, obstacle

DOCKERFILE = Path(__file__).parents[1] / "deploy" / "docker" / "Dockerfile"
IMAGE = stages(DOCKERFILE)[-1]
ROOTED = ("/etc/keeptrusts", "/var/lib/keeptrusts")


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """`${NAME}` and `${NAME:-default}`, an unset name being empty, as Compose does it."""

    def value(match: re.Match[str]) -> str:
        return environ.get(match[1], "") or match[2] or ""

    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, text)


@dataclass
class Service:
    """One service of a Compose file that lies in `project`; `container` is the container's root directory."""

    file: Path
    container: Path
    outside: Mapping[str, str]
    port: int = 0
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.document,) = yaml.safe_load(interpolated(self.file.read_text(), self.outside))["services"].values()
        published, self._inside = self.document["ports"][0].rsplit(":", 1)
        wanted = int(published.rpartition(":")[2])
        self.port = free_port() if obstacle(Tcp("0.0.0.0", wanted)) else wanted
        self._mount()

    def _mount(self) -> None:
        self._path(IMAGE.one("VOLUME").text).mkdir(parents=True, mode=0o700)
        for each in self.document.get("volumes", ()):
            source, target, *_ = each.split(":")
            if source.startswith("."):
                inside = self._path(target)
                inside.parent.mkdir(parents=True, exist_ok=True)
                inside.symlink_to((self.file.parent / source).resolve(strict=True))

    def _path(self, inside: str) -> Path:
        return self.container / inside.lstrip("/")

    def _remapped(self, text: str) -> str:
        for path in ROOTED:
            text = text.replace(path, str(self._path(path)))
        return text.replace(f":{self._inside}", f":{self.port}")

    @property
    def environ(self) -> dict[str, str]:
        given: dict[str, str] = dict(each.split("=", 1) for each in self.document["environment"])
        merged = {**IMAGE.environ, "PYTHONPATH": "", **given}
        found = {name: self._remapped(value) for name, value in merged.items()}
        return {**found, "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}

    @property
    def argv(self) -> list[str]:
        command: Any = self.document.get("command") or IMAGE.one("CMD").words
        words = shlex.split(command) if isinstance(command, str) else list(command)
        listen = [] if "--listen" in words else ["--listen", f"0.0.0.0:{self._inside}"]  # the image's own default
        return [self._remapped(word) for word in (*words, *listen)]

    def up(self) -> None:
        self.process = subprocess.Popen(
            self.argv, env=self.environ, cwd=self.container, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        process, start = self.process, len(self.lines)
        threading.Thread(target=lambda: self.lines.extend(process.stdout or ()), daemon=True).start()
        ready = "gateway ready"
        eventually(lambda: any(ready in line for line in self.lines[start:]) or process.poll() is not None, "ready", 60)
        assert process.poll() is None, "".join(self.lines)

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`docker compose exec`."""
        argv = [self._remapped(word) for word in words]
        return subprocess.run(
            argv, env=self.environ, cwd=self.container, capture_output=True, text=True, check=False, timeout=60
        )

    def healthy(self) -> bool:
        text = IMAGE.one("HEALTHCHECK").text.partition("CMD ")[2]
        return self.execute(*yaml.safe_load(text)).returncode == 0

    def down(self) -> int:
        """`docker compose stop`: the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        return code
