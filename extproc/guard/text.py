"""One growing text under one policy: fragments in, the same fragments out once they are settled, edited where need be.

What comes out, joined, is what the policy makes of the whole text, however it was cut (tests/guard/test_text.py). Three
facts make that so. The automaton says from where on a match may still grow. A span that crosses that place is waited
for. And a search starts where the last one was settled, with the text before it as context, exactly as a search over
the whole text would have gone on there. Where the automaton saw no match end, there is nothing to search for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from extproc.detect.progress import Automaton, Watch
from extproc.policies.base import Span

CONTEXT = 256
"""Characters before the unsettled part that a rule may look back at: word boundaries, context words."""

Look = Callable[[str, int], Sequence[Span]]
"""What a policy finds in a text from a character on."""


class Piece(NamedTuple):
    """A part of the text that arrived in one event; an event's text may come out in several, the last one marked."""

    number: int
    text: str
    last: bool = True


class _Fragment(NamedTuple):
    number: int
    start: int
    text: str
    last: bool


class GrowingText:
    """Positions count characters from the beginning of the text; `found` lists the spans that were settled.

    Without `editing` (a policy in shadow mode) nothing is changed, only found.
    """

    def __init__(self, look: Look, automaton: Automaton, *, editing: bool = True) -> None:
        self._look = look
        self._editing = editing
        self._watch = Watch(automaton)
        self._window = ""
        self._base = 0  # where the window begins
        self._end = 0
        self._settled = 0
        self._gone = 0
        self._fragments: deque[_Fragment] = deque()
        self._edits: deque[Span] = deque()  # those that reach into fragments which are still here
        self.found: list[Span] = []
        self.cut_short = False
        """Whether a span reaches back into text that was let go before it was settled."""

    def feed(self, piece: Piece) -> list[Piece]:
        """The pieces that are settled now. Raises whatever `look` raises."""
        self._add(piece)
        self._watch.feed(piece.text)
        self._settle(self._end - self._watch.unsettled)
        return self._out()

    def whole(self, piece: Piece) -> Piece:
        """A piece that is all of the text: what may still grow need not be followed, which is most of the work."""
        self._add(piece)
        (settled,) = self.finish()
        return settled

    def finish(self) -> list[Piece]:
        """All that is held, edited by what the text says as it stands.

        It may go on all the same: a span that then reaches back into what is gone is `cut_short`.
        """
        if not self._fragments:
            return []
        for span in self._look(self._window, self._settled - self._base):
            self._place(span)
            self._settled = span.end + self._base
        out = [
            Piece(each.number, self._edited(each) if self._edits else each.text, each.last) for each in self._fragments
        ]
        self._fragments.clear()
        self._gone = self._end
        return out

    def flush(self) -> list[Piece]:
        """The settled part of a fragment whose end is not; the rest of it stays."""
        if not self._fragments or self._fragments[0].start >= self._settled:
            return []
        first = self._fragments.popleft()
        cut = self._settled - first.start
        self._fragments.appendleft(_Fragment(first.number, self._settled, first.text[cut:], first.last))
        return [Piece(first.number, self._edited(_Fragment(first.number, first.start, first.text[:cut], False)), False)]

    def _add(self, piece: Piece) -> None:
        self._fragments.append(_Fragment(piece.number, self._end, piece.text, piece.last))
        self._window += piece.text
        self._end += len(piece.text)

    def _settle(self, until: int) -> None:
        if until <= self._settled:
            return
        unseen = self._watch.ended > self._settled  # else no match can have ended in what is not settled
        for span in self._look(self._window, self._settled - self._base) if unseen else ():
            start, end = span.start + self._base, span.end + self._base
            if start >= until:
                break
            if end > until:
                until = start  # it may still be joined by what is unsettled
                break
            self._place(span)
        self._settled = until

    def _place(self, found: Span) -> None:
        """Note what was found, counted from the beginning of the window."""
        span = Span(found.start + self._base, found.end + self._base, found.replacement, found.label)
        self.found.append(span)
        self.cut_short = self.cut_short or span.start < self._gone
        if self._editing:
            self._edits.append(span)

    def _out(self) -> list[Piece]:
        out: list[Piece] = []
        while self._fragments:
            first = self._fragments[0]
            if first.start + len(first.text) > max(self._settled, self._gone):
                break
            self._fragments.popleft()
            out.append(Piece(first.number, self._edited(first) if self._edits else first.text, first.last))
        self._forget()
        return out

    def _edited(self, fragment: _Fragment) -> str:
        """A fragment's text after the edits; a span's replacement goes where the span begins."""
        at, end = fragment.start, fragment.start + len(fragment.text)
        parts: list[str] = []
        while self._edits and self._edits[0].start < end:
            span = self._edits[0]
            if span.start >= fragment.start:
                parts += (fragment.text[at - fragment.start : span.start - fragment.start], span.replacement)
            at = min(span.end, end)
            if span.end > end:
                break
            self._edits.popleft()
        return "".join((*parts, fragment.text[at - fragment.start :]))

    def _forget(self) -> None:
        """Drop what nobody looks back at, now and then, so that the window stays small."""
        keep = min(self._settled - CONTEXT, self._fragments[0].start if self._fragments else self._end)
        if keep - self._base > 4 * CONTEXT:
            self._window = self._window[keep - self._base :]
            self._base = keep
