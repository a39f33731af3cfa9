"""Runs a container's command without a container engine.

Command and environment are taken as they stand, over the image's own (its Dockerfile), and nothing is inherited.
A mount is a symlink below a directory, and every path of the container that only root could make, `/etc/keeptrusts`
and `/var/lib/keeptrusts`, is one below that directory. The port is listened on as it stands; where another process has
it, the container gets a free one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from dockerfile import stages
from live import eventually, free_port

from extproc.gateway.address import Tcp, obstacle

IMAGE = stages(Path(__file__).parents[1] / "deploy" / "docker" / "Dockerfile")[-1]
ROOTED = re.compile(r"(?<!\w)/(?:etc/keeptrusts|var/lib/keeptrusts|keys)(?=[/\s:]|$)")
PORT = 41002


@dataclass
class Container:
    """`given` is the environment beside the image's; an empty `command` is the image's own. `root` is short-lived."""

    root: Path
    given: Mapping[str, str]
    command: Sequence[str] = ()
    mounts: Mapping[str, Path] = field(default_factory=dict)
    wanted: int = PORT
    port: int = 0
    lines: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.port = free_port() if obstacle(Tcp("0.0.0.0", self.wanted)) else self.wanted
        self.path(IMAGE.one("VOLUME").text).mkdir(parents=True, mode=0o700, exist_ok=True)
        for inside, source in self.mounts.items():
            self.path(inside).parent.mkdir(parents=True, exist_ok=True)
            self.path(inside).symlink_to(source.resolve(strict=True))

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def remapped(self, text: str) -> str:
        text = ROOTED.sub(lambda found: str(self.path(found[0])), text)
        return text.replace(f":{PORT}", f":{self.port}")

    @property
    def environ(self) -> dict[str, str]:
        found = {name: self.remapped(value) for name, value in {**IMAGE.environ, **self.given}.items()}
        return {**found, "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}

    @property
    def argv(self) -> list[str]:
        words = list(self.command) or IMAGE.one("CMD").words
        listen = [] if "--listen" in words else ["--listen", f"0.0.0.0:{PORT}"]  # kt's own default, to be remapped
        return [self.remapped(word) for word in (*words, *listen)]

    def up(self) -> None:
        self.process = subprocess.Popen(
            self.argv, env=self.environ, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        process, start = self.process, len(self.lines)
        threading.Thread(target=lambda: self.lines.extend(process.stdout or ()), daemon=True).start()

        def ready() -> bool:
            return any("gateway ready" in line for line in self.lines[start:]) or process.poll() is not None

        try:
            eventually(ready, "ready", 60)
            assert process.poll() is None, "".join(self.lines)
        except BaseException:
            process.kill()  # its children end with it
            raise

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`docker compose exec`, `kubectl exec`."""
        argv = [self.remapped(word) for word in words]
        return subprocess.run(
            argv, env=self.environ, cwd=self.root, capture_output=True, text=True, check=False, timeout=60
        )

    def healthy(self) -> bool:
        text = IMAGE.one("HEALTHCHECK").text.partition("CMD ")[2]
        return self.execute(*yaml.safe_load(text)).returncode == 0

    def down(self) -> int:
        """SIGTERM and its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        return code
