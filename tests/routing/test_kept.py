"""Which requests are about kept responses, and who may come to one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model import Broke, ClientError, Consumer, Need, TimedOut
from extproc.routing.kept import Fetch, Owners, Whose, fetch, key, owned

EVE = Consumer("tok_2", "eve", org="other")


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "/v1/responses/resp_1", Fetch("resp_1", whole=True, resumes=False)),
        ("GET", "/v1/responses/resp_1?stream=true&include[]=x", Fetch("resp_1", whole=True, resumes=False)),
        ("GET", "/v1/responses/r?stream=true&starting_after=4", Fetch("r", whole=True, resumes=True)),
        ("GET", "/v1/responses/r?start%69ng%5Fafter=4", Fetch("r", whole=True, resumes=True)),
        ("DELETE", "/v1/responses/resp-1.a", Fetch("resp-1.a", whole=False, resumes=False)),
        ("POST", "/v1/responses/r/cancel?beta=true", Fetch("r", whole=True, resumes=False)),
        ("GET", "/v1/responses/r/input_items?limit=2", Fetch("r", whole=False, resumes=False)),
        ("GET", "/v1/responses", None),
        ("GET", "/v1/responses/", None),
        ("GET", "/v1/responses/r/", None),
        ("GET", "/v1/responses//cancel", None),
        ("GET", "/v1/responses/r/other", None),
        ("POST", "/v1/responses/r/cancel/cancel", None),
        ("GET", "/v1/responses/a%2Fb", None),
        ("GET", "/v1/responses/a;b", None),
        ("POST", "/v1/responses/../cancel", None),
        ("GET", "/v1/response/r", None),
    ],
)
def test_a_url_is_about_a_kept_response_or_not(method: str, url: str, expected: Fetch | None) -> None:
    assert fetch(method, url, end=True) == expected


@pytest.mark.parametrize(
    ("method", "url", "end", "status"),
    [
        ("POST", "/v1/responses/r", True, 405),
        ("GET", "/v1/responses/r/cancel", True, 405),
        ("DELETE", "/v1/responses/r/input_items", True, 405),
        ("POST", "/v1/responses/r/cancel", False, 400),
        ("GET", "/v1/responses/r", False, 400),
    ],
)
def test_another_method_or_a_body_is_refused(method: str, url: str, end: bool, status: int) -> None:
    with pytest.raises(ClientError) as caught:
        fetch(method, url, end=end)
    assert caught.value.status == status


@given(st.text(max_size=30), st.sampled_from(["GET", "POST", "DELETE"]))
def test_an_id_is_plain_whatever_stands_in_the_url(rest: str, method: str) -> None:
    try:
        found = fetch(method, f"/v1/responses/{rest}", end=True)
    except ClientError:
        return
    assert found is None or (found.id.isascii() and not set(found.id) & set("/%;?\\ "))


def ask(found: object, who: Consumer | None = EVE, member: str = "") -> ClientError | None:
    asking = owned([(member, "resp_1")], who)
    need = next(asking)
    assert isinstance(need, Need) and need.question == Whose((key("resp_1"),))
    try:
        asking.send(found)
    except StopIteration:
        return None
    except ClientError as error:
        return error
    raise AssertionError("asked twice")


def test_it_is_there_for_the_organisation_whose_it_is() -> None:
    assert ask(Owners(("other",))) is None


@pytest.mark.parametrize("owner", ["default", "", "Other"])
@pytest.mark.parametrize(
    ("member", "status", "reason"),
    [
        ("", 404, "response_not_found"),
        ("previous_response_id", 400, "previous_response_not_found"),
        ("input[3]", 404, "item_not_found"),
    ],
)
def test_and_not_found_for_others_whether_it_is_there_or_not(owner: str, member: str, status: int, reason: str) -> None:
    error = ask(Owners((owner,)), member=member)
    assert error and (error.status, error.reason) == (status, reason)
    assert str(error) == str(ask(Owners(("default",)), member=member))


def test_of_many_the_first_that_is_not_theirs_is_named() -> None:
    asking = owned([("input[0]", "a"), ("input[2]", "b"), ("input[4]", "c")], EVE)
    next(asking)
    with pytest.raises(ClientError, match=r"^input\[2\]: "):
        asking.send(Owners(("other", "", "default")))


def test_more_than_can_be_checked_are_refused_without_asking() -> None:
    with pytest.raises(ClientError, match="names 1001 kept items"):
        next(owned([("input[0]", "a")] * 1001, EVE))


@pytest.mark.parametrize("found", [None, TimedOut(), Broke("OSError"), "other"])
def test_where_nobody_can_say_whose_it_is_it_is_nobodys(found: object) -> None:
    error = ask(found)
    assert error and (error.status, error.reason) == (503, "kept_unavailable")


def test_nobody_without_a_key_owns_anything() -> None:
    assert ask(Owners(("",)), who=None) is not None
