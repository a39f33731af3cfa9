"""A scripted gateway: right in everything that `kt conformance` asks, in this process, and open to being spoilt."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from extproc.conformance.check import Ask, Reply

KEY = "sk-the-right-key"
MODELS = ("gpt-x", "claude-x", "embed-x")
SAID = "hello there"
ARGUMENTS = {"query": "conformance"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
RESPONSES_USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream; charset=utf-8"}

Perform = Callable[[Ask], Reply]


def gateway(ask: Ask) -> Reply:
    """The right answer, to web pages too."""
    origin = dict(ask.headers).get("origin")
    right = preflight() if ask.method == "OPTIONS" else answer(ask)
    return replace(right, headers={**right.headers, "access-control-allow-origin": origin}) if origin else right


def preflight() -> Reply:
    allowed = {
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "Authorization, Content-Type",
    }
    return Reply(204, allowed, b"")


def answer(ask: Ask) -> Reply:
    headers = dict(ask.headers)
    path = ask.path.partition("?")[0].removeprefix("/cursor")
    anthropic = "anthropic-version" in headers
    if KEY not in (headers.get("authorization", "").removeprefix("Bearer "), headers.get("x-api-key")):
        return error(401, anthropic=anthropic)
    if ask.method == "GET":
        return listing(path.removeprefix("/v1/models").removeprefix("/"), anthropic=anthropic)
    try:
        body = json.loads(ask.body)
    except ValueError:
        return error(400, anthropic=anthropic)
    if body["model"] not in MODELS:
        return error(404, anthropic=anthropic)
    return ANSWERS[path](body)


def whole(value: object) -> Reply:
    return Reply(200, JSON, json.dumps(value).encode())


def error(status: int, *, anthropic: bool) -> Reply:
    said = {"message": "no", "type": "some_error", "code": "some_code"}
    value = {"type": "error", "error": said} if anthropic else {"error": said}
    return Reply(status, JSON, json.dumps(value).encode())


def listing(one: str, *, anthropic: bool) -> Reply:
    entries = [
        {"id": name, "type": "model", "display_name": name} if anthropic else {"id": name, "object": "model"}
        for name in MODELS
    ]
    if one:
        return whole(entries[MODELS.index(one)])
    ends = {"has_more": False} if anthropic else {"object": "list", "models": []}
    return whole({"data": entries, **ends})


def wants_tool(body: dict[str, Any]) -> bool:
    return "call a tool" in json.dumps(body) and "in order" not in json.dumps(body)


def chat(body: dict[str, Any]) -> Reply:
    call = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": json.dumps(ARGUMENTS)}}
    calls = wants_tool(body)
    finish = "tool_calls" if calls else "stop"
    if not body.get("stream"):
        message = (
            {"role": "assistant", "content": None, "tool_calls": [call]}
            if calls
            else {"role": "assistant", "content": SAID}
        )
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        return whole({"object": "chat.completion", "choices": choices, "usage": USAGE})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if calls:
        head, rest = call["function"]["arguments"][:5], call["function"]["arguments"][5:]  # type: ignore[index]
        deltas.append({"tool_calls": [{"index": 0, **call, "function": {"name": "lookup", "arguments": head}}]})
        deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": rest}}]})
    else:
        deltas.append({"content": SAID})
    choices_ = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices_.append({"index": 0, "delta": {}, "finish_reason": finish})
    rows: list[Any] = [{"object": "chat.completion.chunk", "choices": [choice]} for choice in choices_]
    if (body.get("stream_options") or {}).get("include_usage"):
        rows.append({"object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    return streamed([("", row) for row in rows], b"data: [DONE]\n\n")


def completions(_: dict[str, Any]) -> Reply:
    row = {"object": "text_completion", "choices": [{"index": 0, "text": SAID, "finish_reason": None}]}
    return streamed([("", row)], b"data: [DONE]\n\n")


def embeddings(body: dict[str, Any]) -> Reply:
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    one: object = "AACAPwAAAEA=" if body.get("encoding_format") == "base64" else [1.0, 2.0]
    rows = [{"object": "embedding", "index": at, "embedding": one} for at in range(len(inputs))]
    return whole({"object": "list", "data": rows, "usage": {"prompt_tokens": 1, "total_tokens": 1}})


def messages(body: dict[str, Any]) -> Reply:
    calls = wants_tool(body)
    block: dict[str, Any] = {"type": "text", "text": SAID}
    if calls:
        block = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": ARGUMENTS}
    stop, usage = ("tool_use" if calls else "end_turn"), {"input_tokens": 1, "output_tokens": 1}
    message = {"type": "message", "role": "assistant", "content": [block], "stop_reason": stop, "usage": usage}
    if not body.get("stream"):
        return whole(message)
    empty = {"input": {}} if calls else {"text": ""}
    delta = (
        {"type": "input_json_delta", "partial_json": json.dumps(ARGUMENTS)}
        if calls
        else {"type": "text_delta", "text": SAID}
    )
    rows: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {**block, **empty}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return streamed([(row["type"], row) for row in rows])


def count_tokens(_: dict[str, Any]) -> Reply:
    return whole({"input_tokens": 3})


def responses(body: dict[str, Any]) -> Reply:
    item: dict[str, Any] = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": SAID}]}
    told, name, text = "response.output_text", "text", SAID
    if wants_tool(body):
        item = {
            "type": "function_call",
            "id": "i",
            "call_id": "call_1",
            "name": "exec_command",
            "arguments": json.dumps(ARGUMENTS),
        }
        told, name, text = "response.function_call_arguments", "arguments", item["arguments"]
    done = {
        "object": "response",
        "status": "completed",
        "output": [item],
        "usage": RESPONSES_USAGE,
        "metadata": body.get("metadata"),
    }
    if not body.get("stream"):
        return whole(done)
    rows: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**done, "status": "in_progress", "output": []}},
        {"type": f"{told}.delta", "item_id": "i", "delta": text[:4]},
        {"type": f"{told}.delta", "item_id": "i", "delta": text[4:]},
        {"type": f"{told}.done", "item_id": "i", name: text},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": done},
    ]
    return streamed([(row["type"], {**row, "sequence_number": at}) for at, row in enumerate(rows)])


def streamed(rows: list[tuple[str, dict[str, Any]]], end: bytes = b"") -> Reply:
    named = ((f"event: {name}\n" if name else "") + f"data: {json.dumps(row)}\n\n" for name, row in rows)
    return Reply(200, STREAM, "".join(named).encode() + end)


ANSWERS: dict[str, Callable[[dict[str, Any]], Reply]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": completions,
    "/v1/embeddings": embeddings,
    "/v1/messages": messages,
    "/v1/messages/count_tokens": count_tokens,
    "/v1/responses": responses,
}


@contextmanager
def served(perform: Perform = gateway) -> Iterator[str]:
    """The same over HTTP, without TLS; gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = tuple((name.lower(), value) for name, value in self.headers.items())
            reply = perform(Ask(self.command, self.path, headers, body))
            self.send_response(reply.status)
            for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815  # the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
