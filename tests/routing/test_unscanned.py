"""What may pass unread, and what a client hears of the rest."""

from __future__ import annotations

import string
from contextlib import nullcontext
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.passthrough import RouteName
from extproc.model import ClientError, Consumer, Exchange, Headers, Target
from extproc.routing.unscanned import ROUTES, Allowance, named, passing

ANA = Consumer("tok_1", "ana")
TARGET = Target("a", "openai", "http", "127.0.0.1", 9)
ALLOWED = Allowance(target=TARGET, routes=tuple(ROUTES), max_body_bytes=100, organisation="default")
LENGTH: Headers = (("content-length", "100"),)
UPGRADE: Headers = (("upgrade", "WebSocket"), ("connection", "Upgrade"))


def refusal(path: str, method: str = "POST", headers: Headers = LENGTH, *, by: Allowance = ALLOWED,
            who: Consumer = ANA, end: bool = False) -> tuple[int, str]:  # fmt: skip
    route = named(path)
    assert route
    with pytest.raises(ClientError) as caught:
        by.admit(route, method, path, headers, who, end=end)
    return caught.value.status, caught.value.reason


def test_the_configuration_knows_every_route() -> None:
    assert get_args(RouteName) == tuple(ROUTES)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/images/generations", "images"), ("/v1/audio/speech", "audio"), ("/v1/moderations", "moderations"),
        ("/v1/files", "files"), ("/v1/files/file-1/content", "files"), ("/v1/uploads/u/parts", "files"),
        ("/v1/batches/b/cancel", "batches"), ("/v1/realtime", "realtime"), ("/v1/realtime/calls", ""),
        ("/v1/realtime/client_secrets", ""), ("/v1/imagesque", ""), ("/v1/chat/completions", ""), ("/v1/Images", ""),
        ("/images/generations", ""), ("/v1/fine_tuning/jobs", ""), ("/v1/messages/batches", ""),
    ],
)  # fmt: skip
def test_a_path_belongs_to_one_route_or_none(path: str, name: str) -> None:
    found = named(path)
    assert (found.name if found else "") == name


@given(st.text(), st.sampled_from(["/v1/images/", "/v1/files/", "/v1/realtime", ""]))
def test_a_plain_path_of_a_route_passes_and_no_other(rest: str, start: str) -> None:
    path = start + rest
    if route := named(path):
        plain = path.isascii() and not set(path) - set(string.ascii_letters + string.digits + "/-_.")
        plain = plain and not {".", ".."} & set(path.split("/"))
        with nullcontext() if plain else pytest.raises(ClientError):
            ALLOWED.admit(route, route.methods[0], path, (*LENGTH, *UPGRADE), ANA, end=False)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/a%2e",
        "/v1/images/../chat/completions",
        "/v1/files/./x",
        "/v1/images/..;/x",
        "/v1/files/a\\b",
        "/v1/audio/é",
    ],
)
def test_a_path_that_a_provider_might_read_otherwise_is_refused(path: str) -> None:
    assert refusal(path) == (400, "unusual_path")


def test_a_route_that_is_not_named_is_refused_by_name() -> None:
    by = replace(ALLOWED, routes=("audio",))
    assert refusal("/v1/images/edits", by=by) == (404, "route_not_allowed")
    with pytest.raises(ClientError, match=r"routes: \[images\]"):
        passing(None, ROUTES["images"], Exchange(path="/v1/images/edits?a=b", consumer=ANA), end=True)


@pytest.mark.parametrize(
    "length", [(), (("content-length", ""),), (("content-length", "-1"),), (("content-length", "٣"),)]
)
def test_a_body_has_a_known_length(length: Headers) -> None:
    assert refusal("/v1/images/edits", headers=length) == (411, "length_required")
    ALLOWED.admit(ROUTES["files"], "GET", "/v1/files", (), ANA, end=True)


def test_and_is_no_larger_than_allowed() -> None:
    assert refusal("/v1/files", headers=(("content-length", "101"),)) == (413, "request_too_large")
    ALLOWED.admit(ROUTES["files"], "POST", "/v1/files", LENGTH, ANA, end=False)


def test_what_a_provider_keeps_belongs_to_one_organisation() -> None:
    eve = Consumer("tok_2", "eve", org="other")
    for path in ("/v1/files", "/v1/uploads", "/v1/batches"):
        assert refusal(path, "GET", who=eve, end=True) == (404, "not_your_organisation")
    theirs = replace(ALLOWED, organisation="other")
    theirs.admit(ROUTES["files"], "GET", "/v1/files", (), eve, end=True)
    ALLOWED.admit(ROUTES["images"], "POST", "/v1/images/edits", LENGTH, eve, end=False)


def test_a_websocket_is_asked_for_as_such_and_brings_no_key_for_the_provider() -> None:
    assert refusal("/v1/realtime", "GET", (), end=True) == (426, "upgrade_required")
    assert refusal("/v1/realtime", "POST") == (405, "method_not_allowed")
    key = (*UPGRADE, ("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-1"))
    assert refusal("/v1/realtime", "GET", key) == (400, "key_in_protocol")
    ALLOWED.admit(ROUTES["realtime"], "GET", "/v1/realtime", UPGRADE, ANA, end=False)


def test_a_target_without_its_credential_is_no_provider() -> None:
    by = replace(ALLOWED, target=replace(TARGET, available=False))
    assert refusal("/v1/images/edits", by=by) == (503, "provider_unavailable")
