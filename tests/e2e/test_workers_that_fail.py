"""Workers killed, stopped and stuck in each phase of a request: an error in bounded time, and nothing unscanned."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import httpx
import orjson
import pytest
from live import Gateway, Providers, eventually, start, stop
from steering import POLICIES, Steering, steer, until_whole

from extproc.gateway.demo import DemoProvider

MARKER = "ACME-123456"
BOUND = 25.0
"""Seconds within which a client hears of it: the watchdog's 10 and what a busy machine takes."""

OTHERS = 100
"""At most so many clients come while a worker stands still, one every fifth of a second."""

full = pytest.mark.full


@dataclass(frozen=True, slots=True)
class Steered:
    gateway: Gateway
    provider: DemoProvider
    steering: Steering

    def has_seen(self, word: str) -> bool:
        """Whether the provider received it."""
        return any(word.encode() in each.body for each in self.provider.requests)


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told: `whole` where the reply came to its proper end."""

    status: int
    headers: httpx.Headers
    body: bytes
    whole: bool
    seconds: float

    @property
    def error(self) -> dict[str, object]:
        found: dict[str, object] = orjson.loads(self.body)["error"]
        return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    found, root = Providers(), tmp_path_factory.mktemp("gateway")
    provider, port = found.add()
    with pytest.MonkeyPatch.context() as patch:
        steering = steer(root / "steering", patch)
        gateway = start(root, [port], POLICIES + "limits: {policy_timeout_seconds: 3}\n")
    yield Steered(gateway, provider, steering)
    stop(gateway)
    found.close()


@pytest.fixture
def steered(shared: Steered) -> Steered:
    until_whole(shared.gateway)
    shared.provider.requests.clear()
    return shared


def chat(text: str, model: str = "demo", **more: object) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more})


def ask(
    gateway: Gateway,
    headers: dict[str, str],
    content: bytes | Iterator[bytes],
    on_head: Callable[[], None] = lambda: None,
) -> Told:
    """Send a request, act once the reply's first bytes came, and take what comes."""
    began, got, whole = time.monotonic(), [], False
    with gateway.client() as client:
        client.timeout = httpx.Timeout(2 * BOUND)
        headers = {"content-type": "application/json", **headers}
        with (
            client.stream("POST", "/chat/completions", headers=headers, content=content) as reply,
            suppress(httpx.RemoteProtocolError),
        ):
            for piece in reply.iter_raw():
                if not got:
                    on_head()
                got.append(piece)
            whole = True
    return Told(reply.status_code, reply.headers, b"".join(got), whole, time.monotonic() - began)


def is_error(told: Told, *statuses: int) -> None:
    """An error in the client's own shape, in bounded time, with nothing of the reply in it."""
    assert told.status in statuses, told
    assert told.whole and set(told.error) >= {"message", "type", "code"}
    assert told.headers["x-keeptrusts-request-id"]
    assert MARKER.encode() not in told.body
    assert told.seconds < BOUND


BOTH = [pytest.param(signal.SIGKILL), pytest.param(signal.SIGSTOP, marks=full)]


@pytest.mark.parametrize("number", [pytest.param(each, marks=full) for each in (signal.SIGKILL, signal.SIGSTOP)])
def test_a_worker_lost_before_the_body_came_refuses_it(steered: Steered, number: signal.Signals) -> None:
    name = uuid.uuid4().hex
    body = chat(f"hello {MARKER}")

    def in_two() -> Iterator[bytes]:
        yield body[:30]
        steered.steering.hit(name, number)
        yield body[30:]

    is_error(ask(steered.gateway, steered.steering.headers(name, "headers", "mark"), in_two()), 503, 504)
    assert steered.provider.requests == []


@pytest.mark.parametrize("number", BOTH)
def test_a_worker_lost_while_it_judges_a_request_lets_nothing_pass(steered: Steered, number: signal.Signals) -> None:
    name = uuid.uuid4().hex
    striking = threading.Thread(target=steered.steering.hit, args=(name, number))
    striking.start()
    told = ask(steered.gateway, steered.steering.headers(name, "input", "wait"), chat(f"hello {MARKER}"))
    striking.join()
    is_error(told, 503, 504)
    assert steered.provider.requests == []


