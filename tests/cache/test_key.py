"""What makes two questions the same, held against an oracle that knows nothing of how the key is made."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from extproc.cache.key import canonical, digest
from extproc.cache.rules import CacheRules
from extproc.dialects import openai_chat
from extproc.model import Consumer, Exchange
from extproc.session.caching import Caching

PAIRS = 6000
SECRET = b"s" * 32


@dataclass(frozen=True)
class Question:
    """Who asks, on which path, and the bytes of the body."""

    who: Consumer
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


# --- the oracle: thirty lines that parse with the standard library and compare values --------------------------------

SILENT = ("stream", "stream_options", "user", "metadata", "safety_identifier", "prompt_cache_key")


def number(text: str) -> object:
    value = float(text)
    return int(value) if value == int(value) else value


def value_of(body: bytes) -> Any:
    said = json.loads(body, parse_float=number)
    return {key: child for key, child in said.items() if key not in SILENT}


def typed(value: Any) -> Any:
    """Python holds True for 1; a model's API does not."""
    if isinstance(value, dict):
        return {key: typed(child) for key, child in value.items()}
    return [typed(child) for child in value] if isinstance(value, list) else (type(value).__name__, value)


def told(asked: Question) -> list[tuple[str, str]]:
    return sorted(each for each in asked.headers if each[0] not in ("user-agent", "authorization"))


def same(a: Question, b: Question, tier: str) -> bool:
    """Whether the second may have the answer of the first."""
    scope = a.who.org == b.who.org and (tier == "org_shared" or a.who.key_id == b.who.key_id)
    return scope and a.path == b.path and told(a) == told(b) and typed(value_of(a.body)) == typed(value_of(b.body))


def cacheable(question: Question) -> bool:
    body = value_of(question.body)
    plain = not body.get("temperature") and body.get("n", 1) == 1
    return plain and not body.get("logprobs") and not body.get("store")


# --- the generator ---------------------------------------------------------------------------------------------------

TEXTS = (
    "why?",
    "Why?",
    "why? ",
    "zażółć",
    "zaz\u0307o\u0301\u0142c\u0301",
    "x" * 2000,
    "1.0",
    '{"a": 1.0}',
    "🙂",
    "a\nb",
    "",
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "minimum": 1.0, "maximum": 1e3}}}


def question(chance: random.Random) -> Question:
    messages = [
        {"role": chance.choice(("user", "system")), "content": chance.choice(TEXTS)}
        for _ in range(chance.randint(1, 3))
    ]
    body: dict[str, Any] = {"model": chance.choice(("a", "b")), "messages": messages}
    for key, values in {
        "temperature": (0, 0.0, 0.5, 1), "max_tokens": (1, 100, 100.0), "tools": ([TOOL], []), "seed": (1, 2**53 + 1, 2**53 + 2),
        "stop": ("a", ["a"]), "n": (1, 2), "store": (True, False), "logprobs": (True, False), "top_p": (1, 1.0, 0.5),
        "reasoning_effort": ("low", "high"), "response_format": ({"type": "json_object"},), "extra": (None, True, 1, "1"),
    }.items():  # fmt: skip
        if chance.random() < 0.15:
            body[key] = chance.choice(values)
    who = Consumer(f"tok_{chance.randint(1, 3)}", "n", "t", chance.choice(("acme", "umbrella")))
    return Question(who, "/v1/chat/completions", json.dumps(body).encode())


def said_otherwise(chance: random.Random, asked: Question) -> Question:
    """The same question in other words of JSON, and mostly from someone else of the organisation."""
    body = shuffled(chance, json.loads(asked.body))
    if chance.random() < 0.5:
        body["stream"] = chance.choice((True, False))
        body["user"] = str(chance.random())
    text = json.dumps(body, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 1, 4)))
    if chance.random() < 0.5:
        text = text.replace("100.0", "1e2").replace(": 1.0", ": 1").replace(": 0,", ": 0.0,")
    who = replace(asked.who, key_id=f"tok_{chance.randint(1, 3)}") if chance.random() < 0.7 else asked.who
    return replace(asked, body=text.encode(), who=who, headers=(("user-agent", str(chance.random())), *asked.headers))


def shuffled(chance: random.Random, value: Any) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: shuffled(chance, child) for key, child in items}
    return [shuffled(chance, child) for child in value] if isinstance(value, list) else value


