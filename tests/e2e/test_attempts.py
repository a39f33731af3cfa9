"""Three unlike targets in every order: what an attempt brings along for one of them never reaches the next."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import httpx
import orjson
import pytest
from live import NO_CACHE, POLICIES, Gateway, Providers, eventually, serve, stop

from extproc.gateway.demo import DemoProvider, Received

FIRST_BYTE_SECONDS = 3
COOKIE = "session=a-cookie-of-the-client"
FAULTS = ("503", "429", "reset", "hang", "refused")
NOBODY = 1
"""A port on which nobody listens."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a target wants to be asked."""

    prefix: str
    header: str
    scheme: str
    secret: str


KINDS = {
    "a": Kind("", "authorization", "Bearer ", "sk-of-a-4cb1"),
    "b": Kind("/other/deep", "x-api-key", "", "key-of-b-90ee"),
    "c": Kind("/third", "x-own-header", "Key ", "secret-of-c-77d2"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """An order of targets, all of which fail alike but the last. Its model's name chooses them."""

    order: str
    fault: str
    providers: dict[str, DemoProvider | None]
    ports: dict[str, int]

    @property
    def model(self) -> str:
        return f"{self.order}-{self.fault}"

    def targets(self) -> Iterator[dict[str, object]]:
        for letter in self.order:
            kind = KINDS[letter]
            yield {
                "id": f"{self.model}-{letter}",
                "provider": "openai",
                "model": self.model,
                "base_url": f"http://127.0.0.1:{self.ports[letter]}{kind.prefix}/v1",
                "secret_key_ref": {"env": f"KEY_OF_{letter.upper()}"},
                "api_key_header": kind.header,
                "api_key_prefix": kind.scheme,
            }


def case(providers: Providers, order: str, fault: str) -> Case:
    *failing, last = order
    found: dict[str, tuple[DemoProvider | None, int]] = {last: providers.add()}
    for letter in failing:
        found[letter] = (None, NOBODY) if fault == "refused" else providers.add(fault)
    servers = {letter: provider for letter, (provider, _) in found.items()}
    return Case(order, fault, servers, {letter: port for letter, (_, port) in found.items()})


def served(root: Path, cases: list[Case], patch: pytest.MonkeyPatch) -> Gateway:
    for letter, kind in KINDS.items():
        patch.setenv(f"KEY_OF_{letter.upper()}", kind.secret)
    targets = orjson.dumps([target for each in cases for target in each.targets()]).decode()
    limits = f"limits: {{first_byte_timeout_seconds: {FIRST_BYTE_SECONDS}}}"
    head = "pack: {name: attempts, version: 1.0.0}"
    return serve(root, f"{head}\nproviders: {{targets: {targets}}}\n{limits}\n{NO_CACHE}\n{POLICIES}")


def ask(gateway: Gateway, asked: Case, stream: bool) -> httpx.Response:
    body = {"model": asked.model, "messages": [{"role": "user", "content": "hello ACME-123456"}], "stream": stream}
    with gateway.client(http2=stream) as client:
        return client.post("/chat/completions", json=body, headers={"cookie": COOKIE, "x-api-key": gateway.key})


def is_its_own(gateway: Gateway, asked: Case, letter: str, request: Received) -> None:
    """Everything that is meant for this target, and nothing of the others or the client."""
    kind, headers = KINDS[letter], dict(request.headers)
    assert len(headers) == len(request.headers)
    assert request.path == f"{kind.prefix}/v1/chat/completions"
    assert headers["host"] == f"127.0.0.1:{asked.ports[letter]}"
    assert headers["content-length"] == str(len(request.body))
    assert headers[kind.header] == kind.scheme + kind.secret
    foreign = [gateway.key, COOKIE, *(each.secret for each in KINDS.values() if each is not kind)]
    whole = repr(request)
    assert not [secret for secret in foreign if secret in whole]
    assert not {each.header for each in KINDS.values() if each is not kind} & set(headers)
    assert "cookie" not in headers and b"ACME" not in request.body


def of_kind(provider: DemoProvider, stream: bool) -> list[Received]:
    return [each for each in provider.requests if orjson.loads(each.body)["stream"] is stream]


def is_answered(gateway: Gateway, asked: Case, stream: bool, reply: httpx.Response) -> None:
    """By the last target, after each of the others was asked once."""
    assert reply.status_code == 200, (asked.model, stream, reply.text)
    if stream:
        assert reply.text.endswith("data: [DONE]\n\n")
    else:
        assert reply.json()["choices"][0]["message"]["content"] == "You said: hello [DLP_REDACTED]"
    reached = [(letter, provider) for letter in asked.order if (provider := asked.providers[letter])]
    attempts = [(letter, request) for letter, provider in reached for request in of_kind(provider, stream)]
    assert [letter for letter, _ in attempts] == [letter for letter, _ in reached], asked.model
    for letter, request in attempts:
        is_its_own(gateway, asked, letter, request)
    assert len({request.body for _, request in attempts}) == 1
    assert len({frozenset(dict(each.headers)) - {KINDS[letter].header} for letter, each in attempts}) == 1


def all_are_answered(gateway: Gateway, cases: list[Case]) -> None:
    asked = list(product(cases, (False, True)))
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda pair: ask(gateway, *pair), asked))
    for (each, stream), reply in zip(asked, replies, strict=True):
        is_answered(gateway, each, stream, reply)
    ids = {reply.headers["x-keeptrusts-request-id"] for reply in replies}
    assert len(ids) == len(asked)
    eventually(lambda: ids <= gateway.events().keys(), "event for each")
    assert {len(gateway.events()[key]["attempts"]) for key in ids} == {3}  # type: ignore[arg-type]


def test_no_target_sees_the_key_path_or_body_of_another(
    tmp_path: Path, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [case(providers, "bca", "503")]
    gateway = served(tmp_path, cases, monkeypatch)
    try:
        all_are_answered(gateway, cases)
    finally:
        stop(gateway)


@pytest.mark.full
def test_nor_does_one_in_any_order_and_after_any_failure(
    tmp_path: Path, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [case(providers, "".join(order), fault) for order, fault in product(permutations(KINDS), FAULTS)]
    gateway = served(tmp_path, cases, monkeypatch)
    try:
        all_are_answered(gateway, cases)
    finally:
        stop(gateway)
