"""What is embedded once is everybody's hit."""

from __future__ import annotations

import json

from fakes import Play, answered, ask, prompt, reply, rules

from extproc.cache.commands import Fill, Found, Lead, Look
from extproc.cache.entry import Entry
from extproc.cache.filling import entry
from extproc.cache.rules import CacheRules
from extproc.dialects import openai_embeddings
from extproc.model import Answer, Tell

PATH = "/v1/embeddings"
QUESTION = b'{"model":"demo","input":["hi"]}'
DATA = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25]}],"model":"demo","usage":{"prompt_tokens":1,"total_tokens":1}}'
SNAPSHOT = rules(dialects={PATH: openai_embeddings}, cache=CacheRules(secret=b"s" * 32))


def test_an_embedding_is_kept_although_it_has_no_finish_reason() -> None:
    play = Play(SNAPSHOT, found=lambda question: Lead() if isinstance(question, Look) else None)
    play.tell(ask(PATH), prompt(QUESTION), answered(), reply(DATA))
    (fact,) = [step.fact for step in play.steps if isinstance(step, Tell)]
    assert isinstance(fact, Fill)
    made = entry(fact, {"openai-embeddings": openai_embeddings}, 7.0)
    assert made == Entry("openai-embeddings", DATA, b"", False, 7.0)


def test_a_stored_embedding_is_the_answer() -> None:
    stored = Found(Entry("openai-embeddings", DATA, b"", False, 7.0), 3)
    play = Play(SNAPSHOT, found=lambda question: stored)
    (*_, answer) = play.tell(ask(PATH), prompt(QUESTION))
    assert isinstance(answer, Answer) and answer.body == DATA
    (end,) = play.records("end")
    assert end["cache_hit"] is True and json.loads(DATA)["usage"]["prompt_tokens"] == 1
