"""What the documentation tells people to type is typed, and prints what is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from live import Providers, eventually, free_port

import docs
from extproc.cli import main
from extproc.gateway.certs import ensure_dev_certificate

OPERATIONS = docs.ROOT / "docs" / "operations.md"
AGAIN = ("kt health", "kt events", "tail ", "curl ")
"""Commands that only look: repeated until they show what they should, for the gateway works while one types."""


@pytest.fixture
def home() -> Iterator[Path]:
    """Short, for the sockets' sake."""
    with tempfile.TemporaryDirectory(prefix="kt-") as name:
        yield Path(name)


class Shell:
    """A bash that is told one command at a time."""

    END = "---end---"
    PATIENCE = 180.0

    def __init__(self, home: Path) -> None:
        environ = {"HOME": str(home), "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=home, env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

        self.watch = threading.Timer(self.PATIENCE, self.process.kill)  # a command that hangs fails the test
        self.watch.start()

    def run(self, line: str) -> tuple[str, int]:
        """What it prints, and its exit status. What goes on in the background has printed its first line by then."""
        assert self.process.stdin and self.process.stdout
        background = line.endswith("&")
        if background:
            line = f"{line.removesuffix('&')} > >(cat) &\n"
        self.process.stdin.write(f"{line}\n{'' if background else f'echo {self.END}$?'}\n")
        self.process.stdin.flush()
        if background:
            return self.process.stdout.readline(), 0
        said = ""
        while self.END not in said:
            read = self.process.stdout.readline()
            assert read, said
            said += read
        said, _, code = said.rpartition(self.END)
        return said, int(code)

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("kill $(jobs -p) 2> /dev/null; wait\nexit\n")
        self.process.stdin.close()
        self.process.wait(60)
        self.watch.cancel()
        self.process.stdout.close()


def furnish(home: Path, provider: int, page: Path) -> None:
    """The files that the pages take for granted: a configuration, the operators' or a page's own, and a certificate."""
    own = [block for block in docs.blocks(page, "yaml") if block.startswith("# policy-config.yaml\n")]
    (config,) = own or docs.blocks(OPERATIONS, "yaml")
    assert config.startswith("# policy-config.yaml\n")
    (home / "policy-config.yaml").write_text(config.replace("https://api.openai.com", f"http://127.0.0.1:{provider}"))
    made = ensure_dev_certificate(home / "made", datetime.now(UTC))
    for source, name in ((made.cert, "gateway.crt"), (made.key, "gateway.key"), (made.ca, "ca.crt")):
        (home / name).write_bytes(source.read_bytes())


@pytest.mark.parametrize("page", [page for page in docs.PAGES if docs.commands(page)], ids=lambda page: page.name)
def test_a_page_does_what_it_says(page: Path, home: Path, providers: Providers) -> None:
    furnish(home, providers.add()[1], page)
    listen = str(free_port())
    shell = Shell(home)
    try:
        for command in docs.commands(page):
            typed, shown = command.line.replace("41002", listen), command.shown.replace("41002", listen)
            said: list[tuple[str, int]] = []

            def fitting(typed: str = typed, shown: str = shown, said: list[tuple[str, int]] = said) -> bool:
                said.append(shell.run(typed))
                return docs.fits(shown, said[-1][0])

            if typed.startswith(AGAIN):
                try:
                    eventually(fitting, typed)
                except AssertionError as error:
                    raise AssertionError(f"$ {typed}\n{said[-1][0]}") from error
            else:
                assert fitting(), f"$ {typed}\n{said[-1][0]}"
            assert said[-1][1] == command.code, f"$ {typed}\n{said[-1]}"
    finally:
        shell.close()


def test_the_quick_start_serves_and_prints_a_line_that_works(home: Path) -> None:
    """README's `scripts/serve`; OPENAI_API_KEY is not set, so the bundled provider answers."""
    (start,) = [text for text in docs.blocks(docs.ROOT / "README.md", "") if "scripts/serve" in text]
    script = start.split()[0]
    port = free_port()
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "KEEPTRUSTS_PORT": str(port)}
    said = home / "said"
    with said.open("w") as out:
        process = subprocess.Popen([docs.ROOT / script], env=environ, stdout=out, stderr=subprocess.STDOUT, cwd=home)
    try:
        eventually(lambda: "gateway ready" in said.read_text() or process.poll() is not None, "ready", 60)
        (line,) = [line.strip() for line in said.read_text().splitlines() if line.strip().startswith("curl ")]

        def answered() -> bool:
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=environ)
            return '"content":"You said: Hello"' in done.stdout

        eventually(answered, "answer")
    finally:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), 15)  # the script waits for the gateway, which a terminal's Ctrl-C would reach
        process.wait(60)


def leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words name, and the words after it."""
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found, f"there is no kt {' '.join(words)}"
        command, words = found, words[1:]
    return command, words


def mentioned() -> list[tuple[str, str]]:
    """Every `kt …` in a block or between backticks, with its page."""
    found = []
    for page in docs.PAGES:
        text = page.read_text()
        blocks = [
            line
            for language in ("sh", "console")
            for text_ in docs.blocks(page, language)
            for line in text_.splitlines()
        ]
        inline = re.findall(r"`(kt [^`]+)`", docs.FENCE.sub("", text))
        lines = [match for line in blocks for match in re.findall(r"(?:^|[\s|])(kt [a-z].*?)(?=$|[|>&;)])", line)]
        found += [(page.name, line) for line in (*inline, *lines)]
    return found


@pytest.mark.parametrize(("page", "line"), mentioned())
def test_every_command_that_the_documentation_names_exists_with_its_options(page: str, line: str) -> None:
    command, rest = leaf([word for word in line.split()[1:] if word[0] not in "$<"])
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word for word in rest if word.startswith("--") and "…" not in word} <= known


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda page: page.name)
def test_every_page_that_is_linked_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]
