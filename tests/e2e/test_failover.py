"""Several targets: the next one answers, and a reload brings others. What they see of each other: test_attempts."""

from __future__ import annotations

from pathlib import Path

import pytest
from live import Providers, document, eventually, free_port, start, stop


@pytest.mark.parametrize(
    "fault", ["503", "refused", *(pytest.param(fault, marks=pytest.mark.full) for fault in ("429", "reset"))]
)
def test_a_dead_target_is_followed_by_one_that_answers(tmp_path: Path, providers: Providers, fault: str) -> None:
    first, first_port = (None, free_port()) if fault == "refused" else providers.add(fault)
    second, second_port = providers.add()
    gateway = start(tmp_path, [first_port, second_port])
    try:
        answer = gateway.chat("hello")
        assert answer.status_code == 200
        assert len(second.requests) == 1
        assert len(gateway.event(answer)["attempts"]) == 2  # type: ignore[arg-type]
        if first:
            assert len(first.requests) == 1
    finally:
        stop(gateway)


@pytest.mark.full
def test_a_new_target_is_served_after_a_reload_and_nothing_fails(tmp_path: Path, providers: Providers) -> None:
    _, first_port = providers.add()
    second, second_port = providers.add()
    gateway = start(tmp_path, [first_port])
    try:
        gateway.config.write_text(document([second_port]))
        statuses = set()

        def moved() -> bool:
            statuses.add(gateway.chat().status_code)
            return bool(second.requests)

        eventually(moved, "request at the new target")
        assert statuses == {200}
        gateway.config.write_text("pack: {name: x}\n")
        eventually(lambda: any("reload refused" in line for line in gateway.lines), "refusal of a bad file")
        assert gateway.chat().status_code == 200
    finally:
        stop(gateway)
