"""`kt conformance`: where it gets what from, what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from command import fails, kt
from live import free_port
from scripted import KEY, MODELS, error, gateway, served, whole

from extproc.cli import exit_codes, main
from extproc.cli.conformance import KEY_VARIABLE
from extproc.conformance.check import Ask, Reply
from extproc.conformance.clients import CLIENTS

URL = "https://gateway.yourcompany.com/v1"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


def without_done(ask: Ask) -> Reply:
    right = gateway(ask)
    return Reply(right.status, right.headers, right.body.replace(b"data: [DONE]\n\n", b""))


def test_each_check_is_a_line_and_the_last_says_how_it_ended() -> None:
    with served() as url:
        result = kt("conformance", "--url", url)
    assert result.exit_code == exit_codes.OK, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == sum(len(client.checks) for client in CLIENTS) + 1
    assert lines[0].startswith("ok    claude-code models: ")
    assert lines[-1] == f"all well: {', '.join(client.name for client in CLIENTS)}"


def test_a_check_that_fails_says_what_breaks_and_what_to_do() -> None:
    with served(without_done) as url:
        result = kt("conformance", "--url", url, "--client", "gptel")
    assert result.exit_code == exit_codes.FAILED
    assert (
        "fail  gptel stream: the stream does not end with data: [DONE]\n      breaks: gptel shows nothing"
        in result.stdout
    )
    assert "\n      next: pass every chunk as it comes" in result.stdout
    assert "2 failed, in gptel; docs/conformance.md" in result.stdout


def test_json_has_every_check_in_a_shape_that_stays() -> None:
    with served(without_done) as url:
        result = kt("conformance", "--url", url, "--client", "gptel", "--client", "openai", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == exit_codes.FAILED and report.keys() == {"ok", "url", "clients"}
    assert (report["ok"], report["url"]) == (False, url)
    for client in report["clients"]:
        assert client.keys() == {"client", "title", "ok", "model", "checks"} and client["model"] == "gpt-x"
        for check in client["checks"]:
            assert check.keys() == {"name", "status", "message", "breaks", "next", "seconds"}
            assert check["status"] in ("ok", "fail", "skip")
    assert {each["client"]: each["ok"] for each in report["clients"]} == {"gptel": False, "openai": False}


def test_models_that_are_named_are_asked_and_nothing_is_listed() -> None:
    asked: list[str] = []

    def perform(ask: Ask) -> Reply:
        asked.append(ask.path)
        return gateway(ask)

    with served(perform) as url:
        result = kt("conformance", "--url", url, "--client", "zed", "--model", MODELS[0])
    assert result.exit_code == exit_codes.OK and "/v1/models" not in asked


def test_a_gateway_that_lists_no_models_has_to_be_told_one() -> None:
    with served(lambda _: whole({"data": []})) as url:
        fails(kt("conformance", "--url", url), exit_codes.USAGE, "lists no model to ask", "--model NAME")


def test_a_key_that_is_refused_ends_it_with_the_next_step() -> None:
    with served(lambda _: error(401, anthropic=False)) as url:
        fails(kt("conformance", "--url", url), exit_codes.USAGE, "refuses this key (401)", "kt tokens create")


def test_a_gateway_that_is_not_there_is_missing() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    fails(kt("conformance", "--url", url), exit_codes.MISSING, "Connection refused", "kt doctor")


@pytest.mark.parametrize(
    ("given", "client", "asked"),
    [
        ("", "openai", "/v1"),
        ("/", "openai", "/v1"),
        ("/team/ai/v1/", "openai", "/team/ai/v1"),
        ("/team/ai/v1", "anthropic", "/team/ai/v1"),
        ("/openai", "openai", "/openai"),
        ("/anthropic", "anthropic", "/anthropic/v1"),
    ],
)
def test_a_base_url_means_what_it_means_to_the_client(given: str, client: str, asked: str) -> None:
    with recorded() as (url, paths):
        result = kt("conformance", "--url", url + given, "--client", client)
    assert result.exit_code == exit_codes.OK, result.output
    assert {path[: len(asked)] for path in paths} == {asked} and not any("/v1/v1" in path for path in paths)


@contextmanager
def recorded() -> Iterator[tuple[str, list[str]]]:
    """A gateway that is right below every path, its URL without one, and what it was asked at."""
    paths: list[str] = []

    def perform(ask: Ask) -> Reply:
        paths.append(ask.path)
        rest = next(ask.path[at:] for word in ENDPOINTS if (at := ask.path.find(word)) >= 0)
        return gateway(Ask(ask.method, f"/v1{rest}", ask.headers, ask.body))

    with served(perform) as url:
        yield url.removesuffix("/v1"), paths


ENDPOINTS = ("/models", "/chat/completions", "/completions", "/embeddings", "/responses", "/messages")


@pytest.mark.parametrize(
    ("given", "more", "asked"),
    [
        ("/v1", (), "/cursor/v1"),
        ("/team/v1", (), "/team/cursor/v1"),
        ("/cursor/v1", (), "/cursor/v1"),
        ("/v1", ("/byok/v1",), "/byok/v1"),
        ("/v1", ("/cursor",), "/cursor"),
    ],
)
def test_cursor_is_asked_at_its_own_url(given: str, more: tuple[str, ...], asked: str) -> None:
    with recorded() as (url, paths):
        own = [word for path in more for word in ("--cursor-url", url + path)]
        result = kt("conformance", "--url", url + given, "--client", "cursor", "--model", "gpt-x", *own)
    assert result.exit_code == exit_codes.OK, result.output
    assert {path.removesuffix("/models").removesuffix("/chat/completions") for path in paths} == {asked}


def test_the_key_comes_from_the_variable_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    with served() as url:
        words = ["conformance", "--url", url, "--client", "zed"]
        assert kt(*words).exit_code == exit_codes.OK
        monkeypatch.delenv(KEY_VARIABLE)
        assert kt(*words, "--key-file", file).exit_code == exit_codes.OK
        piped = CliRunner().invoke(main, [*words, "--key", "-"], input=f"{KEY}\n", prog_name="kt")
        assert piped.exit_code == exit_codes.OK and piped.stderr == ""


def test_a_key_on_the_command_line_works_and_is_warned_about() -> None:
    with served() as url:
        result = kt("conformance", "--url", url, "--client", "zed", "--key", KEY)
    assert result.exit_code == exit_codes.OK
    assert "warning: others on this machine can read --key" in result.stderr and KEY not in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--key", ""), "no key: set KEEPTRUSTS_ACCESS_KEY"),
        (("--key", "two words"), "characters that no header may hold"),
        (("--key", "kéy"), "characters that no header may hold"),
        (("--key", "k", "--key-file", __file__), "give one of them"),
        (("--ca-file", __file__), "holds no certificates"),
        (("--url", "gateway.yourcompany.com/v1"), "expected https://HOST/v1"),
        (("--url", "ftp://gateway.yourcompany.com/v1"), "expected https://HOST/v1"),
        (("--url", "https://ana:secret@gateway.yourcompany.com/v1"), "expected https://HOST/v1"),
        (("--url", "https://gateway.yourcompany.com:99999/v1"), "not a URL"),
        (("--url", "https://gateway.yourcompany.com/v1?x=1"), "nothing after it"),
        (("--cursor-url", "cursor/v1"), "--cursor-url: expected https://HOST/v1"),
        (("--client", "emacs"), "claude-code"),
        (("--timeout", "0"), "1<=x<=600"),
    ],
)
def test_bad_usage_is_2_and_says_what_is_expected(words: tuple[str, ...], says: str) -> None:
    result = kt("conformance", *(() if "--url" in words else ("--url", URL)), *words)
    fails(result, exit_codes.USAGE, says)


def test_what_a_gateway_says_cannot_steer_a_terminal() -> None:
    with served(lambda ask: Reply(500, {"content-type": "text/plain"}, b"\x1b[2J\x07no")) as url:
        result = kt("conformance", "--url", url, "--client", "zed", "--model", "m")
    assert result.exit_code == exit_codes.FAILED and "\x1b" not in result.output and "\\x1b[2J" in result.output
