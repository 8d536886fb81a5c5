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

from toolrun._version import __version__
from toolrun.events import FileChanged
from toolrun.trace.file import TraceFile
from toolrun.trace.header import FORMAT, TraceHeader, default_trace_path
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
        self._clock = clock
        self._waiting: list[Event] = []
        # A function of the list's own: a stream observes each token.
        self.observe = self._waiting.append
        self._file = TraceFile(self.path, self._header)
        self._closed = False

    async def record(self, event: Durable) -> None:
        """Write a durable event and what was observed before it, in one write."""
        # What a file held before is what a workspace holds: secrets of every form.
        kept = event.without_content() if isinstance(event, FileChanged) else event
        self._waiting.append(kept)
        self.flush()

    def flush(self) -> None:
        """Write what waits; see `journal.Sink`."""
        events = self._waiting[:]
        self._waiting.clear()
        if self.failed or self._closed:
            return
        try:
            self._file.write(self._redactor.lines(events))
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on
            self._fail(error)

    def close(self) -> None:
        """Write what waits and close the file; later events are passed over."""
        if self._waiting:
            self.flush()
        self._let_go()
        self._closed = True

    def _header(self) -> bytes:
        header = TraceHeader(
            format=FORMAT,
            toolrun=__version__,
            session=self._redactor.text(self._session),
            created=self._clock(),
        )
        return msgspec.json.encode(header) + b"\n"

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
