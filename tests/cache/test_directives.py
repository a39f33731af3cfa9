"""What a client may say about the cache."""

from __future__ import annotations

import pytest

from extproc.cache.directives import Directives, directives
from extproc.model import ClientError


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", Directives()),
        ("no-store", Directives(bypass="no-store")),
        ("max-age=0, No-Store", Directives(bypass="no-store")),
        ("no-cache", Directives(read=False)),
        ("max-age=60", Directives(max_age=60)),
        ("max-age=60, max-age=5", Directives(max_age=5)),
        ('max-age="7"', Directives(max_age=7)),
        ("max-age=soon, max-stale, x=1", Directives()),
        ("max-age=" + "9" * 40, Directives()),
    ],
)
def test_cache_control_is_read_as_its_rfc_says(said: str, meant: Directives) -> None:
    assert directives((("cache-control", said),)) == meant


def test_our_own_header_leaves_the_cache_out() -> None:
    assert directives((("x-keeptrusts-cache", " Bypass "),)) == Directives(bypass="asked")


def test_a_word_that_our_header_does_not_know_is_named() -> None:
    with pytest.raises(ClientError, match="expected 'bypass', found 'maybe'") as caught:
        directives((("x-keeptrusts-cache", "maybe"),))
    assert caught.value.status == 400
