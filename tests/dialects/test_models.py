"""The list of models in the two shapes that clients read."""

from __future__ import annotations

import json

import pytest

from extproc.dialects.models import Models
from extproc.model import ClientError, Headers

MODELS = Models(("gpt-x", "org/claude-y"))
ANTHROPIC: Headers = (("anthropic-version", "2023-06-01"),)


def listed(path: str = "/v1/models", headers: Headers = (), method: str = "GET") -> dict[str, object]:
    body = MODELS.answer(method, path, headers)
    assert body is not None
    found: dict[str, object] = json.loads(body)
    return found


def test_openais_shape_is_the_usual_one_and_has_what_codex_reads() -> None:
    one = {"id": "gpt-x", "object": "model", "created": 0, "owned_by": "keeptrusts"}
    found = listed()
    assert found == {"object": "list", "data": [one, {**one, "id": "org/claude-y"}], "models": []}
    assert listed("/v1/models/gpt-x") == one and listed(method="HEAD") == found


def test_whoever_sends_anthropics_version_gets_anthropics_shape() -> None:
    one = {"type": "model", "id": "gpt-x", "display_name": "gpt-x", "created_at": "1970-01-01T00:00:00Z"}
    two = {**one, "id": "org/claude-y", "display_name": "org/claude-y"}
    page = {"data": [one, two], "has_more": False, "first_id": "gpt-x", "last_id": "org/claude-y"}
    assert listed(headers=ANTHROPIC) == page and listed("/v1/models/gpt-x", ANTHROPIC) == one


def test_cursor_finds_the_same_below_its_own_path() -> None:
    assert listed("/cursor/v1/models") == listed() and listed("/cursor/v1/models/gpt-x") == listed("/v1/models/gpt-x")
    assert MODELS.answer("GET", "/cursor/models", ()) is None and MODELS.answer("GET", "/cursor/v1/modelsx", ()) is None


def test_nothing_is_a_list_too() -> None:
    assert json.loads(Models(()).answer("GET", "/v1/models", ANTHROPIC) or b"")["first_id"] is None
    assert json.loads(Models(()).answer("GET", "/v1/models/", ()) or b"")["data"] == []


@pytest.mark.parametrize("path", ["/v1/models/org/claude-y", "/v1/models/org%2Fclaude-y"])
def test_a_name_with_a_slash_is_found(path: str) -> None:
    assert listed(path)["id"] == "org/claude-y"


@pytest.mark.parametrize("headers", [(), ANTHROPIC])
def test_a_model_that_is_not_listed_is_a_404_that_names_it(headers: Headers) -> None:
    with pytest.raises(ClientError, match="'gpt-z' is not listed") as caught:
        MODELS.answer("GET", "/v1/models/gpt-z", headers)
    assert (caught.value.status, caught.value.reason) == (404, "model_not_found")


def test_a_list_is_not_written_to() -> None:
    with pytest.raises(ClientError) as caught:
        MODELS.answer("DELETE", "/v1/models/gpt-x", ())
    assert caught.value.status == 405


def test_other_paths_are_not_its_business() -> None:
    assert MODELS.answer("GET", "/v1/modelsx", ()) is None and MODELS.answer("POST", "/v1/embeddings", ()) is None
