"""The floor of detection: how much of our own corpus `pii-detector` finds, and how little of what looks alike.

Values are drawn anew for each seed, in the forms that standards and providers document; no rule may know them.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest
from corpus.streams import PLACES, WORDS, Case, Place, cases, every_cut, heard, strings
from corpus.values import HARMLESS, SENSITIVE, Value, harmless, sensitive

from extproc.chain import Chain, Link
from extproc.detect.entities import EntityScanner
from extproc.dialects.openai_chat.reader import Stream
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Redact, Request, Response, Text
from extproc.policies.pii_detector import PiiDetector, PiiSettings, rules

EACH = 82  # every plan of phone numbers twice
SETTINGS = PiiSettings(private_addresses=True)
SCANNER = EntityScanner(rules(SETTINGS))
LABELS = {
    "card": "CARD", "email": "EMAIL", "phone": "PHONE", "ssn": "SSN", "iban": "IBAN", "ipv4": "IP", "ipv6": "IP",
    "jwt": "SECRET", "pem": "SECRET", "key": "SECRET",
}  # fmt: skip
FLOORS = dict.fromkeys(SENSITIVE, 1.0) | {"card": 0.92, "phone": 0.8}
"""Without a word that says what they are: cards of twelve digits and national phone numbers need one."""

SAID = dict.fromkeys(SENSITIVE, 1.0)
VALUES = {kind: [value.text for value in sensitive(seed=11, each=EACH) if value.kind == kind] for kind in SENSITIVE}
NEGATIVES = {kind: [value.text for value in harmless(seed=11, each=EACH) if value.kind == kind] for kind in HARMLESS}
PLAIN = ("{}", "the report says {} and so we go on", "({}), then", "a, {}\nb", '{{"of": "{}", "n": 1}}', "| {} | x |")
NAMED = (
    "my {kind} is {}, thanks",
    "{kind}: {}",
    '{{"{kind}": "{}"}}',
    '{{"customer_{kind}": "{}"}}',
    "<{kind}>{}</{kind}>",
)


def covered(text: str, value: str, label: str) -> bool:
    at = text.index(value)
    return any(hit.start <= at and at + len(value) <= hit.end and hit.label == label for hit in SCANNER.find(text))


def recall(kind: str, carrier: str) -> float:
    texts = [(carrier.replace("{kind}", kind).replace("{{", "{").replace("}}", "}"), value) for value in VALUES[kind]]
    return sum(covered(text.replace("{}", value), value, LABELS[kind]) for text, value in texts) / len(texts)


@pytest.mark.parametrize("carrier", PLAIN)
@pytest.mark.parametrize("kind", SENSITIVE)
def test_values_are_found_in_text_that_does_not_name_them(kind: str, carrier: str) -> None:
    assert recall(kind, carrier) >= FLOORS[kind]


@pytest.mark.parametrize("carrier", NAMED)
@pytest.mark.parametrize("kind", SENSITIVE)
def test_values_are_found_where_a_word_or_a_key_names_them(kind: str, carrier: str) -> None:
    assert recall(kind, carrier) >= SAID[kind]


@pytest.mark.parametrize("carrier", [*PLAIN, "id: {}", '{{"id": "{}", "object": "chat"}}', "commit {} in build"])
@pytest.mark.parametrize("kind", HARMLESS)
def test_what_only_looks_like_a_value_is_left_alone(kind: str, carrier: str) -> None:
    carrier = carrier.replace("{{", "{").replace("}}", "}")
    assert not [text for text in NEGATIVES[kind] if SCANNER.find(carrier.replace("{}", text))]


@pytest.mark.parametrize("kind", ["llm-id", "version", "timestamp", "isbn"])
def test_even_a_key_that_says_token_makes_no_secret_of_these(kind: str) -> None:
    found = [text for text in NEGATIVES[kind] if SCANNER.find(json.dumps({"token": text, "key": text}))]
    assert len(found) <= (0 if kind == "llm-id" else len(NEGATIVES[kind]) // 3)


def test_prose_without_values_has_no_hit() -> None:
    rng = Random(11)
    assert not any(SCANNER.find(" ".join(rng.choices([*WORDS, "12", "2031", "3.5", "v2"], k=400))) for _ in range(40))


@pytest.mark.parametrize("kind", SENSITIVE)
def test_tool_arguments_and_replies_lose_the_value_and_stay_json(kind: str) -> None:
    policy = PiiDetector(SETTINGS)
    left = Counter[bool]()
    for value in VALUES[kind]:
        text = json.dumps({"note": [f"é\n{value}", {"n": 1}], kind: value})
        exchange = Exchange(request=Request("m", False, (Text(("a",), "assistant", text),)))
        exchange.response = Response("r", "m", (Text(("a",), "assistant", text),))
        verdicts = (policy.on_input(exchange), policy.on_output(exchange))
        assert all(isinstance(verdict, Redact) for verdict in verdicts)
        for verdict in verdicts:
            after = text
            for edit in sorted(verdict.edits, key=lambda edit: -edit.start) if isinstance(verdict, Redact) else ():
                after = after[: edit.start] + edit.replacement + after[edit.end :]
            left[any(value in each for each in strings(after))] += 1
    assert left[False] >= FLOORS[kind] * (left[False] + left[True])


# --- streams ---------------------------------------------------------------------------------------------------------


def guarded(body: bytes) -> bytes:
    link = Link(policy=PiiDetector(SETTINGS))
    guard = StreamGuard(Stream(), Chain((link,), lambda: 0), Exchange(request=Request("m", True, ())), StreamLimits())
    out = guard.feed(body)
    finishing = guard.finish()
    with pytest.raises(StopIteration) as done:
        next(finishing)
    return out + done.value.value  # type: ignore[no-any-return]


def standing_alone(kind: str, count: int) -> list[Value]:
    """Values that need no word to name them: a stream's words do not."""
    return [Value(kind, text) for text in VALUES[kind] if covered(f"so {text} now", text, LABELS[kind])][:count]


