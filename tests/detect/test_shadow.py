"""Values in disguise: what hides them is undone for the search, and all of it is what a hit covers."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect import encoded, pii
from extproc.detect.entities import EntityScanner
from extproc.detect.folding import folded, undisguised
from extproc.detect.lexicon import Lexicon, Vocabulary
from extproc.detect.shadow import begun, shadow

SCANNER = EntityScanner((*pii.SSN, *pii.EMAIL, *pii.CARD))
MAIL = "joe.doe@acme.io"
DISGUISES = {
    "zero width": "joe\u200b.do\u2060e@ac\ufeffme.io", "soft hyphens": "\u00ad".join(MAIL), "bidi": "joe.\u202edoe@acme\u2066.io",
    "look-alikes": "jоe.dое@асme.iо", "tags": "".join(chr(0xE0000 + ord(c)) for c in MAIL), "escapes of JSON": "joe.doe\\u0040acme.io",
    "all escapes of JSON": "".join(f"\\u{ord(c):04x}" for c in MAIL), "entities": "joe.doe&#64;acme&#x2e;io",
    "all entities": "".join(f"&#{ord(c):05};" for c in MAIL), "percent": "joe.doe%40acme.io", "all percent": "".join(f"%{ord(c):02X}" for c in MAIL),
    "base64": base64.b64encode(b"mail to " + MAIL.encode()).decode(), "base64 for URLs": base64.urlsafe_b64encode(b"so? joe@acme.io").decode(),
    "hex": MAIL.encode().hex(), "HEX": MAIL.encode().hex().upper(), "full width and zero width": "\uff4aoe.doe\uff20acme\u200b.io",
}  # fmt: skip
"""`look-alikes` are Cyrillic."""


def found(text: str, start: int = 0) -> list[str]:
    return [text[hit.start : hit.end] for hit in SCANNER.find(text, start)]


@pytest.mark.parametrize("written", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize(
    "around", [("", ""), ("é <", "> ü"), ("x ", " y"), ('{"a": "', '"}'), ("50% \\ & ", " & \\ %")]
)
def test_a_value_in_disguise_is_covered_whole(written: str, around: tuple[str, str]) -> None:
    assert found(written.join(around)) == [written]


@pytest.mark.parametrize("written", DISGUISES.values(), ids=DISGUISES)
def test_a_text_with_one_is_not_quiet(written: str) -> None:
    assert not SCANNER.quiet(f"a\n{written}\nb") and not SCANNER.quiet(f"Größe\n{written}")


@pytest.mark.parametrize(
    "text",
    ["привет, как дела", "a\u200db", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "100%25", "\\u0041\\u0042", "&#65;&amp;",
     "da39a3ee5e6b4b0d3255bfef95601890afd80709", "extproc/session/request/handler", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "%E2%82%AC"],
)  # fmt: skip
def test_a_disguise_that_hides_nothing_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [("a%41b", "aAb"), ("%4", "%4"), ("%0A", "%0A"), ("\\u0041", "A"), ("\\u00e9", "\\u00e9"), ("&#0000065;", "A"), ("&#x41;", "A"),
     ("&#X041;", "A"), ("&#10;", "&#10;"), ("&#999;", "&#999;"), ("é\u200b%41", "éA")],
)  # fmt: skip
def test_escapes_of_printable_ascii_are_undone_and_no_others(text: str, seen: str) -> None:
    made = shadow(text, text)
    assert (made.text if made else text) == seen


@given(st.text(alphabet="aé%4&#6;\\u0\u200bоx1", max_size=40))
def test_each_character_of_a_shadow_stands_where_it_says(text: str) -> None:
    made = shadow(text, text)
    if made is None:
        return
    assert len(made.text) == len(made.starts) == len(made.ends)
    assert list(made.starts) == sorted(set(made.starts))
    for character, start, end in zip(made.text, made.starts, made.ends, strict=True):
        if end - start == 1:
            assert undisguised(text[start]) == character
        else:
            assert shadow(text[start:end], "").text == character  # type: ignore[union-attr]  # an escape has one


@given(st.text(alphabet="%4&#6;\\u0x1a", max_size=20))
def test_an_escape_that_has_only_begun_is_known_at_each_of_its_characters(text: str) -> None:
    for whole in ("%41", "\\u0041", "&#65;", "&#0000065;", "&#x41;"):
        assert [begun(text + " " + whole[:at]) for at in range(len(whole) + 1)] == [*range(len(whole)), 0]


@given(st.text())
def test_what_is_undisguised_is_folded_too(text: str) -> None:
    assert folded(undisguised(text)) == undisguised(text)


@given(st.binary(max_size=60), st.integers(0, 40))
def test_a_coded_run_never_fails_and_never_says_what_is_no_text(data: bytes, at: int) -> None:
    for number, text in enumerate((base64.b64encode(data).decode(), data.hex())):
        said, end = encoded.run(text, number, min(at // 4 * 4, len(text)), len(text))
        assert end <= len(text)
        assert all(character >= " " or character in "\t\n\r" for character in said)


def test_a_run_that_turns_into_something_else_is_read_up_to_there() -> None:
    coded = base64.b64encode(b"id 536-22-8471!!\x00\x01\x02" + bytes(range(200, 250))).decode()
    (hit,) = SCANNER.find(f"x {coded} y")
    assert hit.start == 2 and base64.b64decode(f"x {coded} y"[hit.start : hit.end] + "==").startswith(
        b"id 536-22-8471!"
    )


def test_terms_are_seen_through_the_same_disguises() -> None:
    lexicon = Lexicon("term", [Vocabulary(terms=("project heron",))])
    for written in (
        "proj\u200bect heron",
        "prоjеct heron",
        "project%20heron",
        "project&#32;heron",
        "\\u0070roject heron",
    ):
        text = f"a {written}!"
        assert [text[hit.start : hit.end] for hit in lexicon.find(text)] == [written]
        assert not lexicon.quiet(text)
