"""OpenAI's asynchronous SDK, without retries, reads guarded streams."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import openai
import pytest
from chunks import TAIL, says
from live import eventually
from openai.types.chat import ChatCompletionChunk
from stage import CHAT, Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("sdk")) as found:
        yield found


@asynccontextmanager
async def asked(stage: Stage) -> AsyncIterator[openai.AsyncStream[ChatCompletionChunk]]:
    gateway = stage.gateway
    http = httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(gateway.ca)))
    sdk = openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, http_client=http)
    async with sdk, await sdk.chat.completions.create(**CHAT, stream=True) as stream:  # type: ignore[call-overload]
        yield stream


async def read(stage: Stage) -> tuple[str, str | None]:
    """What was said, and why it ended."""
    async with asked(stage) as stream:
        choices = [chunk.choices[0] async for chunk in stream if chunk.choices]
    return "".join(choice.delta.content or "" for choice in choices), choices[-1].finish_reason


async def test_it_reads_a_redacted_stream(stage: Stage) -> None:
    stage.player.play(says("Write to ana.lopez@"), says("example.net now."), TAIL)
    assert await read(stage) == ("Write to [EMAIL_REDACTED] now.", "stop")


async def test_it_reads_the_end_of_a_blocked_stream(stage: Stage) -> None:
    stage.player.play(says("All is well. "), says("ACME-123456 "), *[0.02, says("and on ")] * 1000, TAIL)
    assert await read(stage) == ("All is well. ", "content_filter")
    eventually(stage.player.gone.is_set, "the provider's connection closed")


async def test_a_stream_that_it_closes_early_stops_the_provider_and_is_told_as_aborted(stage: Stage) -> None:
    stage.player.play(says("Hello, "), says("you "), *[0.02, says("and on ")] * 1000, TAIL)
    async with asked(stage) as stream:
        async for _ in stream:
            break
        key = stream.response.headers["x-keeptrusts-request-id"]
    eventually(stage.player.gone.is_set, "the provider's connection closed")
    assert [row["decision"] for row in stage.told(key)] == ["aborted"]
