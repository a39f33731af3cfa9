from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.json_text import parse, splice
from extproc.model import ClientError, JsonPath

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def strings(value: Any, path: JsonPath = ()) -> list[JsonPath]:
    if isinstance(value, str):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in items for found in strings(child, (*path, key))]


def assigned(value: Any, path: JsonPath, text: str) -> Any:
    if not path:
        return text
    value[path[0]] = assigned(value[path[0]], path[1:], text)
    return value


@given(JSON, st.text(), st.sampled_from([None, 1]), st.randoms())
def test_a_splice_is_an_assignment_that_keeps_every_other_byte(
    value: Any, text: str, indent: int | None, chance: Any
) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=chance.random() < 0.5).encode("utf-8", "replace")
    paths = strings(parse(body, max_depth=64))
    if not paths:
        return
    path = chance.choice(paths)
    after = splice(body, {path: text})
    assert json.loads(after) == assigned(json.loads(body), path, text)
    assert splice(body, {}) == body


SPACE = st.text(" \n\t\r", max_size=2)
PAIRS = st.lists(st.tuples(st.text('a "\\\\:,é', max_size=3), JSON), min_size=1, max_size=5)


@given(PAIRS, st.booleans(), SPACE, SPACE, SPACE)
def test_a_key_that_comes_twice_is_found_however_the_body_is_spaced(
    pairs: list[tuple[str, Any]], ascii_only: bool, before: str, between: str, after: str
) -> None:
    members = [
        f"{json.dumps(key, ensure_ascii=ascii_only)}{before}:{between}{json.dumps(value, ensure_ascii=ascii_only)}"
        for key, value in pairs
    ]
    body = ("{" + f"{after},{before}".join(members) + "}").encode("utf-8", "replace")
    if len({key for key, _ in pairs}) == len(pairs):
        assert parse(body, max_depth=64) == json.loads(body)
        return
    with pytest.raises(ClientError) as refused:
        parse(body, max_depth=64)
    assert refused.value.reason == "duplicate_key"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":{"b":1,"b":1}}', "duplicate_key"),
        (b'{"a":1} x', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b"[" * 200_000, "too_deep"),
        (b'{"a":' + b"9" * 5000 + b"}", "invalid_json"),
        (b"", "invalid_json"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ClientError) as caught:
        parse(body, max_depth=64)
    assert (caught.value.status, caught.value.reason) == (400, reason)


def test_the_deepest_allowed_body_is_read() -> None:
    parse(b"[" * 64 + b"]" * 64, max_depth=64)
