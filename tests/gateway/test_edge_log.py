"""When the edge log is rotated, and until when Envoy is asked to follow."""

from __future__ import annotations

from pathlib import Path

from extproc.gateway.edge_log import MAX_AGE, EdgeLogRotation


class Envoy:
    """Answers as told; without an answer it is not there."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)

    def reopen(self) -> int:
        answer = self.answers.pop(0)
        if answer is None:
            raise ConnectionRefusedError
        return answer


def left(path: Path) -> int:
    return len(list(path.parent.glob("edge-*.log")))


def test_a_log_is_left_at_its_size_or_age_and_never_while_it_is_empty(tmp_path: Path) -> None:
    path, envoy = tmp_path / "edge.log", Envoy(200, 200)
    rotation = EdgeLogRotation(path, envoy.reopen, since=0.0)
    rotation.turn(10, MAX_AGE)
    path.touch()
    rotation.turn(10, MAX_AGE)
    assert left(path) == 0
    path.write_bytes(b"x" * 9)
    rotation.turn(10, MAX_AGE - 1)
    assert left(path) == 0
    path.write_bytes(b"x" * 10)
    rotation.turn(10, 5.0)
    assert left(path) == 1 and not path.exists()
    path.write_bytes(b"x")
    rotation.turn(10, MAX_AGE + 4)
    assert left(path) == 1
    rotation.turn(10, MAX_AGE + 5)
    assert left(path) == 2 and not envoy.answers


def test_envoy_is_asked_until_it_says_yes_and_nothing_is_left_meanwhile(tmp_path: Path) -> None:
    path, envoy = tmp_path / "edge.log", Envoy(None, 503, 200)
    rotation = EdgeLogRotation(path, envoy.reopen, since=0.0)
    path.write_bytes(b"x" * 10)
    for _ in range(3):
        rotation.turn(10, 1.0)
        path.write_bytes(b"x" * 10)
    assert left(path) == 1 and not envoy.answers and not rotation.unconfirmed
