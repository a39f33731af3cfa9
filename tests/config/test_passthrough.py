"""The `passthrough` section."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.config.load import load
from extproc.config.values import Loaded
from extproc.model import ConfigError

HEAD = "pack: {name: a, version: 1.0.0}\nproviders: {targets: [{id: main, provider: openai}]}\npolicies: {chain: []}\n"


def loaded(tmp_path: Path, section: str) -> Loaded:
    path = tmp_path / "policy-config.yaml"
    path.write_text(HEAD + section)
    return load((path,), environ={})


def test_nothing_passes_unscanned_where_nothing_is_said(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").config.allowance is None


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    found = loaded(tmp_path, "passthrough: {target: main, routes: [images, files]}").config.allowance
    assert found and found.target.id == "main" and set(found.routes) == {"images", "files"}
    assert (found.max_body_bytes, found.organisation) == (512 << 20, "default")


def test_each_route_is_warned_about_where_it_stands(tmp_path: Path) -> None:
    warnings = loaded(tmp_path, "passthrough:\n  target: main\n  routes:\n    - images\n    - realtime\n").warnings
    assert [(each.line, each.code) for each in warnings] == [(7, "E005"), (8, "E005")]
    assert "'images' passes unscanned" in warnings[0].message and "'realtime'" in warnings[1].message


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("{routes: [images]}", "4:14: passthrough.target: missing"),
        ("{target: main}", "4:14: passthrough.routes: missing"),
        ("{target: main, routes: []}", "routes: expected at least one"),
        ("{target: main, routes: [images, images]}", "routes: 'images' stands twice"),
        ("{target: main, routes: [image]}", "4:38: passthrough.routes[0]: expected one of images, audio, moderations"),
        ("{target: man, routes: [images]}", "4:23: passthrough.target.man: unknown target 'man', did you mean 'main'?"),
        ("{target: main, routes: [images], max_body_bytes: 1}", "expected 1024 to"),
        ("{target: main, route: [images]}", "unknown key 'route', did you mean 'routes'?"),
        ("[images]", "passthrough: expected a mapping, found a list"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, section: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"passthrough: {section}\n")
    assert says in str(caught.value)
