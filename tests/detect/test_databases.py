"""Pattern databases are compiled once and read by whoever needs them next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extproc.detect import databases
from extproc.detect.databases import Entry, database, hyperscan, keep_on

ENTRIES: list[Entry] = [(4, b"ACME-[0-9]{6}", 0), (7, b"\\bab+\\b", 0)]


class Memory:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.found = 0

    def read(self, key: str) -> bytes | None:
        self.found += key in self.kept
        return self.kept.get(key)

    def write(self, key: str, data: bytes) -> None:
        self.kept[key] = data


@pytest.fixture
def shelf() -> Iterator[Memory]:
    made, before = Memory(), databases._shelf
    keep_on(made)
    yield made
    keep_on(before)


def seen(found: object, text: bytes) -> set[int]:
    ids: set[int] = set()
    found.scan(text, match_event_handler=lambda index, *_: ids.add(index))  # type: ignore[attr-defined]
    return ids


def test_what_is_read_from_the_shelf_finds_what_the_compiled_one_finds(shelf: Memory) -> None:
    compiled, read = database(ENTRIES), database(ENTRIES)
    assert shelf.found == 1 and len(shelf.kept) == 1
    for text in (b"ACME-123456", b"an abb", b"both: ACME-123456 ab", b"none"):
        assert seen(read, text) == seen(compiled, text)


@pytest.mark.parametrize(
    "other",
    [ENTRIES[:1], ENTRIES[::-1], [(5, *ENTRIES[0][1:]), ENTRIES[1]], [(4, b"ACME-[0-9]{7}", 0), ENTRIES[1]],
     [(4, ENTRIES[0][1], hyperscan.HS_FLAG_CASELESS), ENTRIES[1]]],
)  # fmt: skip
def test_other_patterns_ids_or_flags_are_another_database(shelf: Memory, other: list[Entry]) -> None:
    database(ENTRIES)
    database(other)
    assert shelf.found == 0 and len(shelf.kept) == 2


def test_what_hyperscan_cannot_read_is_compiled_again(shelf: Memory) -> None:
    database(ENTRIES)
    (key,) = shelf.kept
    whole, shelf.kept[key] = shelf.kept[key], b"of another processor"
    assert seen(database(ENTRIES), b"ACME-123456") == {4}
    assert shelf.kept[key] == whole


def test_what_hyperscan_cannot_compile_is_none_and_not_kept(shelf: Memory) -> None:
    assert database([(0, b"(?=a)b", 0)]) is None
    assert not shelf.kept
