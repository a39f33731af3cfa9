"""Hits through the vendors' own SDKs: the object that a hit is, is the one that the miss was, in every API and form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import openai
import orjson
import pytest
from sdk.chat import Chat, client
from sdk.completions import Completions
from sdk.messages import Messages
from sdk.responses_api import Responses
from sdk.speaker import TOKENS, WAYS, Said, Speaker, Talker, Way, Weather
from sdk.stacks import GUARDED, document
from stage import Stage, configured

JSON = (("content-type", "application/json"),)
TALKERS: dict[str, Talker] = {each.name: each for each in (Chat(), Responses(), Messages())}
SPEAKERS: dict[str, Speaker] = {**TALKERS, "openai-completions": Completions()}
OTHER = Said("Nobody should hear this.")
PUT_TOGETHER: tuple[Way, ...] = ("whole", "helper")
"""The ways in which the SDK has an object of the whole reply."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with configured(tmp_path_factory.mktemp("cached"), document(GUARDED, cache=True)) as found:
        yield found


@pytest.fixture(scope="module")
def clients(stage: Stage) -> Iterator[dict[str, Any]]:
    with ExitStack() as open_ones:
        yield {name: open_ones.enter_context(each.client(stage.gateway)) for name, each in SPEAKERS.items()}


def said(name: str, stored: Way) -> Said:
    """What the provider says: with a thought and its seal where the API has them and a stream can be put together."""
    if name not in TALKERS:
        return Said("It is 42, I thînk.")
    sealed = name != "openai-chat" or stored == "whole"
    return Said("It is 42, I thînk.", thought="Let me see.", seal="EqQBCgIYAhIkYw==" if sealed else "")


def plays(stage: Stage, speaker: Speaker, way: Way, words: Said) -> None:
    """The provider says it from now on."""
    if way == "whole":
        stage.player.play(speaker.reply(words), headers=JSON)
    else:
        stage.player.play(*speaker.events(words))


def plain(value: Any) -> Any:
    """An SDK's object as it came: without members that are empty, or of the SDK's own making."""
    if isinstance(value, dict):
        members = {key: plain(child) for key, child in value.items() if not key.startswith("parsed")}
        return {key: child for key, child in members.items() if child not in (None, [], {})}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("asked", WAYS)
@pytest.mark.parametrize("stored", PUT_TOGETHER)
@pytest.mark.parametrize("name", SPEAKERS)
def test_a_hit_is_the_object_that_the_miss_was(
    stage: Stage, clients: dict[str, Any], name: str, stored: Way, asked: Way
) -> None:
    speaker, sdk, question = SPEAKERS[name], clients[name], f"stored {stored}, asked {asked}?"
    words = said(name, stored)
    plays(stage, speaker, stored, words)
    miss = speaker.fetch(sdk, stored, question)
    plays(stage, speaker, asked, OTHER)
    calls = len(stage.player.bodies)
    if asked == "events":
        assert speaker.ask(sdk, asked, question) == words
    else:
        hit = speaker.fetch(sdk, asked, question)
        assert speaker.read(hit) == speaker.read(miss) == words
        assert plain(hit.model_dump()) == plain(miss.model_dump())
    assert len(stage.player.bodies) == calls


@pytest.mark.parametrize("asked", WAYS)
@pytest.mark.parametrize("name", SPEAKERS)
def test_a_stream_whose_client_did_not_ask_for_usage_is_a_hit_that_has_it(
    stage: Stage, clients: dict[str, Any], name: str, asked: Way
) -> None:
    speaker, sdk, words, question = SPEAKERS[name], clients[name], said(name, "helper"), f"untold, asked {asked}?"
    plays(stage, speaker, "helper", words)
    with speaker.begin(sdk, question) as events:
        assert list(events)
    calls = len(stage.player.bodies)
    assert speaker.ask(sdk, asked, question) == words
    assert len(stage.player.bodies) == calls


@pytest.mark.parametrize("asked", PUT_TOGETHER)
@pytest.mark.parametrize("stored", PUT_TOGETHER)
@pytest.mark.parametrize("name", TALKERS)
def test_a_structured_answer_is_parsed_from_a_hit(
    stage: Stage, clients: dict[str, Any], name: str, stored: Way, asked: Way
) -> None:
    talker, sdk, question = TALKERS[name], clients[name], f"structured, stored {stored}, asked {asked}?"
    plays(stage, talker, stored, Said('{"city":"Bern","celsius":-3.50}'))
    assert talker.parse(sdk, stored, question) == Weather(city="Bern", celsius=-3.5)
    plays(stage, talker, asked, OTHER)
    assert talker.parse(sdk, asked, question) == Weather(city="Bern", celsius=-3.5)


@pytest.mark.parametrize("name", SPEAKERS)
def test_a_stream_that_the_sdk_closes_at_its_last_event_is_kept_and_told_as_allowed(
    stage: Stage, clients: dict[str, Any], name: str
) -> None:
    speaker, sdk, words = SPEAKERS[name], clients[name], said(name, "helper")
    stage.player.play(*speaker.events(words), 0.3)  # the body ends a moment later
    assert speaker.ask(sdk, "events", "closed early?") == words
    calls = len(stage.player.bodies)
    assert speaker.ask(sdk, "events", "closed early?") == words
    assert len(stage.player.bodies) == calls
    assert not [row for row in stage.gateway.rows() if row["decision"] == "aborted"]


@pytest.mark.parametrize("name", TALKERS)
def test_tools_that_were_offered_and_not_called_are_no_hindrance(
    stage: Stage, clients: dict[str, Any], name: str
) -> None:
    talker, sdk = TALKERS[name], clients[name]
    words = said(name, "whole")
    plays(stage, talker, "whole", words)
    assert talker.ask(sdk, "whole", "with tools", tools=talker.tools) == words
    plays(stage, talker, "helper", OTHER)
    assert talker.ask(sdk, "helper", "with tools", tools=talker.tools) == words
    plays(stage, talker, "whole", OTHER)
    assert talker.ask(sdk, "whole", "with tools") == OTHER  # which is another question


def test_an_embedding_is_the_same_in_a_hit(stage: Stage) -> None:
    rows = [{"object": "embedding", "index": n, "embedding": [0.125, n, -1e-3]} for n in range(2)]
    usage = {"prompt_tokens": TOKENS[0], "total_tokens": TOKENS[0]}
    found = orjson.dumps({"object": "list", "data": rows, "model": "m", "usage": usage})
    with client(stage.gateway) as sdk:

        def ask() -> openai.types.CreateEmbeddingResponse:
            return sdk.embeddings.create(model="m", input=["one", "two"], encoding_format="float")

        stage.player.play(found, headers=JSON)
        miss, calls = ask(), len(stage.player.bodies)
        stage.player.play(b"{}", headers=JSON)
        assert ask() == miss and miss.usage.prompt_tokens == TOKENS[0]
        assert len(stage.player.bodies) == calls
