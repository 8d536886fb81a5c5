"""How does a trace that is there lose a secret that nobody thought of when it was recorded?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from toolrun.errors import TraceError
from toolrun.events import SessionOpened
from toolrun.trace import layout
from toolrun.trace.blobs import clear
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.file import TraceFile
from toolrun.trace.header import FORMAT, TraceHeader, where
from toolrun.trace.reader import TraceReader
from toolrun.trace.recording import Recording
from toolrun.trace.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.events import Event
    from toolrun.trace.recording import Find


class Redacted(Struct, frozen=True):
    """What came of it.

    Attributes:
        events: how many there are.
        changed: how many of them had a secret in them.
    """

    events: int
    changed: int


def redact_trace(
    source: str | Path,
    target: str | Path,
    *,
    secrets: Iterable[str] = (),
    patterns: Iterable[str] = (),
    find: Find | None = None,
) -> Redacted:
    """Write a trace again without secrets; it replays as the one that it comes from.

    It is one file, in the newest format, with its long texts beside it. Keys of well-known forms
    are taken out, too. Only its owner may read it (0600). Half a line at the end of the source is
    left out.

    Args:
        source: it stays as it is.
        target: a file that is not there yet.
        secrets: values to take out.
        patterns: see `Recording`.
        find: see `Recording`.

    Returns:
        How many events there are, and how many of them had a secret in them.

    Raises:
        ConfigError: a pattern does not fit.
        TraceError: the source is no trace, or the target is there or cannot be written: there is
            none then.
    """
    recording = Recording(path=target, patterns=tuple(patterns), find=find)
    redactor = Redactor(secrets, patterns=recording.patterns, find=recording.find)
    target = Path(target)
    if layout.found(target, 1) is not None or target.exists():
        raise TraceError(f"{target} is there already, and is not overwritten; give another path")
    with TraceReader(source) as reader:
        writing = _Writing(target, reader.header, redactor)
        try:
            return writing.all_of(reader)
        except OSError as error:
            writing.remove()
            raise TraceError(f"{target}: cannot be written: {error.strerror or error}") from error
        except RecursionError as error:
            writing.remove()
            raise TraceError(
                f"{reader.path}, line {reader.line}: nested too deep to look for secrets in it",
                reader.line,
            ) from error
        except BaseException:  # half of it would look like all of it
            writing.remove()
            raise
        finally:
            writing.file.close()


class _Writing:
    """A trace in the making."""

    def __init__(self, path: Path, header: TraceHeader, redactor: Redactor) -> None:
        self.file = TraceFile(path, self._head)
        self._header = header
        self._redactor = redactor
        self._encoder = LineEncoder(None)
        self._first: Event | None = None
        self._events = self._changed = 0

    def all_of(self, reader: TraceReader) -> Redacted:
        """Write what is read, step by step, in memory that does not grow with the file."""
        batch: list[Event] = []
        breaks = 0
        for event in reader:
            if reader.resumed > breaks:
                breaks = reader.resumed
                self._add(batch)
                self.file.write(self._head(1, True))  # noqa: FBT003 - as a TraceFile asks
                batch = []
            self._first = self._first or event
            batch.append(event)
            if event.durable:
                self._add(batch)
                batch = []
        self._add(batch)
        return Redacted(self._events, self._changed)

    def remove(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            self.file.path.unlink()
        clear(layout.blobs_of(self.file.path))

    def _add(self, batch: list[Event]) -> None:
        if not batch and self._events:
            return
        clean = self._redactor.clean(batch)
        # What is left out because something else was redacted is no secret of the event.
        muted = self._redactor.muted(batch)
        pairs = zip(batch, muted, clean, strict=True)
        self._changed += sum(new not in (old, mute) for old, mute, new in pairs)
        self._events += len(batch)
        self.file.write(self._encoder.lines(clean))

    def _head(self, part: int, resumed: bool) -> bytes:  # noqa: FBT001 - as a TraceFile asks
        """A header that says who recorded the trace, and when, as the source's does."""
        first = self._first
        model, urls = where(first if isinstance(first, SessionOpened) else None)
        header = structs.replace(
            self._header, format=FORMAT, part=part, resumed=resumed, model=model, base_url=urls
        )
        return self._redactor.line(header)
