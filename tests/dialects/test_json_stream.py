"""What a guard sees of arguments does not depend on where they are cut, and its edits change nothing else."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure import cpu_seconds

from extproc.dialects.json_runs import Replacement, Run
from extproc.dialects.json_stream import JsonStream

texts = st.text(st.sampled_from('ab"\\/\n\x00é😀\ud83d\ude00 4') | st.characters(), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
documents = st.builds(
    lambda value, escaped, indent: json.dumps(value, ensure_ascii=escaped, indent=indent),
    values,
    st.booleans(),
    st.sampled_from([None, 1]),
)
broken = st.lists(
    st.sampled_from([*'{}[]:,"\\ \nx-4e', "true", "nul", "\\u00", "\\ud83d", "\\ude00", '"a"', '{"a":', "4111 1111"]),
    max_size=16,
).map("".join)
cuts = st.lists(st.integers(0, 200), max_size=6)


def cut(text: str, at: list[int]) -> list[str]:
    return [text[a:b] for a, b in pairwise([0, *sorted(min(each, len(text)) for each in at), len(text)])]


def fed(*pieces: str, close: bool = True) -> JsonStream:
    stream = JsonStream()
    for piece in pieces:
        stream.feed(piece)
    if close:
        stream.close()
    return stream


def seen(*pieces: str) -> list[tuple[str, str]]:
    return [(run.kind, run.text) for run in fed(*pieces).runs()]


def plain(stream: JsonStream) -> bool:
    """Whether an error of syntax was met in what is held."""
    return any(run.kind == "plain" for run in stream.runs())


def passed(pieces: list[str], hold: int) -> tuple[str, list[tuple[str, str]]]:
    """Everything released piece by piece with the last `hold` characters held, and the runs put together again."""
    stream = JsonStream()
    out = ""
    runs: list[tuple[str, str]] = []
    for piece in [*pieces, None]:
        if piece is None:
            stream.close()
        else:
            stream.feed(piece)
        now = stream.runs()
        open_ = now[-1] if now and not now[-1].ended else None
        safe = max(0, len(open_.text) - hold) if open_ else 0
        for run in now:
            text = run.text if run is not open_ else "" if run.kind == "number" else run.text[:safe]
            if run.offset:
                runs[-1] = (run.kind, runs[-1][1] + text)
            elif run is not open_ or run.kind != "number":
                runs.append((run.kind, text))
        if open_ and open_.kind != "number":  # an open run of which nothing went comes again with offset 0
            runs = runs if open_.offset or safe else runs[:-1]
        out += stream.release(safe)
    return out, runs


def leaves(value: object) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [("value", value)]
    if isinstance(value, dict):
        return [leaf for key, child in value.items() for leaf in [("key", key), *leaves(child)]]
    if isinstance(value, list):
        return [leaf for child in value for leaf in leaves(child)]
    return [] if isinstance(value, bool | None) else [("number", json.dumps(value))]


def test_keys_values_and_numbers_are_seen_decoded() -> None:
    assert seen(r'{"m\u0061il": "a\u0040b\n", "n": [-4.1e3, true, null], "e": {"": ""}}') == [
        ("key", "mail"),
        ("value", "a@b\n"),
        ("key", "n"),
        ("number", "-4.1e3"),
        ("key", "e"),
        ("key", ""),
        ("value", ""),
    ]


@given(values, st.booleans(), cuts)
def test_decoded_texts_are_those_of_the_document_at_every_split(value: object, escaped: bool, at: list[int]) -> None:
    document = json.dumps(value, ensure_ascii=escaped)
    stream = fed(*cut(document, at))
    assert [(run.kind, run.text) for run in stream.runs()] == leaves(json.loads(document))
    assert not plain(stream)


@given(documents | broken, cuts)
def test_runs_are_the_same_at_every_split(text: str, at: list[int]) -> None:
    whole = fed(text)
    for pieces in (cut(text, at), list(text)):
        stream = fed(*pieces)
        assert stream.runs() == whole.runs()
        assert stream.release(0) == text
        assert stream.held == 0


@given(documents | broken, cuts, st.integers(0, 5))
def test_releasing_on_the_way_changes_neither_bytes_nor_runs(text: str, at: list[int], hold: int) -> None:
    assert passed(cut(text, at), hold) == (text, seen(text))
    assert passed(list(text), hold) == (text, seen(text))


@pytest.mark.parametrize("at", range(len(r'{"a": "x\u0040y \ud83d\ude00 z"}')))
def test_a_cut_inside_an_escape_or_a_surrogate_pair_holds_its_raw_text_back(at: int) -> None:
    text = r'{"a": "x\u0040y \ud83d\ude00 z"}'
    stream = fed(text[:at], close=False)
    runs = stream.runs()
    safe = len(runs[-1].text) if runs and not runs[-1].ended else 0
    released = stream.release(safe)
    assert text.startswith(released)
    held = text[len(released) : at]
    assert not held or r"\u0040".startswith(held) or r"\ud83d\ude00".startswith(held)


@given(documents, st.integers(0, 20), st.integers(0, 8), st.integers(0, 8), texts, cuts)
def test_a_replacement_leaves_json_with_only_that_text_changed(
    text: str, index: int, start: int, end: int, placeholder: str, at: list[int]
) -> None:
    stream = fed(*cut(text, at))
    runs = stream.runs()
    if not runs:
        return
    index %= len(runs)
    size = len(runs[index].text)
    start, end = sorted((start % (size + 1), end % (size + 1)))
    out = stream.release(0, [Replacement(index, start, end, placeholder)])
    expected = [(run.kind, run.text) for run in runs]
    kind, old = expected[index]
    expected[index] = ("value" if kind == "number" else kind, old[:start] + placeholder + old[end:])
    after = fed(out)
    # Two halves of a surrogate pair that an edit brings together are one character for every reader.
    assert joined([(run.kind, run.text) for run in after.runs()]) == joined(expected)
    assert not plain(after)
    json.loads(out)


@given(documents, cuts, st.integers(0, 5))
def test_edits_made_on_the_way_change_only_what_they_name(text: str, at: list[int], hold: int) -> None:
    stream = JsonStream()
    out = ""
    for piece in [*cut(text, at), None]:
        if piece is None:
            stream.close()
        else:
            stream.feed(piece)
        runs = stream.runs()
        open_ = runs[-1] if runs and not runs[-1].ended else None
        safe = max(0, len(open_.text) - hold) if open_ else 0
        found = [
            Replacement(index, place, place + 1, '"[A]')
            for index, run in enumerate(runs)
            for place, character in enumerate(run.text)
            if character in "a4@" and (run.ended or (place < safe and run.kind != "number"))
        ]
        out += stream.release(safe, found)
    edited = [(kind, "".join('"[A]' if c in "a4@" else c for c in old)) for kind, old in seen(text)]
    expected = [("value" if kind == "number" and "A" in new else kind, new) for kind, new in edited]
    assert seen(out) == expected
    json.loads(out)


def joined(runs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(kind, text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")) for kind, text in runs]


@pytest.mark.parametrize("hold", range(7))
def test_a_hit_that_arrives_in_pieces_is_replaced_once_it_is_whole(hold: int) -> None:
    raw = r'{"to": "me\u0040a.b", "cc": ["x", "me@a.b"], "n": 411111}'
    stream = JsonStream()
    out = ""
    for character in raw:
        stream.feed(character)
        runs = stream.runs()
        found = [
            Replacement(index, run.text.index("me@a.b"), run.text.index("me@a.b") + 6, '["E"]')
            for index, run in enumerate(runs)
            if "me@a.b" in run.text and run.ended
        ]
        found += [
            Replacement(index, 0, 6, "[N]") for index, run in enumerate(runs) if run.text == "411111" and run.ended
        ]
        last = runs[-1] if runs else None
        out += stream.release(max(0, len(last.text) - 6 - hold) if last and not last.ended else 0, found)
    stream.close()
    out += stream.release(0)
    assert out == r'{"to": "[\"E\"]", "cc": ["x", "[\"E\"]"], "n": "[N]"}'


def test_an_open_string_goes_up_to_the_safe_character_and_a_continued_run_knows_its_offset() -> None:
    stream = fed(r'{"k": "ab\u0063de', close=False)
    assert stream.release(3) == r'{"k": "ab\u0063'
    assert stream.runs() == (Run("value", "de", 3, False),)
    assert stream.held == 2
    stream.feed('f"')
    assert stream.runs() == (Run("value", "def", 3, True),)
    assert stream.release(0, [Replacement(0, 1, 3, '"')]) == r'd\""'


def test_half_a_literal_is_held() -> None:
    stream = fed("[true, tr", close=False)
    assert stream.release(0) == "[true, "
    stream.feed("y")
    assert stream.runs() == (Run("plain", "try", 0, False),)
    assert stream.release(3) == "try"


def test_an_open_number_is_held_whole_until_it_has_ended() -> None:
    stream = fed('{"n": 4111', close=False)
    assert stream.release(4) == '{"n": '
    stream.feed("1111")
    assert stream.runs() == (Run("number", "41111111", 0, False),)
    stream.feed(" ")
    assert stream.release(0) == ""
    stream.feed("}")
    assert stream.release(0, [Replacement(0, 1, 8, "[N]")]) == '"4[N]" }'


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("call 4111", [("plain", "call 4111")]),
        ("4111 1111", [("plain", "4111 1111")]),
        ('{"n": 4111 1111}', [("key", "n"), ("plain", "4111 1111}")]),
        ('{"n": 4111-1111}', [("key", "n"), ("number", "4111-1111")]),
        ('{"n": 4x}', [("key", "n"), ("plain", "4x}")]),
        ("{'a': 1}", [("plain", "'a': 1}")]),
        ('{"a": tru, "b": "c"}', [("key", "a"), ("plain", 'tru, "b": "c"}')]),
        ('{"a": truer}', [("key", "a"), ("plain", "r}")]),
        (r'{"a": "b\x40c"}', [("key", "a"), ("plain", r'b\x40c"}')]),
        (r'{"a": "b\u00g0"}', [("key", "a"), ("plain", r'b\u00g0"}')]),
        (r"{'a': 'me\u0040b.c\nd\q'}", [("plain", "'a': 'me@b.c\nd\\q'}")]),
        (r'x "\ud83d\ude42\"', [("plain", 'x "🙂"')]),
        ('{"a": 1} 2', [("key", "a"), ("number", "1"), ("plain", "2")]),
        ('{"a" "b"}', [("key", "a"), ("plain", '"b"}')]),
        ("[1,]", [("number", "1"), ("plain", "]")]),
        ("[}", [("plain", "}")]),
        (",", [("plain", ",")]),
        (r'["a\u00', [("plain", r"a\u00")]),
        (r'["a\ud83d\u', [("plain", "a\ud83d\\u")]),
        ("[nul", [("plain", "nul")]),
    ],
)
def test_after_an_error_of_syntax_all_is_plain_text(text: str, runs: list[tuple[str, str]]) -> None:
    assert seen(text) == runs


def test_one_document_may_follow_another() -> None:
    assert seen('{"a": 1}{"b": "c"} ["d"]"e"') == [("key", "a"), ("number", "1"), ("key", "b")] + [
        ("value", each) for each in "cde"
    ]


@pytest.mark.parametrize("size", range(1, 30))
def test_an_escape_in_plain_text_is_edited_as_one_character(size: int) -> None:
    text = r"oops: 'me\u0040a.b'"
    stream = fed("", close=False)
    for at in range(0, len(text), size):
        stream.feed(text[at : at + size])
    (run,) = stream.runs()
    start = run.text.index("me@a.b")
    assert stream.release(run.offset + len(run.text), [Replacement(0, start, start + 6, "E")]) == "oops: 'E'"


def test_plain_text_is_released_and_edited_as_it_is() -> None:
    stream = fed("oops: me@a.b", close=False)
    assert stream.release(12, [Replacement(0, 6, 12, '"E"')]) == 'oops: "E"'
    stream.feed(" more")
    assert stream.runs() == (Run("plain", " more", 12, False),)


def test_control_characters_in_strings_are_read_as_lenient_parsers_do() -> None:
    text = '{"a": "line\none\x00"}'
    assert seen(text) == leaves(json.loads(text, strict=False))


@pytest.mark.parametrize(
    ("replacements", "message"),
    [
        (
            [Replacement(0, 0, 2, ""), Replacement(0, 1, 3, "")],
            "of characters 1 to 3 of run 0 overlaps another or leaves",
        ),
        ([Replacement(0, 3, 5, "")], "of characters 3 to 5 of run 0 overlaps another or leaves the run"),
        ([Replacement(0, 2, 1, "")], "of characters 2 to 1 of run 0 overlaps"),
        ([Replacement(1, 0, 2, ""), Replacement(1, 1, 2, "")], "of characters 1 to 2 of run 1 overlaps"),
        ([Replacement(2, 0, 3, "")], "in run 2 is not in what is released"),
        ([Replacement(3, 0, 0, "")], "there is no run 3"),
        ([Replacement(-1, 0, 0, "")], "there is no run -1"),
    ],
)
def test_a_replacement_that_cannot_be_made_is_refused_and_nothing_is_released(
    replacements: list[Replacement], message: str
) -> None:
    stream = fed('["abcd", 123, "wxyz', close=False)
    with pytest.raises(ValueError, match=message):
        stream.release(2, replacements)
    assert stream.release(4) == '["abcd", 123, "wxyz'


def test_more_than_the_open_run_has_cannot_be_released() -> None:
    with pytest.raises(ValueError, match="the open run has 1 characters, not 2"):
        fed('["a', close=False).release(2)


def test_an_open_number_cannot_be_replaced_yet() -> None:
    with pytest.raises(ValueError, match="not in what is released"):
        fed("[4111", close=False).release(0, [Replacement(0, 0, 4, "")])


def test_nothing_may_follow_the_close() -> None:
    with pytest.raises(ValueError, match="closed"):
        fed("{}").feed(" ")


UNITS = ["a", r"\"", r"\u0040", '", "', "[", "1,", "4", " ", "\\", 'x"', "true,"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("size", "step"), [(1 << 12, 1), (1 << 14, 1 << 30)])
def test_sixteen_times_the_text_takes_about_sixteen_times_as_long(unit: str, size: int, step: int) -> None:
    def seconds(size: int) -> float:
        text = '["' * (unit[0] not in "[1t4 ") + "[" * (unit[0] in "1t4") + unit * (size // len(unit))
        stream = JsonStream()

        def read() -> None:
            for at in range(0, len(text), step):
                stream.feed(text[at : at + step])
            stream.close()
            assert stream.release(0) == text

        return cpu_seconds(read)

    assert seconds(16 * size) <= 40 * min(seconds(size) for _ in range(3)) + 0.02
