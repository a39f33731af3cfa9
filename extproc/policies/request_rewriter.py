"""`request-rewriter`: what the operator adds to and changes in requests (keeptrusts-config.md, 3.26)."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.model import Allow, Exchange, Redact, Text, Verdict
from extproc.policies.base import Policy
from extproc.policies.rewriting import Rewriter, Rule, edit

_SPOKEN = frozenset({"messages", "input"})
"""Where requests have what is said: chat's messages, the items of OpenAI's Responses."""

_INSTRUCTIONS = frozenset({"system", "instructions"})
"""Where they have what the application says to the model: Anthropic's and OpenAI's Responses."""

_INSTRUCTING = frozenset({"system", "developer"})

_PROMPTS = frozenset({"prompt", "suffix", "input"})
"""Where completions and embeddings have what users say: one text, or a list of them. They have no system message."""

_PROMPT_DEPTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemMessage:
    """The long form of `system_message`."""

    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRewriterSettings:
    """`system_message` goes before the application's own instructions, or becomes them where there are none; `rules`
    work on what users say.
    """

    system_message: str | SystemMessage = ""
    rules: tuple[Rule, ...] = ()


class RequestRewriter(Policy):
    """Rules replace in every text that users speak; prepend and append add to the last one."""

    kind = "request-rewriter"
    Settings = RequestRewriterSettings

    def __init__(self, settings: RequestRewriterSettings) -> None:
        super().__init__(settings)
        message = settings.system_message
        self._message = message if isinstance(message, str) else message.content
        self._rewriter = Rewriter(settings.rules)

    def on_input(self, exchange: Exchange) -> Verdict:
        """The system message and the rules, as edits."""
        if exchange.request is None:
            return Allow()
        before = exchange.request.texts
        spoken = [text for text in before if _spoken(text)]
        users = [text for text in spoken if text.role == "user"]
        after: dict[int, tuple[str, str]] = {}
        for text in users:
            value, rule = self._rewriter.rewritten(text.value, adds=text is users[-1])
            if rule:
                after[id(text)] = (value, rule)
        said = [text for text in spoken if text.path[0] not in _PROMPTS or len(text.path) > _PROMPT_DEPTH]
        place = next((text for text in said if text.role in _INSTRUCTING), said[0] if said else None)
        if self._message and place is not None:
            value, rule = after.get(id(place), (place.value, "system_message"))
            after[id(place)] = (f"{self._message}\n\n{value}" if value else self._message, rule)
        edits = tuple(edit(text, *after[id(text)]) for text in before if id(text) in after)
        return Redact(edits, f"request_rewriter.{edits[0].label}") if edits else Allow()


def _spoken(text: Text) -> bool:
    """Whether a text is what a message says, not a name, a tool's argument or the like."""
    top = text.path[0]
    if top in _PROMPTS and len(text.path) <= _PROMPT_DEPTH:
        return text.role == "user"
    if top in _INSTRUCTIONS:
        return len(text.path) == 1 or text.path[-1] == "text"
    return top in _SPOKEN and (text.path[2:] == ("content",) or text.path[-1:] == ("text",))
