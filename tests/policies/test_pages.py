"""Each kind's page: its example loads and says every key, and it says what the kind cannot catch."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from policies.kinds import made

import docs
from extproc.policies import POLICIES

PAGES = sorted((docs.ROOT / "docs" / "policies").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_of_a_kinds_page_loads_and_says_every_key(page: Path, tmp_path: Path) -> None:
    said: set[str] = set()
    for example in docs.blocks(page, "yaml"):
        (kind,) = block = yaml.safe_load(example)
        assert kind == page.stem
        made(tmp_path, kind, block[kind])
        said |= block[kind].keys()
    refused = {each.name for each in fields(POLICIES[page.stem].Settings) if each.type == "Any"}  # by name, with why
    assert said == {each.name for each in fields(POLICIES[page.stem].Settings)} - refused
    assert "\n## What it cannot catch\n" in page.read_text()
