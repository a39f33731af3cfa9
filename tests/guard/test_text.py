from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.detect.patterns import PatternSpec, Scanner
from extproc.detect.progress import Automaton
from extproc.guard.text import CONTEXT, GrowingText, Look, Piece
from extproc.policies.base import Span

SPECS = (
    PatternSpec("email", r"\b[a-z0-9._-]{1,20}@[a-z0-9.-]{1,40}\.[a-z]{2,8}\b"),
    PatternSpec("card", r"\b(?:[0-9][ -]?){12,18}[0-9]\b"),
    PatternSpec("term", "Project Heron", caseless=True, literal=True),
    PatternSpec("run", "a{2,5}"),
)
TEXT = "Mail bob@example.com or  4111 1111 1111 1111, é about project HERON, aaaaaaa.b@c.de 🙂 tail"


def look_for(*specs: PatternSpec) -> Look:
    scanner = Scanner(specs)

    def look(text: str, start: int) -> Sequence[Span]:
        return [Span(hit.start, hit.end, f"[{hit.label}]", hit.label) for hit in scanner.find(text, start)]

    return look


def whole(text: str, look: Look) -> str:
    at, parts = 0, []
    for span in look(text, 0):
        parts += [text[at : span.start], span.replacement]
        at = span.end
    return "".join([*parts, text[at:]])


def grown(fragments: Sequence[str], *specs: PatternSpec, flushing: bool = False) -> list[Piece]:
    growing = GrowingText(look_for(*specs), Automaton(specs))
    pieces: list[Piece] = []
    for number, fragment in enumerate(fragments):
        pieces += growing.feed(Piece(number, fragment))
        if flushing:
            pieces += growing.flush()
    return pieces + growing.finish()


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", range(1, len(TEXT) + 1))
@pytest.mark.parametrize("flushing", [False, True])
def test_what_comes_out_is_what_the_whole_text_becomes(size: int, flushing: bool) -> None:
    pieces = grown(cut(TEXT, size), *SPECS, flushing=flushing)
    assert "".join(piece.text for piece in pieces) == whole(TEXT, look_for(*SPECS))
    assert [piece.number for piece in pieces if piece.last] == list(range(len(cut(TEXT, size))))


@given(st.lists(st.sampled_from(["a", "b@c.de", "4111 ", "1111", " ", "-", "Project ", "heron", "é"]), max_size=30))
def test_a_text_in_one_piece_becomes_the_same_at_once(words: list[str]) -> None:
    growing = GrowingText(look_for(*SPECS), Automaton(SPECS))
    assert growing.whole(Piece(3, "".join(words))) == Piece(3, whole("".join(words), look_for(*SPECS)))
    assert not growing.cut_short


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "b@c.de", "4111 ", "1111", " ", "-", "Project ", "heron", "é", "x", "", "."]), max_size=30
    ),
    st.lists(st.integers(0, 60), max_size=8),
    st.booleans(),
)
def test_it_does_so_for_any_text_and_any_cuts(words: list[str], cuts: list[int], flushing: bool) -> None:
    text = "".join(words)
    places = sorted({min(at, len(text)) for at in cuts} | {0, len(text)})
    fragments = [text[a:b] for a, b in zip(places, [*places[1:], len(text)], strict=True)]
    pieces = grown(fragments, *SPECS, flushing=flushing)
    assert "".join(piece.text for piece in pieces) == whole(text, look_for(*SPECS))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(["a", " b@c", ".de ", "4111 ", "1111", " ", "Project ", "heron", "", "."]), max_size=20),
    st.data(),
)
def test_no_whole_value_is_out_wherever_the_text_was_let_go(words: list[str], data: st.DataObject) -> None:
    growing = GrowingText(look_for(*SPECS[:3]), Automaton(SPECS[:3]))
    pieces: list[Piece] = []
    for number, word in enumerate(words):
        pieces += growing.feed(Piece(number, word))
        pieces += growing.finish() if data.draw(st.booleans()) else []
    out = "".join(piece.text for piece in pieces + growing.finish())
    text = "".join(words)
    values = [text[span.start : span.end] for span in look_for(*SPECS[:3])(text, 0)]
    left = whole(text, look_for(*SPECS[:3]))  # what looks alike may be no match where it stands
    assert growing.cut_short or all(out.count(value) <= left.count(value) for value in values)


def test_a_value_that_is_whole_when_the_text_is_let_go_is_replaced() -> None:
    growing = GrowingText(look_for(*SPECS), Automaton(SPECS))
    assert growing.feed(Piece(0, "to bob@example.com")) == []
    assert growing.finish() == [Piece(0, "to [email]")]
    assert growing.feed(Piece(1, " and eve@example.com ")) == [Piece(1, " and [email] ")]
    assert not growing.cut_short


def test_a_fragment_without_a_hit_comes_out_as_the_same_object() -> None:
    fragments = ["hello ", "world", ", and ", "good night"]
    assert all(piece.text is fragments[piece.number] for piece in grown(fragments, *SPECS))


def test_a_value_over_many_fragments_is_replaced_in_the_first_and_gone_from_the_rest() -> None:
    pieces = grown(["to b", "ob@ex", "ample.com", " now"], *SPECS)
    assert [piece.text for piece in pieces] == ["to [email]", "", "", " now"]


def test_a_flush_lets_go_of_what_is_settled_and_of_nothing_else() -> None:
    growing = GrowingText(look_for(*SPECS), Automaton(SPECS))
    assert growing.feed(Piece(0, "All of this is settled, but not bob")) == []
    assert growing.flush() == [Piece(0, "All of this is settled, but not ", last=False)]
    assert growing.flush() == []
    assert growing.feed(Piece(1, "@example.com!")) == [Piece(0, "[email]"), Piece(1, "!")]


def test_rules_look_back_over_what_was_let_go() -> None:
    spec = PatternSpec("word", r"\bsecret\b")
    pieces = grown(["x" * 5 * CONTEXT + " ", "nosecret ", "a", "secret ", "secret"], spec)
    assert "".join(piece.text for piece in pieces[1:]) == "nosecret asecret [word]"


def test_the_window_stays_small_and_the_work_linear() -> None:
    looked: list[int] = []

    def look(text: str, start: int) -> Sequence[Span]:
        looked.append(len(text))
        return ()

    growing = GrowingText(look, Automaton(SPECS))
    for number in range(20_000):
        growing.feed(Piece(number, "word aa "))
    assert max(looked) < 6 * CONTEXT


def test_a_rule_is_asked_only_where_one_may_have_ended() -> None:
    looked: list[int] = []

    def look(text: str, start: int) -> Sequence[Span]:
        looked.append(start)
        return look_for(*SPECS[:3])(text, start)

    growing = GrowingText(look, Automaton(SPECS[:3]))
    for number, text in enumerate(["all is ", "well, ", "ask b@c.de ", "and ", "all is ", "well"]):
        growing.feed(Piece(number, text))
    assert len(looked) == 1 and [span.label for span in growing.found] == ["email"]
