"""Codex itself through the gateway, from npm where this machine has none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from live import Gateway, Providers, start, stop
from responses import message, stream
from stage import staged

PACKAGE = "@openai/codex@0.169.0"

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def codex(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = shutil.which("codex")
    npm = shutil.which("npm")
    if found:
        return found
    if not npm:  # Node may be used for checking and must not be needed
        pytest.skip("neither codex nor npm is on this machine")
    root = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(root), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"npm cannot install {PACKAGE}: {done.stderr[-200:]}"
    return str(root / "node_modules" / ".bin" / "codex")


def run(codex: str, gateway: Gateway, root: Path, prompt: str) -> list[dict[str, Any]]:
    """What Codex tells of one turn."""
    home, work = root / "home", root / "work"
    home.mkdir()
    work.mkdir()
    (home / "config.toml").write_text(
        'model = "demo"\nmodel_provider = "gw"\n[model_providers.gw]\nname = "gw"\n'
        f'base_url = "{gateway.base_url}"\nenv_key = "GW_KEY"\nwire_api = "responses"\n'
    )
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CODEX_HOME": str(home),
        "GW_KEY": gateway.key,
        "SSL_CERT_FILE": str(gateway.ca),
    }
    command = [codex, "exec", "--skip-git-repo-check", "--json", prompt]
    done = subprocess.run(
        command,
        cwd=work,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def items(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    done = [each["item"] for each in told if each["type"] == "item.completed"]
    return [each for each in done if each["type"] == kind]


def test_codex_runs_a_command_and_goes_on_with_what_it_gave_redacted(codex: str, tmp_path: Path) -> None:
    found = Providers()
    provider, port = found.add()
    gateway = start(tmp_path, [port])
    try:
        told = run(codex, gateway, tmp_path, "call a tool: printf ACME-; echo 123456")
    finally:
        stop(gateway)
        found.close()
    (ran,) = items(told, "command_execution")
    assert ran["aggregated_output"] == "ACME-123456\n"
    (said,) = items(told, "agent_message")
    assert "[DLP_REDACTED]" in said["text"] and told[-1]["type"] == "turn.completed"
    assert [each.path for each in provider.requests] == ["/v1/responses"] * 2
    assert not any(b"ACME-123456" in each.body for each in provider.requests)


def test_codex_shows_a_block_and_does_not_ask_again(codex: str, tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.player.play(*stream(message("All is well. ACME-123456 and so on"), size=13))
        told = run(codex, stage.gateway, tmp_path, "hello")
        assert told[-1] == {
            "type": "turn.failed",
            "error": {"message": "The reply was stopped by a policy of this gateway."},
        }
        assert [each["decision"] for each in stage.gateway.events().values()] == ["blocked"]
