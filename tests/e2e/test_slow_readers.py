"""A client that reads more slowly than its provider writes: the provider is held back, and memory stays bounded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from chunks import TAIL, says
from live import eventually
from measure import memory
from stage import BODY, Stage, staged

CHUNK = says("The report was moved to a new place, so we can go on with it now. " * 60)
COUNT = (128 << 20) // len(CHUNK)
HELD = 96 << 20
"""Bytes that the provider may have written: most of them stand in the kernel's buffers."""

MEMORY = 96 << 20
"""Bytes by which a process may grow."""


def stand_still(stage: Stage) -> None:
    """Wait until the provider could write nothing more for two seconds."""
    last, since = -1, 0

    def is_held() -> bool:
        nonlocal last, since
        last, since = stage.player.written, since + 1 if stage.player.written == last else 0
        return since >= 40

    eventually(is_held, "end of writing", 120)


def growth(stage: Stage, word: str, before: dict[int, int]) -> int:
    """How much the largest of these processes grew, at its peak."""
    return max(memory(pid)[1] - before[pid] for pid in stage.gateway.pids(word))


@pytest.mark.full
@pytest.mark.parametrize("http2", [False, True])
def test_a_reader_that_stands_still_holds_the_provider_back_and_loses_nothing(tmp_path: Path, http2: bool) -> None:
    assert 4096 <= len(CHUNK) < 4200
    expected = hashlib.sha256(CHUNK * COUNT + TAIL).digest()
    with staged(tmp_path) as stage:
        stage.player.play(says("Hello."), TAIL)
        assert stage.gateway.chat("hello", stream=True).status_code == 200
        words = ("bootstrap.json", "extproc.worker")
        before = {pid: memory(pid)[0] for word in words for pid in stage.gateway.pids(word)}
        stage.player.play(*[CHUNK] * COUNT, TAIL)
        client = stage.gateway.client(http2=http2)
        with client, client.stream("POST", "/chat/completions", json=BODY) as answer:
            parts = answer.iter_raw()
            said = hashlib.sha256(next(parts))
            stand_still(stage)
            held = stage.player.written * len(CHUNK)
            for part in parts:
                said.update(part)
        envoy, worker = (growth(stage, word, before) for word in words)
        print(f"held back after {held >> 20} MiB; peaks: Envoy +{envoy >> 20} MiB, worker +{worker >> 20} MiB")
        assert said.digest() == expected
        assert held < HELD and envoy < MEMORY and worker < MEMORY
        (event,) = stage.told(answer)
        assert event["decision"] == "allowed"
