"""The APIs that answer with numbers: embeddings and counts of tokens, with their SDKs."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import anthropic
import openai
from live import Gateway
from sdk.chat import Chat
from sdk.messages import Messages
from sdk.speaker import Speaker

VECTOR = [0.125, -2.5, 3.0]


@dataclass(frozen=True, slots=True)
class Numbers:
    """One API: what the provider replies, how the SDK asks, what it then has. Client and errors are a speaker's."""

    speaker: Speaker
    reply: bytes
    ask: Callable[[Any, str], Any]
    found: Any

    @property
    def errors(self) -> ModuleType:
        return self.speaker.errors

    def client(self, gateway: Gateway, **settings: Any) -> Any:
        return self.speaker.client(gateway, **settings)


def _embedding(vector: object) -> bytes:
    row = {"object": "embedding", "index": 0, "embedding": vector}
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return json.dumps({"object": "list", "data": [row], "model": "m", "usage": usage}).encode()


def _vector(found: openai.types.CreateEmbeddingResponse) -> list[float]:
    return found.data[0].embedding


def _count(sdk: anthropic.Anthropic, text: str) -> int:
    asked = sdk.messages.count_tokens(model="claude", messages=[{"role": "user", "content": text}])
    return asked.input_tokens


NUMBERS = {
    "embeddings": Numbers(
        Chat(),
        _embedding(VECTOR),
        lambda sdk, text: _vector(sdk.embeddings.create(model="m", input=text, encoding_format="float")),
        VECTOR,
    ),
    "embeddings-base64": Numbers(  # what the SDK asks for itself, and decodes
        Chat(),
        _embedding(base64.b64encode(struct.pack("<3f", *VECTOR)).decode()),
        lambda sdk, text: _vector(sdk.embeddings.create(model="m", input=[text])),
        VECTOR,
    ),
    "count-tokens": Numbers(Messages(), b'{"input_tokens": 42}', _count, 42),
}
