from __future__ import annotations

import pytest
from fakes import Asks, Says, chain

from extproc.chain import Chain, Judging, Link, Refused
from extproc.model import Allow, Block, Broke, Edit, Exchange, Need, Redact, Request, Text, TimedOut

BLOCK = Block("no", "says.no")
PATH = ("messages", 0, "content")


def exchange(text: str = "hello world") -> Exchange:
    return Exchange(
        path="/v1/chat/completions",
        headers=(("x-team", "a"),),
        request=Request("m", False, (Text(PATH, "user", text),)),
    )


def run(judging: Judging, found: object = None) -> Refused | None:
    """Answer every Need with `found`."""
    value: object = None
    while True:
        try:
            judging.send(value)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        value = found


def test_the_first_refusal_ends_the_chain() -> None:
    later = Says(Allow())
    refused = run(chain(Says(Allow()), Says(BLOCK), later).judge_input(exchange()))
    assert refused == Refused("says", "no", "says.no", "input_blocked")
    assert later.asked == []


def test_a_policy_sees_what_the_one_before_it_redacted() -> None:
    first = Says(Redact((Edit(PATH, 0, 5, "[A]", "a"),), "r"))
    second = Says(Redact((Edit(PATH, 0, 3, "[B]", "b"),), "r"))
    seen = exchange()
    assert run(chain(first, second).judge_input(seen)) is None
    assert seen.request is not None and seen.request.texts[0].value == "[B] world"
    assert [d.redactions for d in seen.decisions] == [(("a", 1),), (("b", 1),)]


@pytest.mark.parametrize(
    "verdict",
    [
        RuntimeError("x"),
        None,
        Redact((Edit(("gone",), 0, 1, "", "a"),), "r"),
        Redact((Edit(PATH, 0, 99, "", "a"),), "r"),
    ],
)
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_a_policy_that_fails_gives_the_verdict_its_operator_chose(verdict: object, on_error: str) -> None:
    seen = exchange()
    refused = run(chain(Says(verdict), on_error=on_error).judge_input(seen))  # type: ignore[arg-type]
    assert (refused is None) == (on_error == "allow")
    assert seen.decisions[0].reason.startswith("policy_error:")
    assert "x" not in (refused.message if refused else "") or "RuntimeError" not in str(refused)


@pytest.mark.parametrize("found", [TimedOut(), Broke("OSError")])
def test_a_need_that_is_not_met_is_the_policys_failure(found: object) -> None:
    refused = run(chain(Asks()).judge_input(exchange()), found)
    assert refused is not None and refused.reason == "policy_error"


def test_no_need_may_last_longer_than_the_chain_allows() -> None:
    need = next(Chain((Link(policy=Asks()),), lambda: 0, deadline=3.0).judge_input(exchange()))
    assert need == Need("is it good?", 3.0)


def test_shadow_mode_records_and_changes_nothing() -> None:
    seen = exchange()
    edits = Says(Redact((Edit(PATH, 0, 5, "[A]", "a"),), "r"))
    assert run(chain(Says(BLOCK), edits, shadow=True).judge_input(seen)) is None
    assert seen.request is not None and seen.request.texts[0].value == "hello world"
    assert [(d.verdict, d.enforced) for d in seen.decisions] == [("block", False), ("redact", False)]


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ({"path": "/v1/chat"}, True),
        ({"path": "/v2"}, False),
        ({"headers": (("x-team", "a"),)}, True),
        ({"headers": (("x-team", "b"),)}, False),
        ({"models": ("m", "n")}, True),
        ({"models": ("n",)}, False),
        ({"stages": frozenset({"output"})}, False),
    ],
)
def test_a_policy_applies_when_all_its_conditions_hold(when: dict[str, object], applies: bool) -> None:
    policy = Says(BLOCK)
    assert (run(chain(policy, **when).judge_input(exchange())) is not None) == applies


def test_a_condition_on_a_model_holds_for_a_reply_of_which_nobody_knows_what_was_asked() -> None:
    judged = Says(Allow())
    run(chain(judged, models=("other",)).judge_output(Exchange(path="/v1/responses/resp_1")))
    assert judged.asked == ["output"]
