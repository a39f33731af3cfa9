r"""Tool-call arguments as they arrive: JSON text cut anywhere, seen as decoded strings, edited without breaking it.

A guard sees *runs*: the keys, string values and numbers that have not been released yet, decoded. It names what is to
be replaced by run and decoded characters, and gets raw text to send on. What stands between runs (brackets, commas,
literals, space) goes along by itself.

    arguments = JsonStream()
    for piece in ('{"mail": "me\\u00', '40example.org"}'):
        arguments.feed(piece)
        runs = arguments.runs()                 # key 'mail' and value 'me'; then, ended, 'me@example.org'
        found = [Replacement(i, *span, "[MAIL]") for i, run in enumerate(runs) for span in hits(run)]
        out += arguments.release(safe(runs), found)
    arguments.close()
    out += arguments.release(0)                 # in all: {"mail": "[MAIL]"}

`safe` is how many characters of the run that is still open may go; ended runs always go, so look at them first. An
edit within one run cannot cross a quote, and its text is escaped as the run's kind needs.

Read leniently, as clients do: control characters stand in strings, any run of number characters is a number, and one
document may follow another, because some providers give every call the same index. At the first error of syntax
everything from there on (from the start of the string or number, where one is not finished) is one run of plain text;
escapes are decoded in it too, because readers that mend JSON find strings in it. Offsets are code points; work is
linear in the text, however it is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from extproc.dialects.json_runs import Growing, Kind, Replacement, Run

_SPACE = " \t\n\r"
_NUMBER = "+-.0123456789eE"
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = frozenset("0123456789abcdefABCDEF")
_LOW_SURROGATE = ("\\", "u", "dD", "cdefCDEF", _HEX, _HEX)

# What each character means, by what may come next outside of strings and numbers; one that is not there is an error.
_Expected = dict[str, str]
_SPACES = dict.fromkeys(_SPACE, "space")
_VALUE = _SPACES | dict.fromkeys("-0123456789", "number") | dict.fromkeys("tfn", "literal")
_VALUE |= {'"': "value", "{": "open", "[": "open"}
_KEY = _SPACES | {'"': "key"}
_COLON = _SPACES | {":": "colon"}
_FIRST = {"{": _KEY | {"}": "close"}, "[": _VALUE | {"]": "close"}}
_NEXT = {"{": _KEY, "[": _VALUE}
_AFTER = {
    "": _SPACES | {'"': "value", "{": "open", "[": "open"},
    "{": _SPACES | {",": "comma", "}": "close"},
    "[": _SPACES | {",": "comma", "]": "close"},
}


class JsonStream:
    """One tool call's arguments. Feed, look at `runs`, `release`; at the end `close`, and once more."""

    def __init__(self) -> None:
        self._raw: list[str] = []  # not released yet; joined when needed
        self._start = 0  # offset of its first character in the whole text
        self._end = 0
        self._rest = ""  # its last characters where they are half an escape or literal
        self._runs: list[Growing] = []  # all but the last have ended
        self._open: Growing | None = None
        self._inside: list[str] = []
        self._expected = _VALUE
        self._closed = False
        self.complete = False
        """Whether all that was begun had ended when the text was closed."""

    @property
    def held(self) -> int:
        """Raw characters that were fed and not released."""
        return self._end - self._start

    def feed(self, piece: str) -> None:
        """The next piece. Raises ValueError after `close`."""
        if self._closed:
            raise ValueError("the text has been closed")
        if not piece:
            return
        self._raw.append(piece)
        start = self._end - len(self._rest)
        self._end += len(piece)
        if self._rest:
            piece = self._rest + piece
            self._rest = ""
        self._read(piece, start)

    def close(self) -> None:
        """No more comes: every run has ended, and an unfinished escape or literal is plain text."""
        self._closed = True
        self.complete = self._open is None and not self._inside and not self._rest
        if self._rest:
            rest, self._rest = self._rest, ""
            self._read(rest, self._end - len(rest))
        if self._open is not None:
            self._end_run(self._open)

    def runs(self) -> tuple[Run, ...]:
        """What has not been released, in order; only the last may be open."""
        return tuple(Run(run.kind, run.text(), run.offset, run.ended) for run in self._runs)

    def release(self, safe: int, replacements: Sequence[Replacement] = ()) -> str:
        """Raw text up to character `safe` of the open run, or all where none is open, with these replacements made.

        Raises ValueError for replacements that overlap or that lie in what is not released.
        """
        end = self._released_end(safe)
        raw = "".join(self._raw)
        parts: list[str] = []
        at = self._start
        for start, stop, text in self._edits(end, replacements) if replacements else ():
            parts += (raw[at - self._start : start - self._start], text)
            at = stop
        parts.append(raw[at - self._start : end - self._start])
        self._raw = [raw[end - self._start :]]
        self._start = end
        self._forget(safe)
        return "".join(parts)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read(self, piece: str, base: int) -> None:
        """`piece` stands at offset `base`. Each step returns how far it came: the length when it needs more."""
        at = 0
        while at < len(piece):
            run = self._open
            if run is None:
                at = self._structure(piece, at, base)
            elif run.kind == "plain":
                at = self._loose(run, piece, at, base)
            elif run.kind == "number":
                at = self._number(run, piece, at, base)
            else:
                at = self._string(run, piece, at, base)

    def _structure(self, piece: str, start: int, base: int) -> int:
        for at in range(start, len(piece)):
            character = piece[at]
            match self._expected.get(character):
                case "space":
                    continue
                case "value":
                    return self._begin("value", at + 1, base)
                case "key":
                    return self._begin("key", at + 1, base)
                case "number":
                    return self._begin("number", at, base)
                case "colon":
                    self._expected = _VALUE
                case "comma":
                    self._expected = _NEXT[self._inside[-1]]
                case "open":
                    self._inside.append(character)
                    self._expected = _FIRST[character]
                case "close":
                    self._inside.pop()
                    self._expected = self._after_value()
                case "literal":
                    return self._literal(piece, at, base)
                case _:
                    return self._begin("plain", at, base)
        return len(piece)

    def _after_value(self) -> _Expected:
        return _AFTER[self._inside[-1] if self._inside else ""]

    def _begin(self, kind: Kind, at: int, base: int) -> int:
        self._open = Growing(kind, base + at)
        self._runs.append(self._open)
        return at

    def _end_run(self, run: Growing) -> None:
        if run.last() in _SPACES and run.kind == "number":
            run.trim(_SPACE)
        run.ended = True
        self._open = None
        self._expected = _COLON if run.kind == "key" else self._after_value()

    def _literal(self, piece: str, at: int, base: int) -> int:
        word = _LITERALS[piece[at]]
        found = piece[at : at + len(word)]
        if found == word:
            self._expected = self._after_value()
            return at + len(word)
        if word.startswith(found) and not self._closed:
            return self._wait(piece, at)
        return self._begin("plain", at, base)

    def _number(self, run: Growing, piece: str, at: int, base: int) -> int:
        """Space is kept with the number until what follows shows that it has ended: `4111 1111` is no JSON."""
        spaced = run.last() in _SPACES
        end = at
        while end < len(piece):
            if piece[end] in _SPACE:
                spaced = True
            elif spaced or piece[end] not in _NUMBER:
                break
            end += 1
        if end > at:
            run.add(piece[at:end], base + at)
        if end < len(piece):
            if piece[end] in ",]}":
                self._end_run(run)
            else:
                run.kind = "plain"
        return end

    def _string(self, run: Growing, piece: str, at: int, base: int) -> int:
        size = len(piece)
        end = _find(piece, '"', at)
        while True:
            back = piece.find("\\", at, end)
            stop = end if back < 0 else back
            if stop > at:
                run.add(piece[at:stop], base + at)
            if back < 0:
                if end < size:
                    self._end_run(run)
                return min(end + 1, size)
            at = self._escape(run, piece, back, base)
            if run.kind == "plain" or at == size:
                return at
            if at > end:
                end = _find(piece, '"', at)

    def _loose(self, run: Growing, piece: str, at: int, base: int) -> int:
        while at < len(piece):
            back = _find(piece, "\\", at)
            if back > at:
                run.add(piece[at:back], base + at)
            at = back if back == len(piece) else self._escape(run, piece, back, base)
        return at

    def _escape(self, run: Growing, piece: str, at: int, base: int) -> int:
        letter = piece[at + 1 : at + 2]
        if letter in _ESCAPES:
            run.add_escaped(_ESCAPES[letter], base + at, base + at + 2)
            return at + 2
        digits = piece[at + 2 : at + 6]
        whole = len(digits) == 4
        if letter not in ("u", "") or not _HEX.issuperset(digits) or (self._closed and not whole):
            run.kind = "plain"
            run.add("\\", base + at)
            return at + 1
        if not whole:
            return self._wait(piece, at)
        code, end = int(digits, 16), at + 6
        if 0xD800 <= code < 0xDC00:
            low = piece[end : end + 6]
            if all(character in allowed for character, allowed in zip(low, _LOW_SURROGATE, strict=False)):
                if len(low) == 6:
                    code, end = 0x10000 + ((code - 0xD800) << 10) + int(low[-4:], 16) - 0xDC00, end + 6
                elif not self._closed:
                    return self._wait(piece, at)
        run.add_escaped(chr(code), base + at, base + end)
        return end

    def _wait(self, piece: str, at: int) -> int:
        """Read what begins here again when more has come."""
        self._rest = piece[at:]
        return len(piece)

    # --- releasing ---------------------------------------------------------------------------------------------------

    def _released_end(self, safe: int) -> int:
        run = self._open
        if run is None:
            return self._end - len(self._rest)
        if run.kind == "number":
            return run.raw(0)
        if not 0 <= safe <= run.size:
            raise ValueError(f"the open run has {run.size} characters, not {safe}")
        return run.raw(safe)

    def _edits(self, end: int, replacements: Sequence[Replacement]) -> Iterator[tuple[int, int, str]]:
        """Raw start, raw end and raw text of every change, in order."""
        ordered = sorted(replacements, key=lambda each: (each.run, each.start, each.end))
        for index, group in groupby(ordered, key=lambda each: each.run):
            run = self._run(index)
            for start, stop, text in run.edits(group):
                if stop > end:
                    raise ValueError(f"the replacement in run {index} is not in what is released")
                yield start, stop, text

    def _run(self, index: int) -> Growing:
        if not 0 <= index < len(self._runs):
            raise ValueError(f"there is no run {index}")
        return self._runs[index]

    def _forget(self, safe: int) -> None:
        self._runs = []
        if self._open is not None:
            self._runs = [self._open]
            if self._open.kind != "number":
                self._open.drop(safe)


def _find(piece: str, what: str, start: int) -> int:
    """Where it next stands, or the length where it does not."""
    at = piece.find(what, start)
    return at if at >= 0 else len(piece)
