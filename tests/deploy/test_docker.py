"""The image, read and carried out without a container engine: there is none on the machines that test this."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile import Stage, stages
from live import Providers, document, eventually, free_port

from extproc import __version__

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "docker" / "Dockerfile"
BUILD, FINAL = stages(FILE)


def sources(stage: Stage) -> list[str]:
    """What a stage copies from the build context."""
    copies = [each.words for each in stage.all("COPY") if not each.words[0].startswith("--from=")]
    return [source for words in copies for source in words[:-1]]


def test_bases_are_one_release_by_its_exact_tag_once_with_a_compiler_and_once_without() -> None:
    build, final = (stage.base.partition("@")[0] for stage in (BUILD, FINAL))
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", FINAL.base)
    assert build == final.replace("-slim", "")


@pytest.mark.parametrize("source", sources(BUILD) + sources(FINAL))
def test_what_is_copied_exists_and_is_not_ignored(source: str) -> None:
    assert (ROOT / source).exists()
    rules = [line for line in (FILE.parent / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert rules[0] == "*" and f"!{source.removeprefix('./')}" in rules


def test_nothing_else_of_the_repository_reaches_the_build() -> None:
    """Neither keys lying about nor tests: the ignore file lets through what is copied, and nothing more."""
    lines = (FILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    assert let_through == {source.removeprefix("./") for source in sources(BUILD) + sources(FINAL)}
    assert not any(fnmatch.fnmatch(".git", name) or fnmatch.fnmatch(".venv", name) for name in let_through)


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    uid, gid = FINAL.one("USER").text.split(":")
    assert int(uid) > 0 and int(gid) > 0
    made = FINAL.one("RUN").text
    assert f"--uid {uid}" in made and f"--gid {gid}" in made and f"--owner={uid} --group={gid}" in made


def test_what_must_outlive_the_container_is_a_volume() -> None:
    assert FINAL.one("VOLUME").text == FINAL.environ["KEEPTRUSTS_STATE_DIR"] == FINAL.one("WORKDIR").text


def test_the_user_is_set_after_everything_that_needs_root_and_no_secret_is_baked_in() -> None:
    names = [each.name for each in FINAL.instructions]
    assert max(i for i, name in enumerate(names) if name in ("RUN", "COPY")) < names.index("USER")
    assert not any(word in name for stage in (BUILD, FINAL) for name in stage.environ for word in ("KEY", "TOKEN"))


def test_it_starts_by_itself_with_the_seed_pages_file_and_port() -> None:
    assert FINAL.one("CMD").words == ["kt", "gateway", "run"]
    assert not FINAL.all("ENTRYPOINT")  # or the seed page's command would read `kt kt gateway run`
    assert FINAL.environ["KEEPTRUSTS_POLICY_CONFIG"] == "/etc/keeptrusts/policy-config.yaml"
    assert FINAL.one("EXPOSE").text == "41002"
    assert FINAL.one("STOPSIGNAL").text == "SIGTERM"


def test_its_health_is_the_gateways_own_word() -> None:
    text = FINAL.one("HEALTHCHECK").text
    assert text.endswith('CMD ["kt", "health"]') and "--timeout=10s" in text


def test_the_version_in_the_head_is_the_packages() -> None:
    assert f"keeptrusts/gateway:{__version__}" in FILE.read_text()


def test_the_image_installs_what_the_lock_file_says_and_nothing_for_developers() -> None:
    scratch = {"__name__": "runtime_lock", "__file__": str(ROOT / "scripts" / "runtime_lock.py")}
    exec(compile((ROOT / "scripts" / "runtime_lock.py").read_text(), "runtime_lock.py", "exec"), scratch)
    for path, text in scratch["files"]().items():  # type: ignore[operator]  # a function, executed just now
        assert path.read_text() == text, "stale: run .venv/bin/python scripts/runtime_lock.py"
        assert "pytest==" not in text
        assert ("mypy==" in text) is (path.name == "build.lock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what scripts/release needs, with a docker that only remembers and tells a digest."""
    root = tmp_path / "checkout"
    for name in ("scripts/pin", "scripts/release", "extproc/__init__.py", "deploy/docker/Dockerfile"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    fake = root / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@" >> "$0.calls"\ncase "$*" in *imagetools*) cat "$0.digest";; esac\n')
    fake.chmod(0o755)
    (root / "bin" / "docker.digest").write_text("sha256:" + "1" * 64 + "\n")
    return root


def run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run([checkout / words[0], *words[1:]], capture_output=True, text=True, check=False, env=environ)


def test_a_release_pins_both_bases_by_digest_and_builds_this_version(checkout: Path) -> None:
    assert run(checkout, "scripts/pin", "--check").returncode == (0 if "@sha256:" in FINAL.base else 1)
    done = run(checkout, "scripts/release", "--push")
    assert done.returncode == 0, done.stderr
    tags = [stage.base.partition("@")[0] for stage in (BUILD, FINAL)]
    pinned = [stage.base for stage in stages(checkout / "deploy/docker/Dockerfile")]
    assert pinned == [f"{tag}@sha256:{'1' * 64}" for tag in tags]
    assert run(checkout, "scripts/pin", "--check").returncode == 0
    *asked, built = (checkout / "bin" / "docker.calls").read_text().splitlines()
    assert [line.split()[3] for line in asked] == sorted(tags)
    assert f"--tag keeptrusts/gateway:{__version__} " in built and built.endswith(" --push .")
    assert ":latest" not in built


def test_pinning_again_takes_the_newer_digest(checkout: Path) -> None:
    run(checkout, "scripts/pin")
    (checkout / "bin" / "docker.digest").write_text("sha256:" + "2" * 64 + "\n")
    run(checkout, "scripts/pin")
    assert all(stage.base.endswith("@sha256:" + "2" * 64) for stage in stages(checkout / "deploy/docker/Dockerfile"))


def test_a_registry_that_gives_no_digest_changes_nothing(checkout: Path) -> None:
    before = (checkout / "deploy/docker/Dockerfile").read_text()
    (checkout / "bin" / "docker.digest").write_text("nothing of the kind\n")
    done = run(checkout, "scripts/release")
    assert done.returncode == 1 and "no digest" in done.stderr
    assert (checkout / "deploy/docker/Dockerfile").read_text() == before
    assert "build --file" not in (checkout / "bin" / "docker.calls").read_text()


class Engineless:
    """Carries the Dockerfile out below a directory: every absolute path of the image is one below it.

    What needs root, the user and the ownership of the state directory, is left out; everything else is run as written.
    """

    PATHS = ("/opt/", "/src", "/var/lib/keeptrusts", "/etc/keeptrusts")

    def __init__(self, root: Path) -> None:
        self.root = root
        python = root / "base" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)

    def remapped(self, text: str) -> str:
        for path in self.PATHS:
            text = re.sub(rf"(?<![\w/.-]){re.escape(path)}", f"{self.root}{path}", text)
        return text

    def path(self, text: str) -> Path:
        return self.root / text.lstrip("/")

    def environ(self, stage: Stage) -> dict[str, str]:
        base = f"{self.root / 'base'}:/usr/local/bin:/usr/bin:/bin"
        found = {name: self.remapped(value) for name, value in stage.environ.items()}
        return {"PATH": base, "HOME": str(self.root), **found}

    def build(self) -> None:
        here = Path("/")
        for each in BUILD.instructions:
            if each.name == "WORKDIR":
                here = self.path(each.text)
                here.mkdir(parents=True)
            elif each.name == "COPY":
                for source in each.words[:-1]:
                    self._copy(ROOT / source, here / each.words[-1])
            elif each.name == "RUN":
                environ = {**self.environ(BUILD), **_pip_settings()}
                subprocess.run(self.remapped(each.text), shell=True, check=True, cwd=here, env=environ)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / source.name if target.is_dir() else target)

    def program(self, words: list[str]) -> list[str]:
        """A command of the image, found on the image's own PATH."""
        found = shutil.which(words[0], path=self.environ(FINAL)["PATH"])
        assert found is not None and found.startswith(str(self.root))
        return [found, *map(self.remapped, words[1:])]


