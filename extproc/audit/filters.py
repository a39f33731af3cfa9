"""What `--filter KEY=VALUE` may ask of an event. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from extproc.audit.merge import VERDICTS
from extproc.model import ExtprocError

WORDS = tuple(dict.fromkeys(VERDICTS.values()))
"""The verdicts, as the command line says them."""

FILTERS: Mapping[str, tuple[str, ...]] = {
    "cache": ("hit", "miss", "refused", "bypass"),
    "cache_hit": ("true", "false"),
    "decision": tuple(dict.fromkeys((*VERDICTS, *WORDS))),
    "key_id": (),
    "model": (),
    "path": (),
    "policy": (),
    "provider": (),
    "reason": (),
    "source": (),
    "status": (),
    "team": (),
    "unscanned": (),
    "user": (),
    "verdict": WORDS,
}
"""The keys, and the values of those that have only so many."""


class FilterError(ExtprocError):
    """The operator's filter can hold for no event."""

    code = "filter"


def filters(given: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` strings as one mapping. Raises FilterError, which names what would do."""
    pairs: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if name not in FILTERS:
            raise FilterError(f"{name!r} is none of {', '.join(FILTERS)}")
        if not equals:
            raise FilterError(f"{name!r} has no value; write KEY=VALUE")
        if name in pairs:
            raise FilterError(f"{name!r} stands twice")
        if FILTERS[name] and value not in FILTERS[name]:
            raise FilterError(f"{name} is never {value!r}; it is one of {', '.join(FILTERS[name])}")
        pairs[name] = value
    return pairs


def matches(event: Mapping[str, object], wanted: Mapping[str, str]) -> bool:
    """Whether every filter's value is among the event's."""
    return all(value in _values(event, name) for name, value in wanted.items())


def _values(event: Mapping[str, object], name: str) -> tuple[str, ...]:
    match name:
        case "cache_hit":
            return ("true" if event.get(name) is True else "false",)
        case "verdict":
            return (verdict(event),)
        case "decision":
            return (str(event.get(name, "")), verdict(event))
        case "model":
            return (str(event.get(name, "")), str(event.get("response_model", "")))
        case "policy":
            return (str(event.get(name, "")), *(policy for policy, _ in told(event)))
        case _:
            return (str(event.get(name, "")),)


def verdict(event: Mapping[str, object]) -> str:
    """The one word; that of an event from before there was one, too."""
    return str(event.get("verdict") or VERDICTS.get(str(event.get("decision")), "error"))


def told(event: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The policies that had something to say and were listened to, each with its reason, in the chain's order."""
    decisions = event.get("decisions")
    for each in decisions if isinstance(decisions, list) else ():
        if each["verdict"] != "allow" and each["enforced"]:
            yield str(each["policy"]), str(each["reason"])
