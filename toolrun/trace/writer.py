"""How does a session's journal get into a file? `TraceSink`: one event a line, redacted.

A write is one `write(2)` to a file of the page cache, and so is made where it is wanted: a thread
for it would cost ten times as much. What a crash can take is what was observed since the last
durable event.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from toolrun.events import FileChanged, SessionOpened
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.file import TraceFile
from toolrun.trace.header import default_trace_path, header_of
from toolrun.trace.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Durable, Event

__all__ = ["TraceSink", "default_trace_path"]


class TraceSink:
    """Writes a trace; a file that is there already is replaced. See `journal.Sink`.

    It must be the first sink of its journal that awaits anything: the lines then stand in the order
    of `seq`. A file that cannot be written never stops the session: that is said once in the log,
    and nothing is written from then on.

    Args:
        path: the file; its folder is made. Only its owner may read it (0600).
        session: the id of the session.
        secrets: values that are replaced by "[redacted]" before anything is written.
        clock: gives the time of the header, in seconds since the epoch.

    Attributes:
        failed: whether the file could not be written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        session: str,
        secrets: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self.observes = True
        self.failed = False
        self._session = session
        self._redactor = Redactor(secrets)
        self._encoder = LineEncoder(self._redactor)
        self._clock = clock
        self._opened: SessionOpened | None = None
        self._waiting: list[Event] = []
        # A function of the list's own: a stream observes each token.
        self.observe = self._waiting.append
        self._file = TraceFile(self.path, self._header)
        self._closed = False

    async def record(self, event: Durable) -> None:
        """Write a durable event and what was observed before it, in one write."""
        if isinstance(event, SessionOpened):
            self._opened = event
        # What a file held before is what a workspace holds: secrets of every form.
        kept = event.without_content() if isinstance(event, FileChanged) else event
        self._waiting.append(kept)
        self._write(len(self._waiting))

    def flush(self) -> None:
        """Write what waits, but for what may be half a secret; see `journal.Sink`."""
        self._write(self._redactor.settled(self._waiting))

    def close(self) -> None:
        """Write what waits and close the file; later events are passed over."""
        if self._waiting:
            self._write(len(self._waiting))
        self._let_go()
        self._closed = True

    def _write(self, count: int) -> None:
        """Write the first of the events that wait."""
        events = self._waiting[:count]
        del self._waiting[:count]
        if self.failed or self._closed or not events:
            return
        try:
            self._file.write(self._encoder.lines(events))
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on
            self._fail(error)

    def _header(self, part: int = 1, resumed: bool = False) -> bytes:  # noqa: FBT001, FBT002
        """The line that a file begins with, or goes on with."""
        header = header_of(
            self._session, self._clock(), part=part, resumed=resumed, opened=self._opened
        )
        return msgspec.json.encode(self._redactor.value(header)) + b"\n"

    def _fail(self, error: Exception) -> None:
        import structlog

        self.failed, self.observes = True, False
        self._let_go()
        structlog.get_logger("toolrun").error(
            "trace stopped: the file cannot be written; the session goes on without it",
            path=str(self.path),
            session=self._session,
            error=f"{type(error).__name__}: {error}",
        )

    def _let_go(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            if not self.failed:
                self._fail(error)
