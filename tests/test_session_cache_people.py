"""Personal data and the cache: what the provider never saw cannot reach a colleague; what was put back is not kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes import Play, answered, ask, chain, prompt, reply, rules

from extproc.cache.commands import Abandon, Fill, Lead, Look
from extproc.cache.rules import CacheRules
from extproc.model import Need, Proceed, Send, Tell
from extproc.policies.pii_detector import PiiDetector, PiiSettings, Redaction

SAYS = {"role": "assistant", "content": "ANSWER"}
REPLY = {"id": "c1", "model": "demo", "choices": [{"index": 0, "message": SAYS, "finish_reason": "stop"}]}


def exchanged(redaction: Redaction, person: str, says: str, *, shadow: bool = False) -> Play:
    """A question with somebody's address, fetched from a provider that says `says`; {0} is the placeholder sent on."""
    policy = PiiDetector(PiiSettings(redaction=redaction))
    made = rules(cache=CacheRules(secret=b"s" * 32))
    heard = Play(replace(made, chain=chain(policy, shadow=shadow)), lambda _: Lead())
    asked = {"model": "demo", "messages": [{"role": "user", "content": f"greet {person}"}]}
    heard.tell(ask(), prompt(json.dumps(asked).encode()))
    placeholder = sent(heard).partition("greet ")[2].partition('"')[0]
    heard.tell(answered(), reply(json.dumps(REPLY).replace("ANSWER", says.format(placeholder)).encode()))
    return heard


def sent(heard: Play) -> str:
    """The body as the provider gets it."""
    bodies = [s.reply.body for s in heard.steps if isinstance(s, Send) and isinstance(s.reply, Proceed)]
    return next((body.decode() for body in bodies if body), "greet ")


def key(heard: Play) -> bytes:
    (look,) = [s.question for s in heard.steps if isinstance(s, Need) and isinstance(s.question, Look)]
    return look.key


def fact(heard: Play) -> object:
    (told,) = [step.fact for step in heard.steps if isinstance(step, Tell)]
    return told


def test_two_peoples_questions_are_one_once_redacted_and_its_answer_has_nothing_of_either() -> None:
    ana = exchanged(Redaction(), "ana@example.com", "Hello {0}!")
    ben = exchanged(Redaction(), "ben@example.com", "Hello {0}!")
    assert key(ana) == key(ben)
    kept = fact(ana)
    assert isinstance(kept, Fill) and b"Hello" in kept.data and b"ana@" not in kept.data
    assert "ana@" not in sent(ana)


def test_an_answer_into_which_values_were_put_back_is_not_kept() -> None:
    restoring = Redaction(marker_format="numbered", restore=True)
    heard = exchanged(restoring, "ana@example.com", "Hello {0}!")
    assert b"ana@example.com" in next(
        s.reply.body for s in reversed(heard.steps) if isinstance(s, Send) and isinstance(s.reply, Proceed)
    )  # type: ignore[operator]
    assert fact(heard) == Abandon(key(heard))


def test_numbered_placeholders_make_each_question_its_own() -> None:
    numbered = Redaction(marker_format="numbered", restore=True)
    keys = {key(exchanged(numbered, "ana@example.com", "Hello!")) for _ in range(2)}
    assert len(keys) == 2


@pytest.mark.parametrize("person", ["ben@example.com", "ana@example.org"])
def test_what_is_only_watched_is_not_redacted_in_the_key_either(person: str) -> None:
    ana = exchanged(Redaction(), "ana@example.com", "Hello!", shadow=True)
    assert key(ana) != key(exchanged(Redaction(), person, "Hello!", shadow=True))
    assert isinstance(fact(ana), Fill)
