from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from golden.play import POLICY, accept, exchanges, ours, play

EXCHANGES = exchanges()


@pytest.mark.parametrize("path", EXCHANGES.values(), ids=EXCHANGES.keys())
def test_we_do_what_was_accepted(path: Path) -> None:
    assert ours(path).exists(), "no accepted side yet: run scripts/golden and review it"
    assert play(yaml.safe_load(path.read_text())) == yaml.safe_load(ours(path).read_text())


def test_every_accepted_side_has_an_exchange() -> None:
    assert {path.name for path in (Path(__file__).parent / "golden" / "ours").iterdir()} == {
        path.name for path in EXCHANGES.values()
    }


def test_another_decision_is_another_outcome_and_accepting_twice_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "exchanges").mkdir()
    (tmp_path / "ours").mkdir()
    path = tmp_path / "exchanges" / "x.yaml"
    shutil.copy(next(iter(EXCHANGES.values())), path)
    exchange = yaml.safe_load(path.read_text())
    exchange["policy"] = POLICY.replace("deny_if_missing: []", "deny_if_missing: [x-user-id]")
    assert accept(path) and not accept(path)
    before = ours(path).read_text()
    path.write_text(yaml.safe_dump(exchange))
    assert accept(path) and ours(path).read_text() != before
