"""Events for people: a line each, or all about one. Pure.

Names come from clients, and terminals obey control characters: what does not print is shown as an escape, and a value
that could be taken for several words stands in quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from extproc.audit.filters import told, verdict
from extproc.audit.merge import timestamp

LONGEST = 200
"""Characters that are shown of one value; JSON has the rest."""

Event = Mapping[str, object]


def visible(value: object) -> str:
    """Text without a character that a terminal would act upon or that reorders its neighbours."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def word(value: object) -> str:
    """One word: `-` for nothing, in quotes where it would look like more than one."""
    text = "" if value is None else _short(str(value))
    if not text:
        return "-"
    plain = text.isprintable() and not set(text) & set(" \"'=\\")
    return text if plain and text != "-" else quoted(text)


def quoted(value: object) -> str:
    """In double quotes, with the marks inside escaped."""
    text = _short(str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(text)}"'


def line(event: Event) -> str:
    """Time, verdict, model, and what a team wants to see at a glance."""
    return f"{_when(event)} {_summary(event)}"


def row(event: Event) -> str:
    """The same with the id that `kt events show` takes."""
    return f"{_when(event)} {word(event.get('id'))} {_summary(event)}"


def details(event: Event) -> str:
    """All about one event, a subject a line."""
    return "\n".join(f"{name:9} {text}".rstrip() for name, text in _details(event))


def _summary(event: Event) -> str:
    read, written = event.get("input_tokens"), event.get("output_tokens")
    tokens = read + written if isinstance(read, int) and isinstance(written, int) else None
    parts = [
        f"{verdict(event).upper():8} {word(event.get('model'))} user={word(event.get('user'))} tokens={word(tokens)}",
        f"cost={_money(event.get('cost_usd'))} latency={_milliseconds(event.get('duration_ms'))}",
        *_end(event),
    ]
    return " ".join(parts)


def _end(event: Event) -> Iterator[str]:
    policy, reason = event.get("policy"), event.get("reason")
    for policy_told, reason_told in () if policy or reason else told(event):
        policy, reason = policy_told, reason_told
        break
    if policy:
        yield f"policy={word(policy)}"
    if reason:
        yield f"reason={quoted(reason)}"
    if event.get("cache_hit") is True:
        yield "cache=hit"
    if event.get("unscanned"):
        yield f"unscanned={word(event.get('unscanned'))}"


def _details(event: Event) -> Iterator[tuple[str, str]]:
    yield "event", word(event.get("id"))
    yield "request", word(event.get("request_id"))
    yield "time", _when(event)
    yield "verdict", f"{verdict(event).upper()} ({word(event.get('decision'))}), status {word(event.get('status'))}"
    if event.get("policy"):
        yield "policy", word(event.get("policy"))
    if event.get("reason"):
        yield "reason", quoted(event.get("reason"))
    yield "who", f"user {word(event.get('user'))}, team {word(event.get('team'))}, key {word(event.get('key_id'))}"
    yield "from", f"{word(event.get('client'))}, {quoted(event.get('source') or '')}"
    yield "asked", f"{word(event.get('method'))} {word(event.get('path'))}"
    if event.get("unscanned"):
        size = f"{word(event.get('bytes_in'))} bytes in, {word(event.get('bytes_out'))} out"
        yield "unscanned", f"{word(event.get('unscanned'))}, {size}"
    yield "model", _model(event)
    yield "tokens", f"{word(event.get('input_tokens'))} in, {word(event.get('output_tokens'))} out"
    yield "cost", _money(event.get("cost_usd"))
    yield "cache", _cache(event)
    for decision in _rows(event, "decisions"):
        yield "policies", _decision(decision)
    for attempt in _rows(event, "attempts"):
        yield "upstream", _attempt(attempt)
    yield "latency", _latency(event)
    if event.get("details"):
        yield "envoy", word(event.get("details"))
    yield "config", word(event.get("config"))
    yield "trace", f"{word(event.get('trace_id'))} span {word(event.get('span_id'))}"


def _model(event: Event) -> str:
    answered = event.get("response_model")
    other = f", answered by {word(answered)}" if answered and answered != event.get("model") else ""
    return f"{word(event.get('model'))}{other}{', streamed' if event.get('stream') else ''}"


def _cache(event: Event) -> str:
    reason = f" {quoted(event['cache_reason'])}" if event.get("cache_reason") else ""
    avoided = f", avoided {_money(event.get('estimated_avoided_cost'))}" if event.get("cache_hit") is True else ""
    return f"{word(event.get('cache'))}{reason}{avoided}"


def _decision(decision: Event) -> str:
    reason = f" {quoted(decision['reason'])}" if decision.get("reason") else ""
    pairs = decision.get("redactions")
    found = ", ".join(f"{word(label)} ×{count}" for label, count in (pairs if isinstance(pairs, list) else ()))
    shadow = "" if decision.get("enforced") else " (shadow)"
    took = float(str(decision.get("duration_us") or 0)) / 1000
    what = f"{word(decision.get('policy'))} {word(decision.get('verdict'))}{shadow}{reason}"
    return f"{word(decision.get('stage')):6} {what} {took:.3f}ms{f' [{found}]' if found else ''}"


def _attempt(attempt: Event) -> str:
    flags = attempt.get("flags")
    end = f" {word(flags)}" if flags and flags != "-" else ""
    took = _milliseconds(attempt.get("duration_ms"))
    return f"{word(attempt.get('target'))} status {word(attempt.get('status'))} {took}{end}"


def _latency(event: Event) -> str:
    """What the providers took, and the rest, which is ours and the client's."""
    total = event.get("duration_ms")
    took = [each.get("duration_ms") for each in _rows(event, "attempts")]
    upstream = sum(each for each in took if isinstance(each, int | float))
    policies = sum(float(str(each.get("duration_us") or 0)) for each in _rows(event, "decisions")) / 1000
    rest = max(total - upstream, 0) if isinstance(total, int | float) else None
    return (
        f"{_milliseconds(total)} total, {_milliseconds(upstream)} upstream, {_milliseconds(rest)} gateway,"
        f" {policies:.3f}ms of it policies"
    )


def _rows(event: Event, name: str) -> Sequence[Event]:
    found = event.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _when(event: Event) -> str:
    at = event.get("at")
    return timestamp(float(str(at))) if at else "-"


def _money(amount: object) -> str:
    return f"${amount:.6f}" if isinstance(amount, int | float) else "-"


def _milliseconds(amount: object) -> str:
    return "-" if amount is None else f"{word(amount)}ms"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
