"""`kt connect`, and that docs/ides.md says the same."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from command import fails, kt

from extproc.cli import exit_codes
from extproc.cli.clients import CLIENTS, KEY_PLACEHOLDER, Client, PlaceError, place

URL = "https://gateway.yourcompany.com/v1"
KEY = "kt_ak_" + "a1B2" * 8
PAGE = (Path(__file__).parents[2] / "docs" / "ides.md").read_text()


@pytest.fixture(autouse=True)
def _no_key_of_the_testers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEEPTRUSTS_ACCESS_KEY", raising=False)


def section(client: Client) -> str:
    """What the page says of a client: paste this when a test asks for it."""
    at = place(URL, [client.model])
    blocks = [f"{each.where}:\n\n```{each.language}\n{each.text(at)}\n```" for each in client.settings]
    notes = ["\n".join(f"- {note}" for note in client.notes)] if client.notes else []
    title, command = f"### {client.title}", f"`kt connect {client.name} --url {URL}`"
    return "\n\n".join([title, command, *blocks, *notes]) + "\n"


def written(client: str, *more: str) -> dict[str, str]:
    """Where to texts."""
    shown = json.loads(kt("connect", client, "--url", URL, "--json", *more).stdout)
    return {each["where"]: each["text"] for each in shown["settings"]}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_page_says_what_the_command_prints(client: Client) -> None:
    assert section(client) in PAGE


def test_the_page_has_no_client_that_the_command_lacks() -> None:
    assert re.findall(r"^`kt connect ([a-z-]+) ", PAGE, re.MULTILINE) == [client.name for client in CLIENTS]


@pytest.mark.parametrize(
    "row", ["VS Code (Continue)", "JetBrains (Continue)", "Cursor", "Neovim (gptel)", "Zed"]
)  # as the seed page has them
def test_every_row_of_the_seed_page_has_its_client(row: str) -> None:
    assert [client for client in CLIENTS if row in client.seed]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:41002/v1", "https://proxy.example:8443/team/ai/v1"])
def test_settings_hold_the_gateway_and_the_key_wherever_they_may_stand(client: Client, url: str) -> None:
    at = place(url, ["gpt-4o"], KEY)
    texts = "\n".join(each.text(at) for each in client.settings)
    assert at.authority in texts
    assert KEY in texts and KEY_PLACEHOLDER not in texts


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_json_yaml_and_toml_are_what_they_say(client: Client) -> None:
    for each in client.settings:
        text = each.text(place(URL, ["gpt-4o", "org/model:free"], KEY))
        if each.language == "json":
            assert isinstance(json.loads(text), dict)
        if each.language == "yaml":
            assert isinstance(yaml.safe_load(text), dict)
        if each.language == "toml":
            assert tomllib.loads(text)["model_providers"]


def test_continue_gets_every_model_and_keeps_the_key_out_of_the_shared_file() -> None:
    texts = written("continue", "--model", "gpt-4o", "--model", "o4-mini")
    found = yaml.safe_load(texts["~/.continue/config.yaml"])
    assert found["schema"] == "v1"
    assert [(each["model"], each["apiBase"], each["apiKey"]) for each in found["models"]] == [
        ("gpt-4o", URL, "${{ secrets.KEEPTRUSTS_ACCESS_KEY }}"),
        ("o4-mini", URL, "${{ secrets.KEEPTRUSTS_ACCESS_KEY }}"),
    ]


def test_continues_older_form_is_the_seed_pages() -> None:
    (model,) = json.loads(written("continue-json")["~/.continue/config.json"])["models"]
    assert (model["provider"], model["apiBase"]) == ("openai", URL)


def test_zed_gets_a_provider_of_its_own_and_in_the_older_form_the_seed_pages_field() -> None:
    path = "~/.config/zed/settings.json"
    new, old = (json.loads(written(name)[path])["language_models"] for name in ("zed", "zed-openai"))
    assert new["openai_compatible"]["keeptrusts"]["api_url"] == URL
    assert old["openai"]["api_url"] == URL


def test_gptel_gets_a_host_without_scheme_and_path() -> None:
    text = written("gptel")["init.el"]
    assert ':host "gateway.yourcompany.com"' in text
    assert ':endpoint "/v1/chat/completions"' in text
    assert text.count("(") == text.count(")")


def test_the_json_form_is_stable() -> None:
    shown = json.loads(kt("connect", "curl", "--url", URL, "--json").stdout)
    assert list(shown) == ["client", "title", "url", "settings", "notes"]
    assert list(shown["settings"][0]) == ["where", "language", "text"]


def test_the_key_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n\n")
    assert KEY in kt("connect", "cursor", "--url", URL, "--key-file", path).stdout
    monkeypatch.setenv("KEEPTRUSTS_ACCESS_KEY", KEY)
    assert KEY in kt("connect", "cursor", "--url", URL).stdout


def test_without_a_key_a_placeholder_stands_there() -> None:
    assert KEY_PLACEHOLDER in kt("connect", "cursor", "--url", URL).stdout


def test_no_option_takes_a_key_itself() -> None:
    shown = kt("connect", "--help").stdout
    assert "--key-file" in shown and not re.search(r"--(?:api-)?key[ =]", shown)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), ("sk-of-a-provider", "not an access key"), ("kt_gk_" + "a" * 32, "gateway key")],
)
def test_a_file_without_an_access_key_is_refused_and_not_shown(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    result = kt("connect", "zed", "--url", URL, "--key-file", path)
    fails(result, exit_codes.USAGE, words)
    assert not text or text not in result.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    fails(kt("connect", "zed", "--url", URL, "--key-file", tmp_path / "none"), exit_codes.MISSING, "none: No such file")


@pytest.mark.parametrize("url", ["https://gateway.yourcompany.com", "https://gateway.yourcompany.com/", f"{URL}/"])
def test_a_url_is_completed(url: str) -> None:
    assert place(url).url == URL


@pytest.mark.parametrize(
    "url",
    [
        "", "gateway.yourcompany.com", "ftp://host/v1", "https:///v1", "https://host/v2", f"{URL}?a=b", f"{URL}#a",
        "https://me:secret@host/v1", "https://host:0/v1", "https://host:99999/v1", 'https://host"/v1', "https://h ost/v1",
        "https://host/$(id)/v1", "https://[::1/v1", "https://hóst/v1", "https://host/v1\n",
    ],
)  # fmt: skip
def test_a_url_that_no_client_could_use_is_refused(url: str) -> None:
    if url.endswith("\n"):  # urlsplit drops it, as a shell's $(…) would
        assert place(url).url == "https://host/v1"
        return
    fails(kt("connect", "curl", "--url", url), exit_codes.USAGE, "--url")


@pytest.mark.parametrize("model", ["", "a b", 'a"b', "a'b", "a\nb", "a" * 129, "-rf", "$HOME", "é"])
def test_a_model_that_could_leave_its_quotes_is_refused(model: str) -> None:
    with pytest.raises(PlaceError, match="--model"):
        place(URL, [model])


def test_plain_http_to_another_machine_is_warned_about() -> None:
    assert "readable" in kt("connect", "curl", "--url", "http://gateway.yourcompany.com:41002/v1").stderr
    assert "readable" not in kt("connect", "curl", "--url", "http://localhost:41002/v1").stderr
