from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect import pii, secrets
from extproc.detect.entities import EntityRule, EntityScanner
from extproc.detect.json_strings import is_json, places, replaced, strings
from extproc.detect.patterns import Hit

SCANNER = EntityScanner((*pii.EMAIL, *pii.PCI, *secrets.NAMED))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a\n"\\é🙂\ud83d joe@acme.io 4', max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='k"\\é', max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def find(text: str, context: str) -> list[Hit]:
    return SCANNER.find(text, context=context)


def redacted(text: str) -> str:
    for place in reversed(places(text, find)):
        text = text[: place.start] + replaced(place, f"[{place.label}]") + text[place.end :]
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"to":"joe@acme.io"}', '{"to":"[EMAIL]"}'), (r'{"to":"joe\u0040acme.io"}', '{"to":"[EMAIL]"}'),
     (r'{"s":"a\njoe@acme.io\n"}', r'{"s":"a\n[EMAIL]\n"}'), (r'{"s":"\"joe@acme.io\" \ud83d\ude42 eve@acme.io"}', r'{"s":"\"[EMAIL]\" \ud83d\ude42 [EMAIL]"}'),
     ('{"card": 4111111111111111, "n": 5}', '{"card": "[CARD]", "n": 5}'), ('{"cvv":123}', '{"cvv":"[CVV]"}'), ('{"password": "autumn2031"}', '{"password": "[SECRET]"}'),
     ('{"api_key": "a0315346cfaa5f5ee0e90ff71fc46aeb"}', '{"api_key": "[SECRET]"}'), ('{"joe@acme.io": 1}', '{"[EMAIL]": 1}'),
     ('{"to": "joe@acme.io', '{"to": "[EMAIL]'), ("write joe@acme.io", "write [EMAIL]"), ("[joe@acme.io]", "[[EMAIL]]")],
)  # fmt: skip
def test_values_are_replaced_where_they_stand(text: str, expected: str) -> None:
    assert redacted(text) == expected


@given(VALUES)
def test_json_stays_json_and_nothing_is_left_in_it(value: object) -> None:
    text = json.dumps([value])
    after = redacted(text)
    assert is_json(after) == is_json(text)
    if is_json(after):
        assert not any(find(each, "") for each in strings(after))


@given(VALUES)
def test_strings_are_read_as_json_reads_them(value: object) -> None:
    def said(value: object) -> list[str]:
        if isinstance(value, dict):
            return [each for key, child in value.items() for each in (key, *said(child))]
        if isinstance(value, list):
            return [each for child in value for each in said(child)]
        return [value] if isinstance(value, str) else []

    assert strings(json.dumps(value)) == said(value)


@pytest.mark.parametrize(
    ("expression", "text", "expected"),
    [('a", "b', '["xa", "by"]', '["x[P]", "[P]y"]'), ('a": 1', '{"a": 12, "b": 1}', '{"[P]": "[P]", "b": 1}'), (": true", '{"a": true}', '{"a": "[P]"}'),
     ("[0-9]{3}", '{"a": 12345, "b": [1.5e3, -1234]}', '{"a": "[P]", "b": [1.5e3, "[P]"]}'), ('n.", "', r'["a\n\"", ""]', r'["a\n\"", ""]'),
     ('x", "y.', r'["\u0041x", "y\u0042z"]', r'["\u0041[P]", "[P]z"]')],
)  # fmt: skip
def test_a_hit_across_strings_is_one_in_each_of_them(expression: str, text: str, expected: str) -> None:
    scanner = EntityScanner((EntityRule("P", expression, 8),))
    after = text
    for place in reversed(places(text, lambda text, context: scanner.find(text))):
        after = after[: place.start] + replaced(place, "[P]") + after[place.end :]
    assert (after, is_json(after)) == (expected, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [('{"ssn": "219099998"}', 1), ('{"ssn": 219099998}', 1), ('{"ssns": ["219099998"]}', 1), ('{"ssn": "none", "order": "219099998"}', 0),
     ('{"order": {"ssn": "none", "n": 219099998}}', 0), (r'{"ssn": "\u0032\u0031\u0039099998"}', 1), ('{"219099998": "ssn"}', 0)],
)  # fmt: skip
def test_the_key_before_a_value_and_no_other_says_what_it_is(text: str, found: int) -> None:
    scanner = EntityScanner(pii.SSN)
    assert len(places(text, lambda text, context: scanner.find(text, context=context))) == found


def test_a_large_text_is_searched_again_only_where_something_was_found() -> None:
    asked: list[str] = []

    def find(text: str, context: str) -> list[Hit]:
        asked.append(text)
        return SCANNER.find(text, context=context)

    text = json.dumps([*("fine\n" + str(n) for n in range(500)), "joe@acme.io"])
    assert len(places(text, find)) == 1 and len(asked) == 3


def test_a_marker_is_escaped_where_it_stands_in_json() -> None:
    (inside,) = places('{"a":"joe@acme.io"}', find)
    (outside,) = places("joe@acme.io", find)
    assert replaced(inside, 'say "no"') == r"say \"no\""
    assert replaced(outside, 'say "no"') == 'say "no"'
