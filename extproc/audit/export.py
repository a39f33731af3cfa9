"""Sends events to a collector in their order, at least once, however long it is away.

The cursor is a file: what the collector acknowledged. It is written after the acknowledgement, so a shipper that is
killed in between sends a batch again, with the same ids. A batch that the collector will never take is put aside.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from extproc.audit.events import EventTail
from extproc.audit.otlp import Exporter, ExportError, request
from extproc.audit.otlp_settings import OtlpSettings

log = logging.getLogger("extproc.shipper")

BATCH = 256
BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0)
LONGEST_WAIT = 60.0


@dataclass(slots=True)
class Export:
    """The way from the event log to one collector."""

    directory: Path
    settings: OtlpSettings
    exporter: Exporter
    _pending: list[dict[str, object]] = field(default_factory=list)
    _tail: EventTail = field(init=False)
    _failures: int = 0
    _retry_after: float = 0.0

    def __post_init__(self) -> None:
        self._tail = EventTail(self.directory, self._cursor())

    def turn(self) -> bool:
        """Send what is new; whether anything is left. Raises nothing: a failure is waited out."""
        try:
            return self._send_all()
        except OSError as error:  # a disk that is full or gone may come back
            self._failures += 1
            log.error("spans cannot be sent, will try again: %s", error)
            return True

    def _send_all(self) -> bool:
        while True:
            self._pending = self._pending or self._tail.take(BATCH)
            if not self._pending:
                return False
            try:
                self.exporter.send(request(self._pending, self.settings.resource))
            except ExportError as error:
                if not error.permanent:
                    self._failed(error)
                    return True
                self._put_aside(self._pending, error)
            self._failures = 0
            self._retry_after = 0.0
            self._pending = []
            self._save()

    def pause(self) -> float:
        """Seconds until the next turn; a collector that says how long is listened to, within reason."""
        waiting = BACK_OFF[min(self._failures, len(BACK_OFF)) - 1] if self._failures else BACK_OFF[0]
        return min(max(waiting, self._retry_after), LONGEST_WAIT)

    def _failed(self, error: ExportError) -> None:
        self._failures += 1
        self._retry_after = error.retry_after
        if self._failures == 1:
            log.warning("the collector at %s does not take spans (%s); will try again", self.settings.endpoint, error)

    def _put_aside(self, batch: list[dict[str, object]], error: ExportError) -> None:
        log.error("the collector refused %d spans for good (%s); they are in otlp-refused.log", len(batch), error)
        with (self.directory / "otlp-refused.log").open("ab") as file:
            file.writelines(orjson.dumps(event) + b"\n" for event in batch)

    def _cursor(self) -> dict[str, int]:
        path = self.directory / "otlp.cursor"
        try:
            found: dict[str, int] = orjson.loads(path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        return found

    def _save(self) -> None:
        draft = self.directory / ".otlp.cursor"
        draft.write_bytes(orjson.dumps(self._tail.offsets))
        draft.rename(self.directory / "otlp.cursor")


def run(export: Export, stopping: threading.Event) -> None:
    """Until told to stop, and then once more if the collector is there."""
    while not stopping.wait(export.pause()):
        export.turn()
    export.turn()