def _pip_settings() -> dict[str, str]:
    """How this machine reaches its package registry."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}


@pytest.mark.full
def test_the_image_as_built_serves_without_arguments_and_says_that_it_is_healthy(
    tmp_path: Path, providers: Providers
) -> None:
    image = Engineless(tmp_path)
    image.build()
    _, port = providers.add()
    image.path("/etc/keeptrusts").mkdir(parents=True)
    image.path("/var/lib/keeptrusts").mkdir(parents=True, mode=0o700)
    image.path("/etc/keeptrusts/policy-config.yaml").write_text(document([port]))
    listen = free_port()
    environ = image.environ(FINAL)
    here = image.path(FINAL.one("WORKDIR").text)
    command = [*image.program(FINAL.one("CMD").words), "--listen", f"127.0.0.1:{listen}"]
    lines: list[str] = []
    process = subprocess.Popen(
        command, env=environ, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    health = image.program(FINAL.one("HEALTHCHECK").text.partition("CMD ")[2].strip("[]").replace('"', "").split(", "))
    try:
        eventually(
            lambda: subprocess.run(health, env=environ, cwd=here, capture_output=True, check=False).returncode == 0,
            "healthy image",
            60,
        )
        assert not list(here.glob("*.py"))
    finally:
        process.terminate()
        lines.extend(process.communicate(timeout=60)[0].splitlines())
    assert process.returncode == 0, lines
    assert f"gateway ready: http://127.0.0.1:{listen}/v1" in lines
    installed = {path.name for path in image.path("/opt/keeptrusts/bin").iterdir()}
    assert {"kt", "envoy"} <= installed and not installed & {"pytest", "mypy", "ruff"}
    assert list(image.path("/opt/keeptrusts").rglob("extproc/chain*.so"))
