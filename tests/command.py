"""`kt` in this process, and in a Python that lacks something."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from click.testing import CliRunner, Result

from extproc.cli import main

CONFIG = """\
pack: {name: test, version: 1.0.0}
providers:
  targets:
    - {id: a, provider: openai, base_url: "http://127.0.0.1:9/v1"}
policies: {chain: [prompt-injection]}
policy: {prompt-injection: {}}
"""


def kt(*arguments: str | Path) -> Result:
    """Run a command that ends by itself."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="kt")


def fails(result: Result, code: int, *words: str) -> None:
    """It ended on purpose, with this code, and its one error line says these words."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    lines = [
        line for line in result.stderr.splitlines() if line and not line.startswith(("Usage: ", "Try ", "warning"))
    ]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0]


def config(root: Path, text: str = CONFIG) -> Path:
    path = root / "policy-config.yaml"
    path.write_text(text)
    return path


def python_without(root: Path, *packages: str) -> Path:
    """A Python with a prefix of its own, in whose bin/ is no Envoy, and with all of our packages but these."""
    venv.create(root, with_pip=False, symlinks=True)
    base = {"base": str(root), "platbase": str(root)}
    site = Path(sysconfig.get_path("purelib", "venv", base))
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if not each.name.startswith(packages):
            (site / each.name).symlink_to(each)
    return root / "bin" / "python"


def run_bare(python: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`kt` there, with nothing on the PATH."""
    environ = {**os.environ, "PATH": "/nonexistent"}
    command = [str(python), "-m", "extproc", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


def in_fresh_python(code: str) -> str:
    """What a program prints, of which nothing was imported before."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