@pytest.mark.parametrize("number", [pytest.param(each, marks=full) for each in (signal.SIGKILL, signal.SIGSTOP)])
def test_a_worker_lost_while_the_provider_thinks_ends_the_wait(steered: Steered, number: signal.Signals) -> None:
    name = uuid.uuid4().hex

    def strike() -> None:
        eventually(lambda: steered.provider.requests, "request at the provider")
        steered.steering.hit(name, number)

    striking = threading.Thread(target=strike)
    striking.start()
    headers = steered.steering.headers(name, "input", "mark")
    told = ask(steered.gateway, headers, chat(f"hello {MARKER}", "demo-hang"))
    striking.join()
    is_error(told, 503, 504)
    assert not steered.has_seen(MARKER) and len(steered.provider.requests) == 1


@pytest.mark.parametrize("number", [pytest.param(each, marks=full) for each in (signal.SIGKILL, signal.SIGSTOP)])
def test_a_worker_lost_while_it_judges_a_reply_lets_nothing_pass(steered: Steered, number: signal.Signals) -> None:
    name = uuid.uuid4().hex
    striking = threading.Thread(target=steered.steering.hit, args=(name, number))
    striking.start()
    told = ask(steered.gateway, steered.steering.headers(name, "output", "wait"), chat("hello", "demo-leak"))
    striking.join()
    is_error(told, 503, 504)
    assert steered.provider.requests


@pytest.mark.parametrize("number", [pytest.param(each, marks=full) for each in (signal.SIGKILL, signal.SIGSTOP)])
def test_a_worker_lost_in_the_middle_of_a_stream_cuts_it(steered: Steered, number: signal.Signals) -> None:
    name = uuid.uuid4().hex
    headers = steered.steering.headers(name, "input", "mark")
    body = chat("hello", "demo-stall", stream=True)
    told = ask(steered.gateway, headers, body, lambda: steered.steering.hit(name, number))
    assert told.status == 200 and told.body.startswith(b"data: ")
    assert not told.whole and b"[DONE]" not in told.body
    assert told.seconds < BOUND


@pytest.mark.parametrize("stage", ["input", "output"])
@pytest.mark.parametrize("act", ["raise", "wait"])
def test_a_policy_that_raises_or_never_hears_back_blocks(steered: Steered, stage: str, act: str) -> None:
    name = uuid.uuid4().hex
    model = "demo-leak" if stage == "output" else "demo"
    told = ask(steered.gateway, steered.steering.headers(name, stage, act), chat(f"hello {MARKER}", model))
    is_error(told, 409)
    assert told.seconds < 10
    assert not steered.has_seen(MARKER) and bool(steered.provider.requests) == (stage == "output")


@pytest.mark.parametrize("act", ["cancel", "exit"])
def test_a_policy_that_cancels_or_exits_is_an_error(steered: Steered, act: str) -> None:
    told = ask(steered.gateway, steered.steering.headers(uuid.uuid4().hex, "input", act), chat(f"hello {MARKER}"))
    is_error(told, 503)
    assert steered.provider.requests == []


@full
@pytest.mark.parametrize("stage", ["headers", "input", "output"])
def test_a_worker_that_stands_still_is_replaced_and_the_other_goes_on(steered: Steered, stage: str) -> None:
    name = uuid.uuid4().hex
    told: list[Told] = []
    model = "demo-leak" if stage == "output" else "demo"
    headers = steered.steering.headers(name, stage, "spin")
    stuck = threading.Thread(
        target=lambda: told.append(ask(steered.gateway, headers, chat(f"hello {MARKER}", model))), daemon=True
    )
    stuck.start()
    pid = steered.steering.pid(name)
    with ThreadPoolExecutor(OTHERS) as pool:
        asking = []
        while stuck.is_alive() and len(asking) < OTHERS:
            asking.append(pool.submit(ask, steered.gateway, {}, chat("hello")))
            stuck.join(0.2)
        others = [each.result() for each in asking]
    stuck.join()
    is_error(told[0], 503, 504)
    assert pid not in steered.gateway.pids("extproc.worker")
    assert not steered.has_seen(MARKER)
    failed = [each for each in others if each.status != 200]
    for each in failed:  # they went to the worker that stands still, before Envoy's health check saw that
        is_error(each, 503, 504)
    assert len(failed) < len(others) / 2
