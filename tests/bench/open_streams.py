"""What an open stream holds of a worker's memory, and whether that grows while streams go on.

.venv/bin/python tests/bench/open_streams.py [--streams 4000]

Guarded event streams over our own transport, written by hand: each is opened and gets a first chunk, then all get more.
Two workers with different numbers of streams are compared, because a worker alone has its own to give back.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from full_chain import CHAIN, HEAD, NO_CACHE
from http2_bytes import REQUEST, START, WINDOW_UPDATE, data, frame, headers, message, number, settings
from live import eventually, kt
from measure import memory
from stacks import running
from stream_client import before

from extproc.proto import ext_proc_pb2 as pb

BAR = 40.0
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"and then, after a while, "}}]}\n\n'


def piece() -> bytes:
    return message(pb.ProcessingRequest(response_body=pb.HttpBody(body=CHUNK)).SerializeToString())


async def play(path: str, key: str, pid: int, count: int, more: int) -> dict[str, float]:
    """Kilobytes of a worker's memory: once all streams are open, and after `more` chunks to each."""
    reader, writer = await asyncio.open_unix_connection(path)
    heard = 0

    async def listen() -> None:
        nonlocal heard
        while got := await reader.read(1 << 20):
            heard += len(got)
            writer.write(frame(WINDOW_UPDATE, 0, 0, number(len(got))))

    async def quiet() -> None:
        seen = -1
        while seen != heard:
            seen = heard
            await asyncio.sleep(0.5)

    listening = asyncio.create_task(listen())
    writer.write(START + settings((4, 1 << 24)) + frame(WINDOW_UPDATE, 0, 0, number(1 << 30)))
    first = b"".join(map(message, before(key)))

    async def begin(places: range) -> None:
        for place in places:
            stream = 2 * place + 1
            writer.write(headers(stream, REQUEST) + data(stream, first) + data(stream, piece()))
            if place % 50 == 0:
                await writer.drain()
        await quiet()

    await begin(range(count))
    opened, before_more = memory(pid)[0], heard
    for _ in range(more):
        for place in range(count):
            writer.write(data(2 * place + 1, piece()))
            if place % 50 == 0:
                await writer.drain()
    await quiet()
    later = memory(pid)[0]
    if heard - before_more < count * more * len(CHUNK) // 2:
        raise click.ClickException("not all streams go on")
    listening.cancel()
    writer.close()
    return {"opened": opened / 1024, "later": later / 1024}


@click.command(help=f"{__doc__}\n\nExample: .venv/bin/python tests/bench/open_streams.py --streams 1000 --json")
@click.option(
    "--streams", "counts", type=int, multiple=True, default=(1_000, 4_000), show_default=True, help="At least two."
)
@click.option("--more", default=20, show_default=True, help="Chunks to each stream after its first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def main(counts: tuple[int, ...], more: int, as_json: bool) -> None:
    """See the module."""
    found: dict[str, dict[str, float]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="kt-open-") as name:
            root = Path(name)
            (root / "policy-config.yaml").write_text((HEAD + NO_CACHE + CHAIN).replace("PORT", "1"))
            key = json.loads(kt("tokens", "create", "--name", "bench", "--json", "--state-dir", name).stdout)["key"]
            listen = ("--listen", f"unix:{name}/w.sock", "--keeper", f"{name}/none.sock", "--state-dir", name)
            argv = [sys.executable, "-m", "extproc.worker", *listen, "--policy-config", f"{name}/policy-config.yaml"]
            with running(argv, root / "worker.log") as pid:
                eventually(lambda: os.path.exists(f"{name}/w.sock"), "a worker")  # called at once
                found[str(count)] = asyncio.run(play(f"{name}/w.sock", key, pid, count, more))
    (few, least), *_, (many, most) = found.items()
    between = int(many) - int(few)
    each = {name: (most[name] - least[name]) / between for name in most}
    if as_json:
        click.echo(json.dumps({"each_kb": each, "kb": found}))
        return
    click.echo(f"of {between} streams more: {each['opened']:.1f} KB each, {each['later']:.1f} later (bar {BAR:g})")


if __name__ == "__main__":
    main()
