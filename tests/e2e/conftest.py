from __future__ import annotations

from collections.abc import Iterator

import pytest
from live import Gateway, Providers, start, stop

from extproc.gateway.demo import DemoProvider


@pytest.fixture
def providers() -> Iterator[Providers]:
    found = Providers()
    yield found
    found.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoProvider]]:
    """One gateway for all tests of a module that leave it as it is."""
    found = Providers()
    provider, port = found.add()
    gateway = start(tmp_path_factory.mktemp("gateway"), [port])
    yield gateway, provider
    stop(gateway)
    found.close()
