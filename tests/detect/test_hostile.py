"""What hostile texts cost, as ratios: to plain prose of the same length, and of a long text to a short one.

Each unit is repeated, so that whatever a rule begins to look at, it has to look at everywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

import pytest
from corpus.keys import FORMS
from corpus.streams import WORDS
from measure import cpu_seconds

from extproc.detect.entities import EntityScanner
from extproc.policies.pii_detector import PiiSettings, rules

SCANNER = EntityScanner(rules(PiiSettings(healthcare_mode=True)))
SIZE = 50_000
MOST = 800
"""Times plain prose, which takes some 0.04 ms: the rest is margin for a busy machine."""

MOST_FOR_HITS = 3200
"""As `MOST`, for a text that is nothing but values: each of thousands is judged, marked and recorded."""

GROWTH = 4 * 1.75
"""For four times the length: linear, and what a busy machine adds."""

HOSTILE = {
    "dashed digits": "1-1-", "spaced digits": "1 1 ", "digits": "4", "counting": "1234567890", "dotted": "1.", "dotted words": "a.",
    "at signs": "a@a@", "addresses begun": "a@a.", "bearers": "Bearer ", "headers": "Authorization: Bearer ", "IBAN-like": "DE89",
    "spaced IBAN-like": "GB82 WEST ", "hyphens": "-", "armour begun": "-----BEGIN ", "keys without end": "-----BEGIN PRIVATE KEY-----",
    "braces": "{", "nested": '{"a":', "colons": ":", "loopbacks": "::1 ", "compressed": "1::", "pairs": "a:b:", "plus": "+1", "dialled": "+1 (1) ",
    "phone words": "tel ", "calls": "call 12 12 12 ", "names": "token=", "keys": "key,", "passwords": "password: x", "urls": "a://", "credentials": "a://b:c",
    "curl": "-u a:b", "amazon": "aws_secret_", "tokens begun": "eyJ", "A": "A", "letters and digits": "aA1", "wrong cards": "4111 1111 1111 ",
    "percent": "%41", "percent begun": "%4", "entities": "&#65;", "entities begun": "&#0", "escapes of JSON": "\\u0041", "backslashes": "\\",
    "zero width": "a\u200b", "look-alikes": "аb", "tags": "\U000e0041", "base64 of text": "Sm9l", "base64 and none": "Sm9lSm9lSm9lAAAA", "hex of text": "4a6f65",
    "hex and none": "4a6f654a6f654a6f6500",
}  # fmt: skip
PREFIXES = {form.kind + " prefix": form.parts[0] for form in FORMS if isinstance(form.parts[0], str)} | {
    "openai project prefix": "sk-proj-",
    "gitlab agent prefix": "glagent-",
}
DENSE = {"addresses": "8.8.8.8 ", "mails": "joe@acme.io ", "phones": "phone 2125550123 ", "cards": "4111111111111111 ", "secrets": "token=a1b2c3d4e5 "}  # fmt: skip


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def noise(size: int) -> str:
    return base64.b64encode(Random(1).randbytes(size)).decode()[:size]


def digit_noise(size: int) -> str:
    return "".join(Random(1).choices("0123456789 -", k=size))


def printable_noise(size: int) -> str:
    return "".join(map(chr, Random(1).choices(range(32, 127), k=size)))


def prose(size: int) -> str:
    return " ".join(Random(1).choices(WORDS, k=size // 3))[:size]


def seconds(text: str, times: int = 1) -> float:
    """The least of some scans: the first one builds automata."""

    def scan() -> None:
        for _ in range(times):
            SCANNER.find(text)

    scan()
    return min(cpu_seconds(scan) for _ in range(4)) / times


@pytest.fixture(scope="module")
def plain() -> float:
    return seconds(prose(SIZE), times=50)


TEXTS = {name: repeated(unit) for name, unit in (HOSTILE | PREFIXES).items()}
TEXTS |= {"base64 noise": noise, "digit noise": digit_noise, "printable noise": printable_noise}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_costs_no_more_than_a_multiple_of_prose(name: str, plain: float) -> None:
    assert seconds(TEXTS[name](SIZE)) < MOST * plain


@pytest.mark.parametrize("name", DENSE)
def test_a_text_of_nothing_but_values_costs_a_bounded_multiple_of_prose(name: str, plain: float) -> None:
    text = repeated(DENSE[name])(SIZE)
    assert len(SCANNER.find(text)) >= SIZE // len(DENSE[name]) // 2
    assert seconds(text) < MOST_FOR_HITS * plain


@pytest.mark.parametrize("name", [*TEXTS, *DENSE])
def test_four_times_the_text_costs_about_four_times_as_much(name: str) -> None:
    text = TEXTS.get(name) or repeated(DENSE[name])
    short = seconds(text(SIZE // 2), times=2)
    assert seconds(text(2 * SIZE)) < max(GROWTH * short, 0.004)
