"""Other gateways, set up as their documentation recommends for production, one process each, doing nothing but pass on.

LiteLLM's proxy from PyPI and Portkey's gateway from npm, at pinned versions, installed at the first use.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import installed
from live import eventually, free_port
from stacks import Stack, running

LITELLM = """
model_list:
  - model_name: bench
    litellm_params: {model: openai/bench, api_base: "http://127.0.0.1:PORT/v1", api_key: none}
litellm_settings: {drop_params: true, set_verbose: false, json_logs: true}
general_settings: {master_key: sk-bench, disable_spend_logs: true}
"""
PRELOAD = """
// Node 20's Response has immutable headers after fetch, and Portkey writes to them: its streams are answered 500
// unless they are copied first.
const plain = globalThis.fetch
globalThis.fetch = async (...args) => {
  const found = await plain(...args)
  return new Response(found.body, { status: found.status, headers: new Headers(found.headers) })
}
"""


@contextmanager
def litellm(root: Path, port: int) -> Iterator[Stack]:
    """One worker, no database, logging of errors alone."""
    home, listen = root / "litellm", free_port()
    home.mkdir()
    (home / "config.yaml").write_text(LITELLM.replace("PORT", str(port)))
    flags = ("--config", str(home / "config.yaml"), "--host", "127.0.0.1", "--port", str(listen), "--num_workers", "1")
    environ = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with _started([*installed.litellm(), *flags], home, listen, environ) as pid:
        yield Stack(listen, 0, pid, "sk-bench")


@contextmanager
def portkey(root: Path, port: int) -> Iterator[Stack]:
    """Without its console; the provider is named by headers, as its documentation has it."""
    home, listen = root / "portkey", free_port()
    home.mkdir()
    (home / "preload.cjs").write_text(PRELOAD)
    node, *rest = installed.portkey()
    argv = [node, "--require", str(home / "preload.cjs"), *rest, f"--port={listen}", "--headless"]
    with _started(argv, home, listen, {"NODE_ENV": "production"}) as pid:
        headers = ("x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{port}/v1")
        yield Stack(listen, 0, pid, "none", headers=headers)


@contextmanager
def _started(argv: list[str], home: Path, port: int, environ: dict[str, str]) -> Iterator[int]:
    with running(argv, home / "log", environ) as pid:
        eventually(lambda: _listens(port), f"{argv[0]}; see {home}/log", 120)
        yield _worker_of(pid)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _worker_of(pid: int) -> int:
    """The process that serves: the only child, where there is one."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = found.stdout.split()
    return int(children[0]) if len(children) == 1 else pid
