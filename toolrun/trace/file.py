"""Where do the lines of a trace go? `TraceFile`: files that only their owner may read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from toolrun.trace import layout
from toolrun.trace.blobs import BlobWriter, clear
from toolrun.trace.opening import create, create_new, reopen
from toolrun.trace.packing import Packing
from toolrun.trace.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class TraceFile:
    """Files that lines are added to; made at the first of them, in place of those that are there.

    Args:
        path: of the first; its folder is made (0700). Only its owner may read what is in there
            (0600).
        head: gives the line that a file begins with; it is told the number of the part, and
            whether the recording goes on there after a break.
        recording: how much a file may hold, whether finished ones are compressed, and which texts
            lie beside. A pipe or a terminal has one part, and nothing beside it.
        append: go on with a trace of the same session that is there: half a line at its end is cut
            off, and a header follows. A compressed part stays as it is: another follows it.

    Raises:
        OSError: from `write` and `close`: the disk is full, the folder may not be written, what is
            there is another user's or another session's, ....
    """

    def __init__(
        self,
        path: Path,
        head: Callable[[int, bool], bytes],
        recording: Recording = Recording(),
        *,
        append: bool = False,
    ) -> None:
        self.path = path
        self._head = head
        self._recording = recording
        self._append = append
        self._file: int | None = None
        self._part = 1
        self._size = 0
        self._begun = 0
        self._may_part = False
        self._blobs: BlobWriter | None = None
        self._packing = Packing()

    def write(self, data: bytes, *, ends: bool = True) -> None:
        """Add whole lines, in one write unless the system takes only a part.

        Args:
            data: the lines.
            ends: whether the last one is a durable event's: the next may then begin a part.
        """
        begun = b"" if self._file is not None else self._begin()
        blobs, most = self._blobs, self._recording.max_bytes
        if blobs is not None and len(data) > blobs.longest:  # else no text in it can be longer
            data = blobs.taken_out(data)
        if most is not None and self._is_full(len(data), most):
            begun = self._next_part()
        assert self._file is not None
        if begun:
            self._begun = self._size + len(begun)
            data = begun + data
        _write(self._file, data)
        self._size += len(data)
        self._may_part = ends

    def close(self) -> None:
        """Let go of the file; it may be closed twice."""
        if self._file is not None:
            self._finish()

    @property
    def packs(self) -> bool:
        """Whether finished files are still being compressed."""
        return self._packing.runs

    def wait(self) -> None:
        """Return when the finished files are compressed; blocks."""
        self._packing.wait()

    def _begin(self) -> bytes:
        """Open the file, and give the line that goes first."""
        replaces = False
        if self._append and (head := layout.head_at(self._first())) is not None:
            begun = self._go_on(head)
        else:
            begun = self._head(1, False)  # noqa: FBT003 - as declared
            # A folder may hold thousands of traces: it is only listed where there is something.
            replaces = any(layout.found(self.path, part) is not None for part in (1, 2))
            self._file = create(self.path)
        regular = stat.S_ISREG(os.fstat(self._file).st_mode) if self._file is not None else False
        if not regular:
            self._recording = Recording(blob_bytes=None)
        elif replaces:
            self._clear()
        if (longest := self._recording.blob_bytes) is not None:
            self._blobs = BlobWriter(layout.blobs_of(self.path), longest)
        return begun

    def _first(self) -> Path:
        return layout.found(self.path, 1) or self.path

    def _go_on(self, head: layout.Head) -> bytes:
        """Open the last part of a trace that is there, or one more, and give its next header."""
        last = self._first()
        while (file := layout.found(self.path, self._part + 1)) is not None:
            if not _follows(layout.head_at(file), head, self._part + 1):
                break
            self._pack(last)
            last, self._part = file, self._part + 1
        if last.name.endswith(layout.PACKED):
            self._part += 1
        begun = self._head(self._part, True)  # noqa: FBT003 - as declared
        mine = layout.head_of(begun)
        if mine is None or (head.session, head.format) != (mine.session, mine.format):
            raise FileExistsError(
                f"{self.path} holds a trace of session {head.session!r} in format {head.format}, "
                "which this one cannot go on with; move it away, or give another path"
            )
        if last.name.endswith(layout.PACKED):
            self._file = create_new(layout.part_of(self.path, self._part))
        else:
            self._file = reopen(last)
            self._size = os.fstat(self._file).st_size
        return begun

    def _clear(self) -> None:
        """Remove what else belonged to the trace that this one replaces."""
        for part, file in layout.others(self.path):
            head = layout.head_at(file)
            if head is not None and head.part == part:
                file.unlink()
        if layout.head_at(layout.packed(self.path)) is not None:
            layout.packed(self.path).unlink()
        clear(layout.blobs_of(self.path))

    def _is_full(self, more: int, most: int) -> bool:
        return self._size + more > most and self._may_part and self._size > self._begun

    def _next_part(self) -> bytes:
        """Finish a part and open the next, and give the line that goes first."""
        begun = self._head(self._part + 1, False)  # noqa: FBT003 - as declared
        self._finish()
        self._part += 1
        self._file = create_new(layout.part_of(self.path, self._part))
        self._size = 0
        return begun

    def _finish(self) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        os.close(file)  # a full disk may be told of as late as this
        self._pack(layout.part_of(self.path, self._part))

    def _pack(self, file: Path) -> None:
        if self._recording.compress and not file.name.endswith(layout.PACKED):
            self._packing.add(file)


def _follows(head: layout.Head | None, first: layout.Head, part: int) -> bool:
    """Whether a file is the next part of the trace that begins with a header."""
    return head is not None and head.part == part and head.session == first.session


def _write(file: int, data: bytes) -> None:
    """All of the data; one call of the system unless it takes only a part."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, data[written:])
