"""All texts of a reply while they grow: each goes through one stage per policy, and settled pieces go to the queue.

What a stage lets out is what the next one sees, so policies compose as they do on a whole reply.

A text that has not grown while its choice went on with others (`PATIENCE` events) is taken for ended: content is
followed by tool calls without any word of its end. Should it go on after all, as it may after its choice's finish too,
and a match reach back into what is gone, the stream is stopped: half a value may have been seen, the whole never is.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from extproc.dialects.texts import Form, Fragment
from extproc.guard.arguments import GrowingArguments
from extproc.guard.judge import StreamJudge
from extproc.guard.queue import EventQueue, Waiting
from extproc.guard.stop import Failed, Stop
from extproc.guard.text import GrowingText, Piece
from extproc.model import JsonPath

PATIENCE = 4
"""Events of the same choice after which a text that did not grow counts as ended."""

MOST_TEXTS = 4096
"""Texts that one stream may have: each takes some kilobytes, and OpenAI allows 128 choices and 128 calls."""

Stage = GrowingText | GrowingArguments


@dataclass(slots=True)
class _Growing:
    stages: Sequence[Stage]
    form: Form
    idle: int = 0
    said: str = ""

    def ends_with(self, fragment: Fragment) -> bool:
        """Whether nothing more is waited for. A brief text is waited for once it has said something new."""
        news = self.said not in ("", fragment.value)
        self.said = fragment.value
        return fragment.form == "brief" and not news


class Realtime:
    """The growing texts of one stream. Raises Stop where a policy refuses or a value was cut short."""

    def __init__(self, judges: Sequence[StreamJudge], queue: EventQueue) -> None:
        self._judges = judges
        self._queue = queue
        self._texts: dict[JsonPath, _Growing] = {}
        self._calls: dict[str | int, dict[JsonPath, _Growing]] = {}  # by choice: arguments, which tell their own end
        self._awake: dict[str | int, dict[JsonPath, _Growing]] = {}  # by choice: others that may be growing still

    def take(self, waiting: Waiting) -> None:
        """The texts of an event that has just been put into the queue."""
        for number, fragment in enumerate(waiting.fragments, waiting.first):
            if fragment.form == "whole":
                self._at_once(Piece(number, fragment.value))
                continue
            growing = self._growing(fragment)
            growing.idle = 0
            self._through(growing.stages, 0, [Piece(number, fragment.value)])
            if growing.ends_with(fragment):
                self._finish(growing.stages)
        grown = {fragment.key for fragment in waiting.fragments}
        if not self._texts.keys() <= grown:
            self._age(grown)

    def end(self, choices: Container[str | int] | None = None) -> None:
        """The texts of these choices, or all, have come to their end. Should one go on, `cut_short` watches over it."""
        for texts in (self._awake, self._calls):
            for choice in [each for each in texts if choices is None or each in choices]:
                for growing in texts.pop(choice).values():
                    self._finish(growing.stages)

    def flush(self) -> None:
        """Let out what is settled of texts whose end is not."""
        for texts in (*self._awake.values(), *self._calls.values()):
            for growing in texts.values():
                for place, stage in enumerate(growing.stages):
                    self._through(growing.stages, place + 1, stage.flush())

    def _at_once(self, piece: Piece) -> None:
        """A text that stands alone goes through all stages, and on to the queue."""
        for place, judge in enumerate(self._judges):
            stage = GrowingText(judge.look, judge.automaton, editing=judge.editing)
            piece = stage.whole(piece)
            self._heed(place, stage, 0)
        self._queue.settle(piece)

    def _growing(self, fragment: Fragment) -> _Growing:
        growing = self._texts.get(fragment.key)
        if growing is None:
            if len(self._texts) == MOST_TEXTS:
                raise Stop(Failed("The reply has more texts than this gateway follows.", "reply_too_large"))
            growing = self._texts[fragment.key] = _Growing(self._stages(fragment.form), fragment.form)
        texts = self._calls if fragment.form == "json" else self._awake
        texts.setdefault(fragment.key[0], {})[fragment.key] = growing
        return growing

    def _stages(self, form: Form) -> list[Stage]:
        return [
            GrowingArguments(judge.look, judge.automaton, editing=judge.editing, named=judge.named)
            if form == "json"
            else GrowingText(judge.look, judge.automaton, editing=judge.editing)
            for judge in self._judges
        ]

    def _age(self, grown: set[JsonPath]) -> None:
        for choice in {key[0] for key in grown}:
            texts = self._awake.get(choice, {})
            for key in [key for key in texts if key not in grown]:
                texts[key].idle += 1
                if texts[key].idle == PATIENCE:
                    self._finish(texts.pop(key).stages)

    def _through(self, stages: Sequence[Stage], first: int, pieces: list[Piece]) -> None:
        """Feed pieces to a stage, what it lets out to the next, and what the last lets out to the queue."""
        for place in range(first, len(stages)):
            if not pieces:
                return
            pieces = [out for piece in pieces for out in self._step(place, stages[place], piece)]
        for piece in pieces:
            self._queue.settle(piece)

    def _finish(self, stages: Sequence[Stage]) -> None:
        for place, stage in enumerate(stages):
            self._through(stages, place + 1, self._step(place, stage, None))

    def _step(self, place: int, stage: Stage, piece: Piece | None) -> list[Piece]:
        """A stage's answer to a piece, or to the end."""
        before = len(stage.found)
        pieces = stage.finish() if piece is None else stage.feed(piece)
        self._heed(place, stage, before)
        return pieces

    def _heed(self, place: int, stage: Stage, before: int) -> None:
        """The judge's word on what its stage has found from the `before`th on."""
        judge = self._judges[place]
        if len(stage.found) > before or judge.has_failed:
            refused = judge.found(stage.found[before:])
            if refused:
                raise Stop(refused)
        if stage.cut_short and judge.editing:
            raise Stop(Failed("A value that must not leave came in parts; the stream was stopped.", "value_cut_short"))
