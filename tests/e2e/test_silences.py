"""A provider that falls silent, in little time: 2.5 s stand for the 300 s that Envoy allows by default."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import orjson
import pytest
from chunks import TAIL, says
from corpus.streams import heard
from live import document, eventually, kt
from player import ABORT
from stage import BODY, POLICIES, Stage, staged

ALLOWED = 2.5
ALMOST = 1.8
LIMITS = f"limits: {{stream_idle_timeout_seconds: {ALLOWED}, stream_ping_seconds: 0.1}}\n"

TIMERS = {
    "timeout",
    "idle_timeout",
    "stream_idle_timeout",
    "per_try_idle_timeout",
    "max_stream_duration",
    "max_connection_duration",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("silences"), POLICIES + LIMITS) as found:
        yield found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One that holds streams to their end."""
    policies = POLICIES.replace("pii-detector,", "{pii-detector: {stream: buffered}},")
    with staged(tmp_path_factory.mktemp("whole"), policies + LIMITS) as found:
        yield found


def arrivals(stage: Stage) -> list[tuple[float, bytes]]:
    """What came, and when: seconds since the first of it."""
    with stage.gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        found = [(time.monotonic(), part) for part in answer.iter_bytes()]
    return [(at - found[0][0], part) for at, part in found]


def cut_short(stage: Stage, gate: threading.Event | None = None) -> tuple[httpx.Response, bytes]:
    """What came of a stream before it was cut; the first of it opens the gate."""
    said = b""
    with stage.gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        try:
            for part in answer.iter_bytes():
                said += part
                if gate:
                    gate.set()
        except httpx.RemoteProtocolError:
            return answer, said
    raise AssertionError(f"ended cleanly: {said!r}")


def test_by_default_no_timer_on_a_streams_way_is_shorter_than_300_s(tmp_path: Path) -> None:
    config = tmp_path / "policy-config.yaml"
    config.write_text(document([1], POLICIES))
    kt("envoy", "render", "--policy-config", str(config), "--out", str(tmp_path / "out"), "--state-dir", str(tmp_path))
    timers = {}
    for name in ("lds", "rds", "cds"):
        for path, value in leaves(orjson.loads((tmp_path / "out" / f"{name}.json").read_bytes())):
            if path.rpartition(".")[2] in TIMERS:
                timers[f"{name} {path.rpartition('.')[2]}"] = float(value.removesuffix("s"))
    assert timers.pop("rds timeout") == 0  # none
    assert set(timers) == {
        "lds stream_idle_timeout", "rds idle_timeout", "rds per_try_idle_timeout", "rds max_stream_duration",
    }  # fmt: skip
    assert min(timers.values()) >= 300


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from leaves(child, f"{path}.{name}")
    elif isinstance(value, list):
        for child in value:
            yield from leaves(child, path)
    elif isinstance(value, str):
        yield path, value


def test_a_stream_goes_on_after_a_silence_and_what_was_held_in_it_is_still_guarded(stage: Stage) -> None:
    stage.player.play(says("All of this, but not ana"), ALMOST, says(".lopez@example.net!"), ALMOST, TAIL)
    parts = arrivals(stage)
    early = b"".join(part for at, part in parts if at < ALMOST / 2)
    assert heard(early) == {(0, "content"): "All of this, but not "}  # let out by the flush; the rest may be a value
    assert heard(b"".join(part for _, part in parts)) == {(0, "content"): "All of this, but not [EMAIL_REDACTED]!"}
    assert parts[-1][0] > 2 * ALMOST - 1


@pytest.mark.full
def test_a_stream_that_is_held_to_its_end_is_kept_alive_through_a_silence(whole: Stage) -> None:
    whole.player.play(says("To ana.lopez@"), ALMOST, says("example.net."), TAIL)
    *pings, (_, rest) = arrivals(whole)
    assert {part for _, part in pings} == {b": keeptrusts is checking\n\n"}
    assert max(later - at for (at, _), (later, _) in pairwise(pings)) < ALMOST / 2
    assert heard(rest) == {(0, "content"): "To [EMAIL_REDACTED]."}


def test_a_silence_that_is_too_long_cuts_the_stream_and_what_was_held_is_not_let_out(stage: Stage) -> None:
    stage.player.play(says("All of this, but not ana"), threading.Event())
    answer, said = cut_short(stage)
    assert heard(said) == {(0, "content"): "All of this, but not "}
    eventually(stage.player.gone.is_set, "the provider's connection closed")
    (event,) = stage.told(answer)
    assert (event["decision"], event["stream"]) == ("aborted", True)


@pytest.mark.full
def test_pings_do_not_hide_a_silence_that_is_too_long(whole: Stage) -> None:
    whole.player.play(says("To ana.lopez@"), threading.Event())
    _, said = cut_short(whole)
    assert set(said.split(b"\n\n")) == {b": keeptrusts is checking", b""}
    eventually(whole.player.gone.is_set, "the provider's connection closed")


def test_a_provider_that_is_cut_off_takes_what_was_held_with_it(stage: Stage) -> None:
    gate = threading.Event()
    stage.player.play(says("Hello, "), says("ana.lopez@exam"), gate, ABORT)
    answer, said = cut_short(stage, gate)
    assert heard(said) == {(0, "content"): "Hello, "}
    (event,) = stage.told(answer)
    assert event["decision"] == "aborted"
