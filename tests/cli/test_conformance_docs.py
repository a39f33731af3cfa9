"""docs/conformance.md says of each check what the command knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.conformance.check import Client
from extproc.conformance.clients import CLIENTS

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()


def section(client: Client) -> str:
    """What the page says of a client: paste this when the test asks for it."""
    rows = [f"| `{check.name}` | {check.breaks} | {check.next} |" for check in client.checks]
    title = f"### {client.title}\n\n`--client {client.name}`; {client.source}.\n"
    return "\n".join(
        (title, "| check | what breaks where it fails | what the gateway has to do |", "|---|---|---|", *rows, "")
    )


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_page_says_what_each_check_means(client: Client) -> None:
    assert section(client) in PAGE


def test_the_page_has_the_clients_in_order_and_no_other() -> None:
    found = [line.removeprefix("### ") for line in PAGE.splitlines() if line.startswith("### ")]
    assert found == [client.title for client in CLIENTS]


def test_the_page_says_how_much_a_run_asks() -> None:
    asked = sum(len(check.turns) for client in CLIENTS for check in client.checks)
    assert f"a run of all clients asks {asked} of them." in PAGE
