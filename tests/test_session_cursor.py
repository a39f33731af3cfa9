"""Cursor's path seen from a session: what is judged, sent on, cached and answered is the translated chat."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import Play, Says, answered, ask, opened, prompt, reply, rules

from extproc.cache.commands import Fill, Look
from extproc.cache.rules import CacheRules
from extproc.chain import Chain, Link
from extproc.dialects import cursor, openai_chat
from extproc.model import (
    Allow,
    Answer,
    Block,
    BodyMode,
    Chunk,
    Edit,
    Phase,
    Proceed,
    Redact,
    Send,
    Tell,
    Usage,
)
from extproc.session import Translation

CHATS = "/v1/chat/completions"
PATH = f"/cursor{CHATS}"
BODY = {"model": "demo", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]}
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
REPLY = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def play(*policies: Says, **changes: Any) -> Play:
    own = {
        "dialects": {PATH: openai_chat},
        "translations": {PATH: Translation("/v1/chat/completions", cursor.as_chat)},
    }
    return Play(rules(*policies, **{**own, **changes}))


def body(value: object) -> Any:
    return prompt(json.dumps(value).encode())


def sent(replies: list[Any]) -> tuple[Any, Proceed]:
    """The body that goes on, and the reply that says where."""
    (proceed,) = (each for each in replies if isinstance(each, Proceed) and each.targets)
    return json.loads(proceed.body or b"null"), proceed


def test_a_responses_body_goes_on_as_a_chat_to_the_chats_path() -> None:
    value, proceed = sent(play().tell(ask(f"{PATH}?x=1"), body(BODY)))
    assert value == CHAT
    assert proceed.metadata["path"] == "/v1/chat/completions?x=1" and proceed.metadata["dialect"] == "openai-chat"
    assert ("content-length", str(len(proceed.body or b""))) in proceed.set_headers


def test_a_chat_goes_on_untouched() -> None:
    value, proceed = sent(play().tell(ask(PATH), body(CHAT)))
    assert (value, proceed.body) == (None, None) and proceed.metadata["path"] == "/v1/chat/completions"


def test_a_path_that_is_nobodys_own_is_asked_as_it_is() -> None:
    _, proceed = sent(Play(rules()).tell(ask("/v1/chat/completions?x=1"), body(CHAT)))
    assert proceed.metadata["path"] == "/v1/chat/completions?x=1"


@pytest.mark.parametrize("mode", [BodyMode.STREAMED, BodyMode.FULL_DUPLEX])
def test_in_every_mode_of_bodies_the_chat_goes_on(mode: BodyMode) -> None:
    data = json.dumps(BODY).encode()
    pieces = [prompt(data[:20], end=False), prompt(data[20:])]
    replies = play().tell(opened(request_body=mode), ask(PATH), *pieces)
    found = b"".join(
        each.data if isinstance(each, Chunk) else each.body or b""
        for each in replies
        if isinstance(each, Chunk | Proceed) and getattr(each, "phase", None) is Phase.REQUEST_BODY
    )
    assert json.loads(found) == CHAT


def test_policies_judge_the_chat_and_edit_it() -> None:
    redacts = Says(Redact((Edit(("messages", 0, "content"), 0, 5, "[X]", "x"),), "secret"))
    heard = play(redacts)
    value, _ = sent(heard.tell(ask(PATH), body(BODY)))
    assert value["messages"][0]["content"] == "[X]" and "hello" not in json.dumps(value)


def test_a_block_is_answered_in_the_shape_of_chats() -> None:
    *_, answer = play(Says(Block("no", "says.no"))).tell(ask(PATH), body(BODY))
    assert isinstance(answer, Answer) and answer.status == 409
    assert json.loads(answer.body)["error"]["type"] == "policy_violation"


def test_what_cannot_be_translated_is_a_400_that_names_it_and_is_recorded() -> None:
    says = Says(Allow())
    heard = play(says)
    *_, answer = heard.tell(ask(PATH), body({**BODY, "tools": [{"type": "web_search"}]}))
    assert isinstance(answer, Answer) and answer.status == 400 and says.asked == []
    error = json.loads(answer.body)["error"]
    assert error["code"] == "untranslatable" and error["message"].startswith("tools[0].type: ")
    assert [each["outcome"] for each in heard.records("end")] == ["refused"]


def test_the_record_has_cursors_path_and_the_chats_usage() -> None:
    heard = play()
    heard.tell(ask(PATH), body(BODY), answered(), reply(json.dumps(REPLY).encode()))
    (begin,), (end,) = heard.records("begin"), heard.records("end")
    assert begin["path"] == PATH
    assert (end["dialect"], end["model"]) == ("openai-chat", "demo")
    assert isinstance(end["usage"], Usage) and end["usage"].output_tokens == 1


def test_a_streams_tokens_are_asked_for_in_the_chats_words() -> None:
    value, _ = sent(play(asks_usage=True).tell(ask(PATH), body({**BODY, "stream": True})))
    assert value == {**CHAT, "stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize("path", ["/v1", "/v1/chat", "/cursor", PATH])
def test_a_policy_for_either_path_holds(path: str) -> None:
    blocks = Link(policy=Says(Block("no", "says.no")), path=path)
    *_, answer = play(chain=Chain((blocks,), lambda: 0)).tell(ask(PATH), body(BODY))
    assert isinstance(answer, Answer) and answer.status == 409


def test_a_policy_for_another_path_does_not() -> None:
    blocks = Link(policy=Says(Block("no", "says.no")), path="/v1/responses")
    assert sent(play(chain=Chain((blocks,), lambda: 0)).tell(ask(PATH), body(BODY)))


def looked_up(value: object, path: str = PATH) -> bytes:
    heard = play(cache=CacheRules(secret=b"s" * 32), dialects={PATH: openai_chat, CHATS: openai_chat})
    heard.tell(ask(path), body(value))
    (look,) = (step.question for step in heard.steps if isinstance(getattr(step, "question", None), Look))
    return look.key


def test_one_question_in_either_shape_or_at_either_path_is_one_in_the_cache() -> None:
    assert looked_up(BODY) == looked_up(CHAT) == looked_up(CHAT, CHATS) != looked_up({**BODY, "input": "another"})


def test_an_answer_is_kept_as_a_chats() -> None:
    heard = play(cache=CacheRules(secret=b"s" * 32))
    heard.tell(ask(PATH), body(BODY), answered(), reply(json.dumps(REPLY).encode()))
    (fill,) = (step.fact for step in heard.steps if isinstance(step, Tell) and isinstance(step.fact, Fill))
    assert fill.dialect == "openai-chat" and json.loads(fill.data) == REPLY
    assert not [step for step in heard.steps if isinstance(step, Send) and isinstance(step.reply, Answer)]
