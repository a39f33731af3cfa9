"""A real Envoy on the rendered files, with a processor that lets everything pass and notes what it saw."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import orjson
import pytest
from live import Providers, eventually, free_port

from extproc import wire
from extproc.config.values import Limits
from extproc.gateway import admin
from extproc.gateway.certs import ensure_dev_certificate
from extproc.gateway.envoy import files
from extproc.gateway.envoy.settings import EnvoySettings
from extproc.model import BodyMode, Head, Headers, Phase, Proceed, Target, first
from extproc.transport.driver import Peer
from extproc.transport.grpcio import GrpcServer
from extproc.transport.service import Health


@dataclass
class LetsPass:
    """A stand-in for a stream's driver: routes to `targets`, changes nothing else, keeps the request's headers."""

    peer: Peer
    targets: tuple[str, ...]
    seen: list[Headers]

    busy = False

    def receive(self, data: bytes) -> None:
        _, event = wire.decode(data)
        reply = Proceed(event.phase)
        if isinstance(event, Head) and event.phase is Phase.REQUEST_HEADERS:
            self.seen.append(event.headers)
            reply = self._route(event.headers)
        elif isinstance(event, Head) and "event-stream" in first(event.headers, "content-type"):
            reply = Proceed(event.phase, mode=BodyMode.NONE)
        self.peer.send(wire.encode(reply))

    def _route(self, headers: Headers) -> Proceed:
        return Proceed(
            Phase.REQUEST_HEADERS,
            set_headers=(("x-envoy-max-retries", str(len(self.targets) - 1)),),
            remove_headers=("authorization",),
            clear_route_cache=True,
            targets=self.targets,
            metadata={
                "path": first(headers, ":path"),
                "len": first(headers, "content-length"),
                "dialect": "openai-chat",
            },
        )

    def half_closed(self) -> None:
        self.peer.finish()

    def closed(self) -> None:
        """Nothing is kept for the end of a stream."""


@dataclass
class Lab:
    """A running Envoy. `seen` is what the processor saw of each request."""

    settings: EnvoySettings
    process: subprocess.Popen[bytes]
    seen: list[Headers]
    ca: Path | None

    def client(self, *, http2: bool = False) -> httpx.Client:
        url = f"{'https' if self.ca else 'http'}://localhost:{self.settings.port}"
        verify = ssl.create_default_context(cafile=str(self.ca)) if self.ca else False
        return httpx.Client(base_url=url, verify=verify, http2=http2, timeout=20)

    def chat(self, model: str = "demo", headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
        with self.client() as client:
            return client.post("/v1/chat/completions", json=body, headers=headers)

    def edge(self, kind: str, request_id: str, count: int = 1) -> list[dict[str, object]]:
        """The log's lines of this kind about one request, once there are `count`."""

        def found() -> list[dict[str, object]]:
            lines = map(orjson.loads, self.settings.edge_log.read_bytes().splitlines())
            return [line for line in lines if (line["k"], line["id"]) == (kind, request_id)]

        eventually(lambda: len(found()) >= count, f"{count} {kind} lines for {request_id}")
        return found()

    def publish(self, settings: EnvoySettings, version: str, secrets: dict[str, str] | None = None) -> None:
        files.publish(files.render(settings, version, secrets or {}), settings.directory)


@dataclass
class Start:
    """Starts Envoys for one test and stops them after it."""

    root: Path
    providers: Providers
    labs: list[Lab] = field(default_factory=list)
    servers: list[GrpcServer] = field(default_factory=list)

    def __call__(
        self,
        *targets: Target,
        tls: bool = False,
        worker: bool = True,
        limits: Limits | None = None,
        secrets: dict[str, str] | None = None,
    ) -> Lab:
        certificate = ensure_dev_certificate(self.root / "tls", dt.datetime.now(dt.UTC)) if tls else None
        settings = settings_in(self.root, *targets, limits=limits or Limits())
        settings = replace(settings, port=free_port(), tls=(certificate.cert, certificate.key) if certificate else None)
        for directory in (settings.run, settings.edge_log.parent):
            directory.mkdir(parents=True, exist_ok=True)
        seen: list[Headers] = []
        if worker:
            self._processor(settings, seen)
        files.publish(files.render(settings, "v1", secrets or {}), settings.directory)
        with (self.root / "envoy.log").open("wb") as log:
            process = subprocess.Popen(files.argv(settings), stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})
        lab = Lab(settings, process, seen, certificate.ca if certificate else None)
        self.labs.append(lab)
        eventually(lambda: admin.is_live(settings.admin), "Envoy that listens")
        if worker:
            eventually(lambda: admin.healthy_workers(settings.admin) == 1, "healthy worker")
        return lab

    def _processor(self, settings: EnvoySettings, seen: list[Headers]) -> None:
        targets = tuple(target.cluster for target in settings.targets)
        server = GrpcServer(lambda _, peer: LetsPass(peer, targets, seen), Health(serving=True), 64 << 20)  # type: ignore[arg-type]
        asyncio.run_coroutine_threadsafe(server.start(f"unix:{settings.workers[0]}"), self.providers.loop).result(5)
        self.servers.append(server)

    def close(self) -> None:
        for lab in self.labs:
            lab.process.terminate()
            lab.process.wait(10)
        for server in self.servers:
            asyncio.run_coroutine_threadsafe(server.stop(0), self.providers.loop).result(5)


def settings_in(root: Path, *targets: Target, limits: Limits | None = None) -> EnvoySettings:
    """Settings whose every file is below `root`."""
    return EnvoySettings(
        host="127.0.0.1",
        port=1,
        targets=targets,
        workers=(root / "run" / "worker-0.sock",),
        directory=root / "envoy",
        run=root / "run",
        edge_log=root / "logs" / "edge.log",
        limits=limits or Limits(),
    )


@pytest.fixture
def providers() -> Iterator[Providers]:
    found = Providers()
    yield found
    found.close()


@pytest.fixture
def start(tmp_path: Path, providers: Providers) -> Iterator[Start]:
    starting = Start(tmp_path, providers)
    yield starting
    starting.close()
