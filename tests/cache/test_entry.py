"""An entry's bytes: they come back as they were, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cache.entry import DamagedEntry, Entry, decode, stored_at

ENTRY = Entry("openai-chat", b'{"a":1}', b"data: {}\n\n", True, 12.5)


@given(st.builds(Entry, st.text(max_size=40), st.binary(), st.binary(), st.booleans(), st.floats(0, 1e10)))
def test_every_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert decode(entry.encode()) == entry
    assert stored_at(entry.encode()) == entry.stored_at


def test_an_entry_with_any_byte_changed_is_none() -> None:
    data = ENTRY.encode()
    for place in range(len(data)):
        with pytest.raises(DamagedEntry):
            decode(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])


def test_an_entry_that_is_cut_off_anywhere_is_none() -> None:
    data = ENTRY.encode()
    for place in range(len(data)):
        with pytest.raises(DamagedEntry):
            decode(data[:place])
    with pytest.raises(DamagedEntry):
        stored_at(data[:8])
