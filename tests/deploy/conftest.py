from __future__ import annotations

from collections.abc import Iterator

import pytest
from live import Providers


@pytest.fixture
def providers() -> Iterator[Providers]:
    found = Providers()
    yield found
    found.close()
