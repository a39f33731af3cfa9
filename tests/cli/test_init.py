"""`kt init` and `kt config schema`: what is written loads, passes its own cases, and fits the schema beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import fails, kt
from jsonschema import Draft7Validator

import docs
from extproc.cli import exit_codes
from extproc.cli.init import TEMPLATES
from extproc.config.schema import of, schema
from extproc.policies import POLICIES

SCHEMA = Draft7Validator(schema())
GOOD: dict[str, Any] = {
    "pack": {"name": "a", "version": "1.0.0"},
    "providers": {"targets": [{"id": "a", "provider": "openai"}]},
    "policies": {"chain": ["rbac", {"dlp-filter": {"mode": "shadow"}}]},
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_passes_its_own_cases_and_fits_its_schema(tmp_path: Path, template: str) -> None:
    result = kt("init", "--template", template, "--dir", tmp_path / "new")
    assert (result.exit_code, result.stderr) == (exit_codes.OK, "")
    assert f"kt policy test --pack-dir {tmp_path / 'new'}" in result.stdout
    path = tmp_path / "new" / "policy-config.yaml"
    (named,) = path.read_text().splitlines()[0].split("$schema=")[1:]
    Draft7Validator(json.loads((path.parent / named).read_text())).validate(yaml.safe_load(path.read_text()))
    assert kt("policy", "lint", "--file", path).exit_code == exit_codes.OK
    assert kt("policy", "test", "--pack-dir", path.parent).exit_code == exit_codes.OK


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "policy-config.yaml").write_text("mine")
    fails(kt("init", "--dir", tmp_path), exit_codes.USAGE, "policy-config.yaml: exists already; choose another --dir")
    assert (tmp_path / "policy-config.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["policy-config.yaml"]


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fails(kt("init", "--dir", tmp_path / "file" / "below"), exit_codes.MISSING, "Not a directory")


def test_the_schema_is_printed_and_is_one() -> None:
    printed = json.loads(kt("config", "schema").stdout)
    assert printed == schema()
    Draft7Validator.check_schema(printed)
    assert printed["properties"]["policy"]["properties"].keys() == POLICIES.keys()


def files() -> list[Path]:
    return sorted((docs.ROOT / "deploy").rglob("policy-config*.yaml"))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(docs.ROOT)))
def test_every_configuration_here_fits(path: Path) -> None:
    SCHEMA.validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("page", sorted((docs.ROOT / "docs" / "policies").glob("*.md")), ids=lambda page: page.stem)
def test_so_does_every_example_of_a_kind(page: Path) -> None:
    for example in docs.blocks(page, "yaml"):
        SCHEMA.validate({**GOOD, "policy": yaml.safe_load(example)})


@pytest.mark.parametrize(
    ("changed", "path"),
    [({"limitz": {}}, "$"), ({"pack": {"name": "a"}}, "$.pack"), ({"pack": {"name": 1, "version": "1.0.0"}}, "$.pack.name"),
     ({"policies": {"chain": ["rbca"]}}, "$.policies.chain[0]"), ({"policies": {"chain": [{"rbac": {"mode": "loud"}}]}}, "$.policies.chain[0]"),
     ({"policies": {"chain": [{"rbac": {}, "dlp-filter": {}}]}}, "$.policies.chain[0]"), ({"policy": {"dlp-filter": {"actoin": "block"}}}, "$.policy['dlp-filter']"),
     ({"limits": {"json_depth": 1}}, "$.limits.json_depth"), ({"providers": {"targets": [{"id": "a"}]}}, "$.providers.targets[0]")],
)  # fmt: skip
def test_what_the_loader_refuses_by_shape_does_not_fit(changed: dict[str, Any], path: str) -> None:
    SCHEMA.validate(GOOD)
    assert [error.json_path for error in SCHEMA.iter_errors({**GOOD, **changed})] == [path]


def test_a_type_that_the_loader_does_not_know_has_no_schema() -> None:
    with pytest.raises(TypeError, match="no schema for"):
        of(bytes)
