"""What holds for every command: help, a place in the README, a quick start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from command import in_fresh_python, kt

from extproc import __version__
from extproc.cli import GROUPS, exit_codes, main

README = (Path(__file__).parents[2] / "README.md").read_text()


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, (*path, name))


ALL = dict(commands(main))
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    result = kt(*path, "--help")
    assert result.exit_code == exit_codes.OK
    assert f"Example:\n    kt {' '.join(path)}" in result.stdout


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_example_names_options_that_exist(path: tuple[str, ...]) -> None:
    _, _, example = (LEAVES[path].help or "").partition("Example:")
    known = {name for parameter in LEAVES[path].params for name in parameter.opts}
    assert {word for word in example.split() if word.startswith("--")} <= known


@pytest.mark.parametrize("name", GROUPS)
def test_the_line_about_a_group_is_the_groups_own(name: str) -> None:
    assert (ALL[name,].help or "").splitlines()[0] == GROUPS[name]


def test_the_readme_lists_every_command() -> None:
    rows = [f"| `kt {' '.join(path)}` | {command.get_short_help_str(200)} |" for path, command in LEAVES.items()]
    assert "\n".join(("| command | what it does |", "|---|---|", *rows)) in README


def test_the_readme_lists_every_exit_code() -> None:
    rows = [f"| {code} | {meaning} |" for code, meaning in exit_codes.MEANINGS.items()]
    assert "\n".join(("| code | meaning |", "|---|---|", *rows, "")) in README


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_the_first_word_comes_quickly(flag: str) -> None:
    heavy = {
        "grpc",
        "yaml",
        "hyperscan",
        "re2",
        "cryptography",
        "google",
        "opentelemetry",
        "orjson",
        "sqlite3",
        "asyncio",
    }
    code = f"""
import sys
from extproc.cli import main
try:
    main(["{flag}"], prog_name="kt")
except SystemExit as end:
    print(end.code, sorted({{name.partition(".")[0] for name in sys.modules}} & {heavy}))
"""
    assert in_fresh_python(code).splitlines()[-1] == "0 []"


def test_the_version_is_the_packages() -> None:
    assert kt("--version").stdout == f"kt, version {__version__}\n"


@pytest.mark.parametrize("words", [("nope",), ("gateway", "nope"), ("tokens", "create", "--nope"), ("gateway", "run")])
def test_bad_usage_is_2(words: tuple[str, ...]) -> None:
    assert kt(*words).exit_code == exit_codes.USAGE
