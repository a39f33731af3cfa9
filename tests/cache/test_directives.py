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
        ("max-age=0", Directives(read=False)),
        ("only-if-cached, max-age=9", Directives(max_age=9, only_stored=True)),
        ("max-age=soon, max-stale, x=1", Directives()),
        ("max-age=" + "9" * 40, Directives()),
    ],
)
def test_cache_control_is_read_as_its_rfc_says(said: str, meant: Directives) -> None:
    assert directives((("cache-control", said),)) == meant


def test_directives_count_on_however_many_lines_they_come() -> None:
    assert directives((("cache-control", "max-age=9"), ("cache-control", "no-store"))) == Directives(bypass="no-store")


@pytest.mark.parametrize(("more", "read"), [((), False), ((("cache-control", "max-stale"),), True)])
def test_pragma_counts_where_nothing_newer_is_said(more: tuple[tuple[str, str], ...], read: bool) -> None:
    assert directives((("pragma", "no-cache"), *more)).read is read


def test_our_own_header_leaves_the_cache_out() -> None:
    assert directives((("x-keeptrusts-cache", " Bypass "),)) == Directives(bypass="asked")


def test_a_word_that_our_header_does_not_know_is_named() -> None:
    with pytest.raises(ClientError, match="expected 'bypass', found 'maybe'") as caught:
        directives((("x-keeptrusts-cache", "maybe"),))
    assert caught.value.status == 400
