"""The first rule set against prompt injection: phrases that try to overrule, extract, impersonate or unlock.

Written from the literature (OWASP LLM01:2025; Greshake et al., arXiv 2302.12173; Perez & Ribeiro, arXiv 2211.09527),
matched on a folded copy of the text: NFKC, invisible characters removed, white space collapsed, case folded. A rule
asks for a verb, its object and whose words it is about, so that talk *about* instructions does not fire.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from extproc.detect.folding import LOOK_ALIKES
from extproc.detect.json_strings import hides, is_json, strings
from extproc.detect.patterns import PatternSpec, Scanner

_PRIOR = r"(?:previous|prior|above|preceding|earlier|foregoing|existing|original|initial|system|your|former)"
_RULES = (
    r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|constraints?|programming)"
)
_DROP = r"(?:ignore|disregard|forget|override|bypass|overlook|neglect|discard|drop|abandon|do not follow|don'?t follow|stop following)"
_ALL = r"(?:(?:all|any|every|everything|each|completely|entirely|the|of|these|those|my|your|and|about|in|other|those) ){0,5}"
_HIDDEN = r"(?:system prompt|initial prompt|hidden prompt|developer message|system message|initial instructions|hidden instructions|secret instructions|system instructions)"

RULES: tuple[PatternSpec, ...] = (
    PatternSpec("override", rf"\b{_DROP} {_ALL}{_PRIOR} (?:\w+ ){{0,2}}{_RULES}\b"),
    PatternSpec(
        "override",
        rf"\b{_DROP} (?:all|everything) (?:of )?(?:you were told|you have been told|said before|written above|that came before)\b",
    ),
    PatternSpec("override", rf"\b{_DROP} (?:everything|all|anything) (?:above|before this|prior to this)\b"),
    PatternSpec("override", r"\bfrom now on,? you (?:will|must|shall) (?:ignore|disregard|no longer follow) \b"),
    PatternSpec("override", r"\byour (?:new|real|true|actual) (?:instructions|task|goal|objective|rules) (?:are|is)\b"),
    PatternSpec(
        "extraction",
        rf"\b(?:reveal|print|show|repeat|output|display|leak|tell me|give me|dump|recite|disclose) (?:\w+ ){{0,4}}{_HIDDEN}\b",
    ),
    PatternSpec("extraction", rf"\bwhat (?:is|are|was|were) (?:your|the) {_HIDDEN}\b"),
    PatternSpec(
        "extraction",
        r"\brepeat (?:all |everything |the (?:text|words) )above (?:this|starting|verbatim|word for word)\b",
    ),
    PatternSpec(
        "unlock",
        r"\b(?:you are|act as|pretend to be|become|roleplay as|simulate) (?:now )?(?:dan|stan|dude|an? (?:unrestricted|unfiltered|uncensored|jailbroken|amoral) (?:\w+ )?(?:ai|assistant|model|chatbot|bot))\b",
    ),
    PatternSpec(
        "unlock",
        r"\b(?:enable|enter|activate|switch to|turn on|you are in) (?:developer|dan|jailbreak|god|sudo|unrestricted|maintenance) mode\b",
    ),
    PatternSpec("unlock", r"\bdo anything now\b"),
    PatternSpec(
        "unlock",
        r"\b(?:without|with no|free of|bypass(?:ing)?|remove|ignore) (?:any |all |your |the )*(?:ethical|safety|moral|content) (?:\w+ ){0,2}(?:restrictions|guidelines|filters?|policies|limitations|constraints|guardrails)\b",
    ),
    PatternSpec(
        "unlock",
        r"\byou (?:have no|are free (?:of|from)|are not bound by|no longer have) (?:any |all |your )*(?:restrictions|rules|limits|guidelines|filters)\b",
    ),
    PatternSpec(
        "override", r"\bignorez? (?:toutes )?(?:les |vos )?(?:instructions|consignes) (?:précédentes|antérieures)\b"
    ),
    PatternSpec(
        "override",
        r"\bignorier(?:e|en sie)? (?:alle |die |deine )*(?:vorherigen|bisherigen|obigen) (?:anweisungen|instruktionen|regeln)\b",
    ),
    PatternSpec("override", r"\bignora (?:todas )?(?:las |tus )?instrucciones (?:anteriores|previas)\b"),
    PatternSpec("override", r"\bignora (?:tutte )?(?:le )?istruzioni precedenti\b"),
    PatternSpec("override", r"\bignore (?:todas )?(?:as )?instruções anteriores\b"),
)

BOUNDARIES: tuple[PatternSpec, ...] = (
    PatternSpec("boundary", r"<\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\|>"),
    PatternSpec("boundary", r"\[/?inst\]|<</?sys>>"),
    PatternSpec("boundary", r"(?:^| )#{2,} ?(?:system|new instructions?|end of (?:user )?(?:input|prompt)) ?:"),
    PatternSpec("boundary", r"</?(?:system|system_prompt|admin)>"),
    PatternSpec("boundary", r"\bbegin (?:new )?system (?:prompt|message)\b"),
)

_SHORTEST = 24
_CODED = rf"[A-Za-z0-9+/]{{{_SHORTEST}}}"
_BASE64 = re2.compile(rf"[A-Za-z0-9+/]{{{_SHORTEST},}}={{0,2}}")
_GAP = r"(?:[\t-\r\x1c-\x20]+)"
"""What folding makes one space of, in ASCII."""

_MAX_SEGMENTS, _MAX_RUN = 8, 4096


class InjectionScanner:
    """The rule set plus the operator's own patterns. `find` returns the label of the first rule that fires, or ''."""

    def __init__(self, extra: Sequence[str] = (), *, boundaries: bool = True, decode_base64: bool = True) -> None:
        own = tuple(PatternSpec("pattern", expression, caseless=True) for expression in extra)
        self._scanner = Scanner((*map(in_any_space, (*RULES, *(BOUNDARIES if boundaries else ()))), *own))
        self._coded = Scanner((PatternSpec("coded", _CODED),) if decode_base64 else ())
        self._decode_base64 = decode_base64
        self._folds_all = bool(own)

    def doubtful(self, texts: Sequence[str]) -> Sequence[str]:
        """The texts in which `find` may find something, in order.

        ASCII is looked at all at once and as it stands: folding costs ten times what looking for the rules does. Not
        with patterns of the operator's own, which may ask for more of a folded text than that its spaces are single.
        """
        plain = [text for text in texts if text.isascii() and not hides(text)]
        joined = "\n".join(plain)
        if self._folds_all or not self._scanner.quiet(joined.lower()):
            return texts
        coded = self._coded.find(joined)
        return [text for text in texts if not text.isascii() or hides(text) or (coded and self._coded.find(text))]

    def find(self, text: str) -> str:
        """Which kind of attack a text carries, or ''."""
        for copy in self._copies(text):
            hits = self._scanner.find(copy)
            if hits:
                return hits[0].label
        return ""

    def _copies(self, text: str) -> Iterator[str]:
        yield fold(text)
        if "\\" in text and is_json(text):  # tool arguments and results: escapes must hide nothing
            yield fold("\n".join(strings(text)))
        if self._decode_base64:
            for decoded in _decoded(text):
                yield fold(decoded)


