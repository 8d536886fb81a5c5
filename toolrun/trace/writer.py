"""How does a session's journal get into a file? `TraceSink`: one event a line, redacted.

A write is one `write(2)` to a file of the page cache, and so is made where it is wanted: a thread
for it would cost ten times as much. What a crash can take is what was observed since the last
durable event.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from toolrun.events import AssistantMessage, FileChanged, SessionOpened
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.file import TraceFile
from toolrun.trace.header import default_trace_path, header_of
from toolrun.trace.lines import holds
from toolrun.trace.recording import Recording
from toolrun.trace.redact import MARK, Redactor
from toolrun.trace.runs import single

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Durable, Event
    from toolrun.known import Known
    from toolrun.runs import Run
    from toolrun.trace.runs import Recorded

__all__ = ["TraceSink", "default_trace_path"]


class TraceSink:
    """Writes a trace; a file that is there already is replaced. See `journal.Sink`.

    What the model has said waits for what follows it at once: the intent of its first call, the end
    of the turn. It is written with that, in one write.

    It must be the first sink of its journal that awaits anything: the lines then stand in the order
    of `seq`. A file that cannot be written never stops the session: that is said once in the log,
    and nothing is written from then on.

    Args:
        path: the file; its folder is made. Only its owner may read it (0600).
        session: the id of the session.
        recording: what else is to be known of the file and of secrets; its `path` is passed over.
        secrets: values that are replaced by "[redacted]" before anything is written.
        known: further ones, of which more may become known in time.
        append: go on with a trace of the same session that is there; `seq` may jump then. Where
            there is none, a new one is begun.
        on_failure: is told once, in a sentence, that the trace stopped, and why.
        clock: gives the time of the header, in seconds since the epoch.

    Attributes:
        failed: whether the file could not be written.
        opened: what the session began with, once that is known.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        session: str,
        recording: Recording = Recording(),
        secrets: Sequence[str] = (),
        known: Sequence[Known] = (),
        append: bool = False,
        on_failure: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path: Path = Path(path)
        self.observes: bool = True
        self.failed: bool = False
        self._session = session
        self._recording = recording
        self._redactor = Redactor(
            secrets,
            known=known,
            patterns=recording.patterns,
            find=recording.find,
            resumed=append and holds(self.path, MARK.encode()),
        )
        self._encoder = LineEncoder(self._redactor)
        self._waits: type[Event] | None = AssistantMessage
        self._clock = clock
        self.opened: SessionOpened | None = None
        self._waiting: list[Recorded] = []
        # Functions of the list's own: they are called for each read of a stream.
        self.observe: Callable[[Event], None] = self._waiting.append
        self.observe_run: Callable[[Run], None] = self._waiting.append
        self._file = TraceFile(self.path, self._header, recording, append=append)
        self._on_failure = on_failure
        self._closed = False

    async def record(self, event: Durable) -> None:
        """Write a durable event and what waits before it, in one write."""
        if isinstance(event, SessionOpened):
            self.opened = event
        # What a file held before is what a workspace holds: secrets of every form.
        kept = event.without_content() if isinstance(event, FileChanged) else event
        self._waiting.append(kept)
        if type(event) is not self._waits:
            self._write(len(self._waiting))

    def lead(self) -> None:
        """Let nothing wait from now on: a store hears of each event next, and must not be ahead."""
        self._waits = None

    def go_on(self) -> None:
        """Begin anew behind what was written, as a recording does that went on after a break."""
        self._let_go()
        self._file = TraceFile(self.path, self._header, self._recording, append=True)
        self._encoder = LineEncoder(self._redactor)

    def redacted(self, text: str) -> str:
        """A text as it would be written."""
        return self._redactor.text(text)

    def flush(self) -> None:
        """Write what waits, but for what may be half a secret; see `journal.Sink`."""
        self._write_ended()
        events = single(self._waiting)
        self._waiting[:] = events
        self._write(self._redactor.settled(events))

    def close(self) -> None:
        """Write what waits and close the file; later events are passed over."""
        self._write_ended()
        if self._waiting:
            self._redactor.cut()
            self._write(len(self._waiting))
        self._let_go()
        self._closed = True

    def _write_ended(self) -> None:
        """Write up to the last durable event that waits: no text goes on behind it."""
        ends = [at for at, event in enumerate(self._waiting, 1) if event.durable]
        if ends:
            self._write(ends[-1])

    def _write(self, count: int) -> None:
        """Write the first of the events that wait."""
        events = self._waiting[:count]
        del self._waiting[:count]
        if self.failed or self._closed or not events:
            return
        try:
            self._file.write(self._encoder.lines(events), ends=events[-1].durable)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on
            self._fail(error)

    def _header(self, part: int = 1, resumed: bool = False) -> bytes:  # noqa: FBT001, FBT002 - as a TraceFile asks
        """The line that a file begins with, or goes on with."""
        header = header_of(
            self._session, self._clock(), part=part, resumed=resumed, opened=self.opened
        )
        return self._redactor.line(header)

    def _fail(self, error: Exception) -> None:
        import structlog

        self.failed, self.observes = True, False
        self._let_go()
        structlog.get_logger("toolrun").error(
            "trace stopped: the file cannot be written; the session goes on without it",
            path=str(self.path),
            session=self._session,
            error=_said(error),
        )
        if self._on_failure is not None:
            self._on_failure(f"the trace stopped, at {self.path}: {_said(error)}")

    async def wait(self) -> None:
        """Return when the files that are finished are compressed, where that was asked for."""
        if self._file.packs:
            await to_thread.run_sync(self._file.wait)

    def _let_go(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            if not self.failed:
                self._fail(error)


def _said(error: Exception) -> str:
    """What went wrong; of an error of a user's function its type alone: it may quote a secret."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OSError) else name
