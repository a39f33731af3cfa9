"""`data-routing-policy` on real Envoy: what a provider did not agree to, it is not sent."""

from __future__ import annotations

from pathlib import Path

import httpx
from live import Gateway, Providers, document, serve, stop

POLICIES = """
policies: {chain: [{data-routing-policy: {when: {path: /v1/}}}, audit-logger]}
policy: {data-routing-policy: {require_zero_data_retention: true}}
"""


def started(root: Path, ports: list[int], compliant: list[int], cache: str = "") -> Gateway:
    """A gateway whose targets at these places declare that they keep nothing."""
    text = document(ports, POLICIES, cache or "workflow_cache: {enabled: false}")
    for place in compliant:
        text = text.replace(f"{{id: t{place},", f"{{id: t{place}, zdr: true,")
    return serve(root, text)


def decision(gateway: Gateway, answer: httpx.Response) -> tuple[object, object]:
    (found,) = gateway.event(answer)["decisions"]  # type: ignore[misc]
    return found["verdict"], found["reason"]  # type: ignore[index]


def test_the_one_target_that_complies_is_asked_although_it_is_second(tmp_path: Path, providers: Providers) -> None:
    (first, first_port), (second, second_port) = providers.add(), providers.add()
    gateway = started(tmp_path, [first_port, second_port], [1], "workflow_cache: {enabled: true}")
    try:
        answer, stored = gateway.chat("hello"), gateway.chat("hello")
        assert (answer.status_code, stored.status_code) == (200, 200)
        assert stored.headers["x-keeptrusts-cache"].startswith("hit")
        assert (len(first.requests), len(second.requests)) == (0, 1)
        assert decision(gateway, answer) == ("allow", "")
        assert [each["target"] for each in gateway.event(answer)["attempts"]] == ["t1"]  # type: ignore[attr-defined]
    finally:
        stop(gateway)


def test_fail_over_never_leaves_the_targets_that_comply(tmp_path: Path, providers: Providers) -> None:
    open_, open_port = providers.add()
    (dead, dead_port), (alive, alive_port) = providers.add("503"), providers.add()
    gateway = started(tmp_path, [open_port, dead_port, open_port, alive_port], [1, 3])
    try:
        answer = gateway.chat("hello")
        assert answer.status_code == 200
        assert (len(open_.requests), len(dead.requests), len(alive.requests)) == (0, 1, 1)
    finally:
        stop(gateway)


def test_where_they_all_fail_nobody_else_is_asked(tmp_path: Path, providers: Providers) -> None:
    (open_, open_port), (dead, dead_port) = providers.add(), providers.add("503")
    gateway = started(tmp_path, [open_port, dead_port], [1])
    try:
        assert gateway.chat("hello").status_code == 503
        assert (len(open_.requests), len(dead.requests)) == (0, 1)
    finally:
        stop(gateway)


def test_where_none_complies_it_is_a_409_and_no_provider_is_asked(tmp_path: Path, providers: Providers) -> None:
    (first, first_port), (second, second_port) = providers.add(), providers.add()
    gateway = started(tmp_path, [first_port, second_port], [])
    try:
        answer = gateway.chat("hello")
        assert answer.status_code == 409
        assert answer.json()["error"]["policy"] == "data-routing-policy"
        assert decision(gateway, answer) == ("block", "data_routing.no_compliant_provider")
        assert (first.requests, second.requests) == ([], [])
    finally:
        stop(gateway)
