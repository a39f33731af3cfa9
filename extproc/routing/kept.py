"""Responses that the provider keeps: which paths they have, who may come to them, and where they are looked for.

The provider keeps them in the one account of its key, whoever asked. So the keeper is told whose each is, and is asked
as soon as there are keys of more than one organisation (docs/decisions/0009).
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from extproc.model import ClientError, Consumer, Need

LOOK_SECONDS = 1.0
MOST_NAMED = 1000
"""Ids that one request may name, and of one reply that are remembered: while the keeper looks, others wait."""

_PREFIX = "/v1/responses/"
_NAME = frozenset(string.ascii_letters + string.digits + "-_.")
_METHODS: dict[str, tuple[str, ...]] = {"": ("GET", "DELETE"), "cancel": ("POST",), "input_items": ("GET",)}


@dataclass(frozen=True, slots=True)
class Keep:
    """From now on, and for `ttl` seconds, this response and its items are this organisation's."""

    keys: tuple[bytes, ...]
    org: str
    ttl: float


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose are these?"""

    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Owners:
    """The organisation whose each is; '' where nobody knows."""

    orgs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request about one kept response. `whole` says that a whole response comes back; `resumes` that its stream is to
    begin in the middle.
    """

    id: str
    whole: bool
    resumes: bool


def key(identity: str) -> bytes:
    """Under what the keeper knows a response."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()


def fetch(method: str, url: str, *, end: bool) -> Fetch | None:
    """What a request asks of a kept response; None where its path is about none. `end` says that it has no body.

    Raises ClientError: 405 for another method, 400 for a body.
    """
    path, _, query = url.partition("?")
    identity, slash, part = path.removeprefix(_PREFIX).partition("/")
    methods = _METHODS.get(part) if bool(slash) == bool(part) else None
    if not path.startswith(_PREFIX) or methods is None or not identity.strip(".") or not _NAME.issuperset(identity):
        return None
    if method not in methods:
        raise ClientError(f"{path} takes {' or '.join(methods)}, not {method}", status=405, reason="method_not_allowed")
    if not end:
        raise ClientError(f"{path} takes no body.", reason="unexpected_body")
    whole = method != "DELETE" and part != "input_items"
    return Fetch(identity, whole, "starting_after" in unquote_plus(query))


def owned(named: Sequence[tuple[str, str]], who: Consumer | None) -> Generator[Need, object, None]:
    """Raises ClientError where something is not of the organisation that asks: it does not say whether there is one.

    `named` are members of a request and the ids that stand there; '' for the id of a URL.
    """
    if len(named) > MOST_NAMED:
        message = f"input: names {len(named)} kept items, of which at most {MOST_NAMED} can be checked; send the items."
        raise ClientError(message, reason="too_many_references")
    found = yield Need(Whose(tuple(key(identity) for _, identity in named)), LOOK_SECONDS)
    if not isinstance(found, Owners):
        message = "Whose this response is cannot be told at the moment."
        raise ClientError(message, status=503, kind="upstream_error", reason="kept_unavailable")
    for (member, identity), org in zip(named, found.orgs, strict=True):
        if who is None or org != who.org:
            raise _missing(identity, member)


def unscannable() -> ClientError:
    """The refusal of a stream from its middle."""
    message = (
        "starting_after: this gateway's policies cannot judge a stream that begins in its middle; ask for all of it."
    )
    return ClientError(message, reason="starting_after_unscanned")


def nowhere() -> ClientError:
    """The refusal where no target is available that could keep a response."""
    message = "No provider of Responses is available: the gateway holds no credential for one."
    return ClientError(message, status=503, kind="upstream_error", reason="provider_unavailable")


def _missing(identity: str, member: str) -> ClientError:
    """In the words that OpenAI has for it, but for what it would find."""
    shown = repr(identity[:128])
    match member:
        case "":
            return ClientError(f"Response with id {shown} not found.", status=404, reason="response_not_found")
        case "previous_response_id":
            message = f"Previous response with id {shown} not found."
            return ClientError(message, reason="previous_response_not_found")
        case _:
            message = f"{member}: nothing with id {shown} was found that your organisation has made here."
            return ClientError(message, status=404, reason="item_not_found")
