"""Tokens in place of text: nobody here can read them, so they pass only where nobody would have to."""

from __future__ import annotations

import json

import pytest
from fakes import Play, Says, answered, ask, chain, prompt, reply, rules

from extproc.chain import Chain, Link
from extproc.dialects import openai_completions, openai_embeddings
from extproc.model import Allow, Answer, Proceed
from extproc.policies.audit_logger import AuditLogger
from extproc.session import Rules

PATHS = {"/v1/completions": openai_completions, "/v1/embeddings": openai_embeddings}
PLACES = {"/v1/completions": "prompt", "/v1/embeddings": "input"}


def asked(path: str, snapshot: Rules, said: object = ((1, 2), (3,))) -> object:
    body = json.dumps({"model": "demo", PLACES[path]: said}).encode()
    return Play(snapshot).tell(ask(path), prompt(body))[-1]


@pytest.mark.parametrize("path", PATHS)
def test_a_policy_that_would_have_to_read_them_has_them_refused(path: str) -> None:
    no = asked(path, rules(Says(Allow()), dialects=PATHS))
    assert isinstance(no, Answer) and no.status == 422
    error = json.loads(no.body)["error"]
    assert error["code"] == "tokens_unreadable"
    assert error["message"].startswith(f"{PLACES[path]}: ") and "limits.pretokenized_input" in error["message"]


@pytest.mark.parametrize("path", PATHS)
def test_they_pass_where_no_policy_reads_requests_or_the_operator_lets_them(path: str) -> None:
    shadow = Chain((Link(policy=Says(Allow()), shadow=True),), lambda: 0)
    elsewhere = Chain((Link(policy=Says(Allow()), models=("other",)),), lambda: 0)
    for found in (chain(), chain(AuditLogger(None)), shadow, elsewhere):
        assert isinstance(asked(path, rules(dialects=PATHS, chain=found)), Proceed)
    assert isinstance(asked(path, rules(Says(Allow()), dialects=PATHS, passes_tokens=True)), Proceed)


@pytest.mark.parametrize("path", PATHS)
def test_text_passes_in_any_case(path: str) -> None:
    assert isinstance(asked(path, rules(Says(Allow()), dialects=PATHS), ["one", "two"]), Proceed)


def test_a_reply_of_embeddings_passes_with_its_bytes_untouched() -> None:
    play = Play(rules(Says(Allow()), dialects=PATHS))
    data = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPw=="}],"model":"demo"}'
    body = prompt(b'{"model":"demo","input":"hi"}')
    *_, last = play.tell(ask("/v1/embeddings"), body, answered(), reply(data))
    assert isinstance(last, Proceed) and last.body is None
    assert play.records("end")[0]["outcome"] == "allowed"