def in_any_space(rule: PatternSpec) -> PatternSpec:
    """A rule with a gate that opens to ASCII before its spaces are folded, too.

    In lower case: a caseless gate would take hyperscan 12 s to compile, this one takes what the rule itself does.
    """
    return replace(rule, gate=rule.expression.replace(" ", _GAP))


def fold(text: str) -> str:
    """A copy for matching: compatible forms and look-alikes made one, format characters gone, spaces single."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN)
    return " ".join(text.casefold().split())


def _decoded(text: str) -> Iterator[str]:
    """Base64 runs as text, one level, the first few only."""
    if len(text) < _SHORTEST:
        return
    for number, match in enumerate(_BASE64.finditer(text.encode("utf-8", "replace"))):
        if number == _MAX_SEGMENTS:
            return
        run = match.group()[:_MAX_RUN].rstrip(b"=")
        try:
            yield base64.b64decode(run + b"=" * (-len(run) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue


class _Plain(dict[int, int | None]):
    """What each character becomes, None for nothing, noted as characters come; above 0xFFFF there are too many."""

    def __missing__(self, code: int) -> int | None:
        found = None if unicodedata.category(chr(code)) == "Cf" else code
        if code < 0x10000:
            self[code] = found
        return found


_PLAIN = _Plain({**LOOK_ALIKES, ord("’"): ord("'")})
