"""Keeper and workers over a real Unix socket: hits, single flight, and what happens when either end goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from extproc.cache.commands import Abandon, Answer, Fill, Found, Free, Lead, Look
from extproc.dialects import openai_chat
from extproc.keeper import client as client_module
from extproc.keeper import protocol
from extproc.keeper import server as server_module
from extproc.keeper.client import KeeperClient
from extproc.keeper.server import Connection
from extproc.keeper.service import Service
from extproc.keeper.shelf import Bounds, Shelf
from extproc.routing.kept import Keep, Owners, Whose

K = b"k" * 32
REPLY = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
).encode()
FILL = Fill(K, openai_chat.name, "json", REPLY, False, 60.0)
ASK = Look(K, wait=30.0)


T = TypeVar("T")


async def heard(answer: T | asyncio.Future[T]) -> T:
    """What a client says at once or later."""
    return await answer if isinstance(answer, asyncio.Future) else answer


class Host:
    """A keeper in this process, and workers' clients of it. `now` is set by the test."""

    def __init__(self, root: Path) -> None:
        self.path = root / "keeper.sock"
        self.shelf = Shelf(root / "cache.db", Bounds())
        self.now = 1000.0
        self.owners = Shelf(root / "owners.db", Bounds())
        self.service = Service(self.shelf, {openai_chat.name: openai_chat}, lambda: self.now, self.owners)
        self.clients: list[KeeperClient] = []
        self.connections: list[Connection] = []
        self.server: asyncio.Server | None = None
        self.stuck = False  # as a stopped process: the kernel takes connections and bytes, and nobody reads
        self.heard = 0
        self.unread: list[tuple[Connection, bytes]] = []

    def connection(self) -> Connection:
        self.connections.append(Ear(self))
        return self.connections[-1]

    async def listen(self) -> None:
        self.path.unlink(missing_ok=True)
        self.server = await asyncio.get_running_loop().create_unix_server(self.connection, str(self.path))

    async def worker(self) -> KeeperClient:
        client = KeeperClient(self.path)
        await client.start()
        self.clients.append(client)
        return client

    def die(self) -> None:
        """As a killed keeper does: nothing listens, every connection is cut."""
        if self.server:
            self.server.close()
        for connection in self.connections:
            if connection._transport:
                connection._transport.abort()

    def unstick(self) -> None:
        self.stuck = False
        for connection, data in self.unread:
            connection.data_received(data)

    async def close(self) -> None:
        for client in self.clients:
            client.stop()
        self.die()
        self.shelf.close()
        self.owners.close()