STREAMED = [value for kind in SENSITIVE for value in standing_alone(kind, 4)]
CASES = {place: [case for case in cases(STREAMED, seed=11) if case.place == place] for place in PLACES}


@pytest.mark.parametrize("place", PLACES)
def test_no_value_is_heard_in_a_stream_whatever_delta_it_straddles(place: Place) -> None:
    for case in CASES[place]:
        out = heard(guarded(case.body))
        assert not leaks(case, out), case.name
        if case.place in ("arguments", "escaped", "second-call"):
            strings(out[case.channel])


@pytest.mark.full
@pytest.mark.parametrize("place", ["text", "escaped"])
@pytest.mark.parametrize("kind", SENSITIVE)
def test_no_value_is_heard_at_any_cut(kind: str, place: Place) -> None:
    value = min(standing_alone(kind, 20), key=lambda value: len(value.text))
    for case in list(every_cut(value, place, seed=11))[:: 1 if len(value.text) < 30 else 7]:
        assert not leaks(case, heard(guarded(case.body))), case.name


def leaks(case: Case, out: dict[tuple[int, str], str]) -> bool:
    text = out[case.channel]
    shown = [text, *(strings(text) if case.channel[1].startswith("arguments") else ())]
    return any(secret in each for secret in case.must_not_contain for each in shown)


NAMED_ARGUMENTS = {
    '{"ssn": "219099998", "n": 1}': "219099998",
    '{"ssn":219099998}': "219099998",
    '{"user": {"password": "autumn2031"}}': "autumn2031",
    '{"customer_phone": "0151 98327438"}': "0151 98327438",
    '{"card_number": ["x", "6759 4195 6988"]}': "6759 4195 6988",
    '{"api_key": "a0315346cfaa5f5ee0e90ff71fc46aeb"}': "a0315346cfaa5f5ee0e90ff71fc46aeb",
}


def called(pieces: list[str]) -> str:
    deltas = [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    return heard(guarded(body))[0, "arguments.0"]


@pytest.mark.parametrize("arguments", NAMED_ARGUMENTS)
def test_the_key_before_a_value_counts_in_a_stream_wherever_it_is_cut(arguments: str) -> None:
    whole = called([arguments])
    assert NAMED_ARGUMENTS[arguments] not in whole and "_REDACTED]" in whole
    assert json.loads(whole).keys() == json.loads(arguments).keys()
    for cut in range(1, len(arguments)):
        assert called([arguments[:cut], arguments[cut:]]) == whole
    assert called(list(arguments)) == whole


def test_the_key_of_another_value_does_not_count_in_a_stream() -> None:
    for arguments in ('{"ssn": "none", "order": "219099998"}', '{"219099998": "ssn"}'):
        assert called(list(arguments)) == arguments