def changed(chance: random.Random, asked: Question) -> Question:
    """Nearly the same question: one thing is different."""
    body = json.loads(asked.body)
    match chance.randint(0, 6):
        case 0:
            body["model"] = body["model"] + "2"
        case 1:
            body["messages"][0]["content"] += " "
        case 2:
            body["messages"].append({"role": "user", "content": "and?"})
        case 3:
            body["messages"][0]["role"] = "developer"
        case 4:
            return replace(asked, who=replace(asked.who, org="umbrella" if asked.who.org == "acme" else "acme"))
        case 5:
            return replace(asked, path=asked.path + "?v=2")
        case _:
            name = chance.choice(("openai-beta", "x-portkey-config", "x-anything"))
            return replace(asked, headers=(*asked.headers, (name, "new")))
    return replace(asked, body=json.dumps(body).encode())


def key_of(asked: Question, rules: CacheRules) -> bytes | None:
    """The key under which the gateway would look, None where it would not."""
    request = openai_chat.read_request(asked.body)
    exchange = Exchange(path=asked.path, headers=asked.headers, consumer=asked.who, request=request)
    caching = Caching(rules)
    try:
        need = next(caching.look(exchange, openai_chat, asked.body, ("target:a",)))
    except StopIteration:
        return None
    found: bytes = need.question.key  # type: ignore[attr-defined]
    return found


def test_thousands_of_pairs_hit_exactly_where_an_independent_oracle_says_so() -> None:
    chance = random.Random(20261124)
    hits = 0
    for number_ in range(PAIRS):
        tier = "org_shared" if number_ % 4 else "private_edge"
        rules = CacheRules(secret=SECRET, tier=tier)  # type: ignore[arg-type]
        a = question(chance)
        b = said_otherwise(chance, a) if chance.random() < 0.7 else changed(chance, a)
        expected = cacheable(a) and cacheable(b) and same(a, b, tier)
        keys = key_of(a, rules), key_of(b, rules)
        assert (keys[0] is not None, keys[1] is not None) == (cacheable(a), cacheable(b)), (a, b)
        assert (keys[0] is not None and keys[0] == keys[1]) == expected, (tier, a, b)
        hits += expected
    assert hits >= 0.3 * PAIRS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
        lambda c: st.lists(c) | st.dictionaries(st.text(max_size=3), c),
    )
)
def test_one_value_has_one_form_however_its_members_are_ordered(value: object) -> None:
    written = json.dumps(value, ensure_ascii=True, indent=2).encode()
    turned = json.dumps(shuffled(random.Random(1), value), ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert canonical(orjson.loads(written)) == canonical(orjson.loads(turned))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_has_one_form_however_it_is_spelled(value: float) -> None:
    spelled = [repr(value), f"{value:.17e}", *([str(int(value))] if value.is_integer() and abs(value) <= 2**53 else [])]
    assert len({canonical(json.loads(f'{{"a": [{each}]}}')) for each in spelled}) == 1


def test_numbers_that_differ_have_different_forms() -> None:
    forms = {canonical({"a": value}) for value in (1, 2, 1.5, True, "1", None, 2**53 + 1, 2**53 + 2, [1], -1)}
    assert len(forms) == 10


def test_fields_do_not_run_into_each_other() -> None:
    assert digest(SECRET, (b"ab", b"c")) != digest(SECRET, (b"a", b"bc"))
    assert digest(SECRET, (b"ab", b"c")) != digest(SECRET, (b"ab", b"c", b""))


def test_another_gateways_secret_gives_other_keys() -> None:
    assert digest(SECRET, (b"a",)) != digest(b"t" * 32, (b"a",))


def test_scopes_do_not_run_into_each_other() -> None:
    """Whatever organisations, teams and keys are called, and where one organisation is named like another's key."""
    people = [
        Consumer("tok_1", "n", "", "ab"), Consumer("c", "n", "", "ab"), Consumer("bc", "n", "", "a"),
        Consumer("", "n", "", "abc"), Consumer("tok_1", "n", "", ""), Consumer("tok_1", "n", "", "org"),
        Consumer("tok_1", "n", "alone", "ab"), Consumer("tok_2", "n", "alone", "ab"), Consumer("", "n", "alone", "ab"),
        Consumer("tok_1", "n", "", "AB"), Consumer("tok_1", "n", "", "a\u0431"),
    ]  # fmt: skip
    rules = CacheRules(secret=SECRET, team_tiers={"alone": "private_edge"})
    keys = [rules.key(who, ("target:a",), (b"q",)) for who in people]
    assert keys[0] == keys[1]  # two keys of one organisation
    assert len(set(keys)) == len(people) - 1