class Ear(Connection):
    """A connection of a keeper that may be stuck."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.service)
        self.host = host

    def data_received(self, data: bytes) -> None:
        self.host.heard += 1
        if self.host.stuck:
            self.host.unread.append((self, data))
        else:
            super().data_received(data)


@asynccontextmanager
async def host(root: Path) -> AsyncIterator[Host]:
    made = Host(root)
    await made.listen()
    try:
        yield made
    finally:
        await made.close()


def run(root: Path, scenario: Callable[[Host], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), host(root) as made:
            await scenario(made)

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # `run` bounds it
        await asyncio.sleep(0.001)


def said(answer: Answer) -> bytes:
    assert isinstance(answer, Found)
    return answer.entry.body


def test_what_one_worker_filled_another_finds_with_its_age(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        a, b = await host.worker(), await host.worker()
        assert await heard(a.look(ASK)) == Lead()
        a.tell(FILL)
        assert said(await heard(b.look(ASK))) == REPLY
        host.now += 42
        found = await heard((await host.worker()).look(ASK))
        assert isinstance(found, Found) and found.age == 42
        host.now += 60
        assert await heard((await host.worker()).look(ASK)) == Lead()

    run(tmp_path, scenario)


def test_of_many_who_ask_at_once_one_leads_and_the_others_get_its_answer(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        workers = [await host.worker() for _ in range(4)]
        asked = [asyncio.create_task(heard(workers[n % 4].look(ASK))) for n in range(200)]
        await until(lambda: host.service.flights.waiting == 199)
        await until(lambda: any(task.done() for task in asked))  # the leader's answer may still be on its way
        assert sum(task.done() for task in asked) == 1
        workers[0].tell(FILL)
        answers = await asyncio.gather(*asked)
        assert answers.count(Lead()) == 1
        assert [said(answer) for answer in answers if answer != Lead()] == [REPLY] * 199

    run(tmp_path, scenario)


@pytest.mark.parametrize("ending", ["abandoned", "unfit", "gone"])
def test_those_who_wait_are_let_go_when_no_answer_comes(tmp_path: Path, ending: str) -> None:
    async def scenario(host: Host) -> None:
        a, b = await host.worker(), await host.worker()
        assert await heard(a.look(ASK)) == Lead()
        waiting = asyncio.create_task(heard(b.look(ASK)))
        await until(lambda: bool(host.service.flights.waiting))
        if ending == "abandoned":
            a.tell(Abandon(K))
        elif ending == "unfit":
            a.tell(Fill(K, openai_chat.name, "json", b"{}", False, 60.0))
        else:
            a.stop()
        assert await waiting == Free()
        assert len(host.service.flights) == 0

    run(tmp_path, scenario)


def test_who_does_not_want_to_wait_is_free_at_once(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        assert await heard(worker.look(ASK)) == Lead()
        assert await heard(worker.look(Look(K, wait=0.0))) == Free()

    run(tmp_path, scenario)


def test_a_waiter_that_leaves_is_forgotten(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        assert await heard(worker.look(ASK)) == Lead()
        waiting = asyncio.create_task(heard(worker.look(ASK)))
        await until(lambda: bool(host.service.flights.waiting))
        waiting.cancel()
        await until(lambda: not host.service.flights.waiting)
        worker.tell(FILL)
        assert said(await heard(worker.look(ASK))) == REPLY

    run(tmp_path, scenario)


def test_a_keeper_that_dies_is_a_miss_and_its_successor_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.01)

    async def scenario(host: Host) -> None:
        worker = await host.worker()
        assert await heard(worker.look(ASK)) == Lead()
        waiting = asyncio.create_task(heard(worker.look(ASK)))
        await until(lambda: bool(host.service.flights.waiting))
        host.die()
        assert await waiting == Free()
        await until(lambda: not worker.connected)
        assert await heard(worker.look(ASK)) == Free()
        worker.tell(FILL)
        await host.listen()
        await until(lambda: worker.connected)
        assert await heard(worker.look(ASK)) == Lead()

    run(tmp_path, scenario)


def test_a_worker_that_starts_before_the_keeper_misses_until_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.01)

    async def scenario(host: Host) -> None:
        host.die()
        host.path.unlink(missing_ok=True)
        worker = await host.worker()
        assert await heard(worker.look(ASK)) == Free()
        await host.listen()
        await until(lambda: worker.connected)
        assert await heard(worker.look(ASK)) == Lead()

    run(tmp_path, scenario)


def test_a_keeper_that_is_stuck_costs_one_second_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PING_SECONDS", 0.01)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.01)

    async def scenario(host: Host) -> None:
        worker = await host.worker()
        assert await heard(worker.look(ASK)) == Lead()
        waiting = [asyncio.create_task(heard(worker.look(ASK))) for _ in range(50)]
        await until(lambda: host.service.flights.waiting == 50)
        host.heard = 0
        await until(lambda: host.heard > 2 * client_module.SILENT_PINGS)  # who answers pings is waited for
        assert not any(task.done() for task in waiting)
        host.stuck = True
        assert await asyncio.gather(*waiting) == [Free()] * 50
        assert not worker.connected
        await until(lambda: len(host.connections) == 2)  # the kernel takes it
        assert await heard(worker.look(ASK)) == Free()
        assert not worker._asked  # which was not even said
        host.unstick()
        await until(lambda: worker.connected)
        assert await heard(worker.look(ASK)) == Lead()

    run(tmp_path, scenario)


def test_whoever_leaves_before_it_knows_that_it_leads_lets_the_others_go(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        a, b = await host.worker(), await host.worker()
        assert a._transport
        a._transport.pause_reading()  # type: ignore[attr-defined]
        leading = asyncio.create_task(heard(a.look(ASK)))
        await until(lambda: len(host.service.flights) == 1)
        waiting = asyncio.create_task(heard(b.look(ASK)))
        await until(lambda: host.service.flights.waiting == 1)
        leading.cancel()
        assert await waiting == Free()
        assert len(host.service.flights) == 0

    run(tmp_path, scenario)


def test_nobody_waits_for_an_answer_that_takes_longer_than_that(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        a, b = await host.worker(), await host.worker()
        assert await heard(a.look(ASK)) == Lead()
        host.now += 30
        assert await heard(b.look(ASK)) == Free()

    run(tmp_path, scenario)


@pytest.mark.parametrize(("back", "found"), [(4.0, True), (3600.0, False)])
def test_an_entry_from_the_future_is_none(tmp_path: Path, back: float, found: bool) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        worker.tell(FILL)
        assert isinstance(await heard(worker.look(ASK)), Found)
        host.now -= back
        assert isinstance(await heard((await host.worker()).look(ASK)), Found) == found

    run(tmp_path, scenario)


def test_an_entry_that_is_cut_off_on_disk_is_none(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        host.shelf.put(K, b"KTC", 9e9, 0)
        assert await heard(worker.look(ASK)) == Lead()
        assert worker.connected

    run(tmp_path, scenario)


def test_a_worker_that_reads_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "BACKLOG", 1 << 20)

    async def scenario(host: Host) -> None:
        worker = await host.worker()
        worker.tell(replace(FILL, data=REPLY[:-1] + b" " * 500_000 + b"}"))
        _, writer = await asyncio.open_unix_connection(str(host.path))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"".join(protocol.command(n, ASK) for n in range(20)))
        await until(lambda: len(host.connections) == 2 and host.connections[1]._transport is None)
        assert isinstance(await heard(worker.look(ASK)), Found)
        writer.close()

    run(tmp_path, scenario)


def test_bytes_that_are_no_command_end_that_connection_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        reader, writer = await asyncio.open_unix_connection(str(host.path))
        writer.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(100))
        assert await reader.read() == b""
        assert await heard(worker.look(ASK)) == Lead()
        writer.close()

    run(tmp_path, scenario)
    assert "a worker's connection ends" in caplog.text


def test_an_answer_is_not_asked_for_again_within_a_second_but_after_a_newer_one(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        worker.tell(FILL)
        first = await heard(worker.look(ASK))
        host.die()
        await until(lambda: not worker.connected)
        assert await heard(worker.look(ASK)) is first
        worker.tell(FILL)
        assert await heard(worker.look(ASK)) == Free()

    run(tmp_path, scenario)


# --- whose a kept response is ----------------------------------------------------------------------------------------


def test_what_one_worker_was_told_another_hears_and_nobody_takes_it_over(tmp_path: Path) -> None:
    item, other = b"i" * 32, b"o" * 32

    async def scenario(host: Host) -> None:
        a, b = await host.worker(), await host.worker()
        assert await heard(b.whose(Whose((K,)))) == Owners(("",))
        a.tell(Keep((K, item), "acme", 60.0))
        assert await heard(b.whose(Whose((item, other, K)))) == Owners(("acme", "", "acme"))
        b.tell(Keep((K, other), "other", 60.0))
        assert await heard(b.whose(Whose((K, other)))) == Owners(("acme", "other"))
        host.now += 61
        assert await heard(a.whose(Whose((K,)))) == Owners(("",))

    run(tmp_path, scenario)


def test_whose_something_is_is_on_its_way_when_it_was_told(tmp_path: Path) -> None:
    """A worker that stands still right after that has said it all the same."""

    async def scenario(host: Host) -> None:
        a, b = await host.worker(), await host.worker()
        a.tell(Keep((K,), "acme", 60.0))
        a._unsaid.clear()  # as if its loop never turned again
        assert await heard(b.whose(Whose((K,)))) == Owners(("acme",))

    run(tmp_path, scenario)


def test_a_keeper_that_is_away_says_of_nothing_whose_it_is(tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        worker = await host.worker()
        worker.tell(Keep((K,), "acme", 60.0))
        host.stuck = True
        asking = asyncio.create_task(heard(worker.whose(Whose((K,)))))
        await asyncio.sleep(0)
        host.die()
        assert await asking is None
        await until(lambda: not worker.connected)
        assert await heard(worker.whose(Whose((K,)))) is None

    run(tmp_path, scenario)
