from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Providers


@pytest.fixture
def providers() -> Iterator[Providers]:
    found = Providers()
    yield found
    found.close()


@pytest.fixture
def container() -> Iterator[Path]:
    """A container's root: pytest's own directories make Unix sockets' paths too long."""
    with tempfile.TemporaryDirectory(prefix="kt-") as name:
        yield Path(name)
