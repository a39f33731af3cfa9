"""The arguments of one tool call under one policy: JSON text that comes in pieces and stays JSON.

The policy sees each key, string and number by itself and decoded, so an escape hides nothing and no edit crosses a
quote. Pieces come out as raw text: as they came where nothing changed; where something did, the new text goes into the
first piece that is not out yet and the rest of what it covers is emptied.
"""

from __future__ import annotations

from collections import deque

from extproc.detect.progress import Automaton, Watch
from extproc.dialects.json_runs import Replacement, Run
from extproc.dialects.json_stream import JsonStream
from extproc.guard.text import CONTEXT, Look, Piece
from extproc.policies.base import Span

NAME = 64
"""Characters of a key, as what comes before its value."""


class GrowingArguments:
    """As `GrowingText`; spans count characters within their own string."""

    def __init__(self, look: Look, automaton: Automaton, *, editing: bool = True, named: bool = False) -> None:
        """`named`: the key before a value is the policy's context for it."""
        self._look = look
        self._automaton = automaton
        self._editing = editing
        self._named = named
        self._pieces: deque[_Raw] = deque()
        self.found: list[Span] = []
        self.cut_short = False
        self._ended = False
        self._json = JsonStream()
        self._key = ""  # the last one, as what comes before a value
        self._forget_run()

    def feed(self, piece: Piece) -> list[Piece]:
        """The pieces that are settled now. Raises whatever `look` raises."""
        if self._ended:
            self.cut_short = self.cut_short or not self._json.complete
            self._ended = False
            self._json = JsonStream()
            self._key = ""
            self._forget_run()
        self._pieces.append(_Raw(piece))
        self._json.feed(piece.text)
        return self._advance()

    def finish(self) -> list[Piece]:
        """All that is held, edited by what the arguments say as they stand.

        More of them is another call's; but where these were not complete, a value may be in both: `cut_short`.
        """
        if self._ended:
            return []
        self._ended = True
        self._json.close()
        return self._advance()

    def flush(self) -> list[Piece]:
        """What is settled of the first piece; the rest of it stays."""
        return [self._pieces[0].begun()] if self._pieces and self._pieces[0].out else []

    def _forget_run(self) -> None:
        self._watch = Watch(self._automaton)
        self._watched = 0  # characters of the open run that the watch has seen
        self._before = ""  # what was let out of the open run, as context

    def _advance(self) -> list[Piece]:
        safe = 0
        edits: list[Replacement] = []
        for number, run in enumerate(self._json.runs()):
            safe = self._settle(number, run, edits)
        held = self._json.held
        text = self._json.release(safe, edits if self._editing else ())
        self._take(held - self._json.held, text, changed=bool(edits) and self._editing)
        return self._out()

    def _settle(self, number: int, run: Run, edits: list[Replacement]) -> int:
        """Note what the policy finds in a run; how much of the run is settled."""
        name = self._key if run.kind in ("value", "number") else ""
        until = len(run.text) if run.ended else self._watched_until(run, name)
        before = self._before or name
        context = len(before)
        closing = '"' if name and run.ended and run.kind == "value" else ""
        for span in self._look(before + run.text + closing, context if self._before else 0):
            start, end = max(0, span.start - context), min(span.end - context, len(run.text))
            if end <= 0:
                continue
            if start >= until:
                break
            if end > until:
                until = start
                break
            edits.append(Replacement(number, start, end, span.replacement))
            self.found.append(Span(run.offset + start, run.offset + end, span.replacement, span.label))
        if run.ended:
            if run.kind == "key" and self._named:
                self._key = f'"{run.text}": "'[-NAME:]
            self._forget_run()
        elif run.kind != "number" and until:  # a number leaves whole, so that it may become a string
            self._before = (before + run.text[:until])[-CONTEXT:]
        return until

    def _watched_until(self, run: Run, name: str) -> int:
        if name and not self._watched:
            self._watch.feed(name)
        seen = max(0, self._watched - run.offset)
        self._watch.feed(run.text[seen:])
        self._watched = run.offset + len(run.text)
        return max(0, len(run.text) - self._watch.unsettled)

    def _take(self, count: int, text: str, *, changed: bool) -> None:
        """Spread released text over the pieces it came from: `count` raw characters are used up."""
        at = 0
        for raw in self._pieces:
            used = min(count, raw.left)
            if changed:
                raw.out.append(text if at == 0 else "")
            elif used:
                raw.out.append(text[at : at + used])
            raw.left -= used
            count -= used
            at += used or 1
            if not count:
                return

    def _out(self) -> list[Piece]:
        out: list[Piece] = []
        while self._pieces and not self._pieces[0].left:
            out.append(self._pieces.popleft().ended())
        return out


class _Raw:
    """A piece on its way through: how many of its characters are left, and what came out of it."""

    __slots__ = ("left", "out", "piece", "untouched")

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self.left = len(piece.text)
        self.out: list[str] = []

    def begun(self) -> Piece:
        text, self.out = "".join(self.out), []
        return Piece(self.piece.number, text, last=False)

    def ended(self) -> Piece:
        text = "".join(self.out)
        return self.piece if text == self.piece.text else Piece(self.piece.number, text, self.piece.last)
