"""What are the lines of a trace, wherever they lie?"""

from __future__ import annotations

import contextlib
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from toolrun.errors import TraceError
from toolrun.trace import layout
from toolrun.trace.blobs import MOST, BlobLost, restored
from toolrun.trace.unpacked import Unpacked

if TYPE_CHECKING:
    from typing import BinaryIO


class Lines:
    """Gives the whole lines of a trace one by one, on through its parts, in flat memory.

    Plain and compressed files are read alike. Long texts that lie beside the trace stand in the
    lines again. The first line is the header; headers of later parts, and of a recording that went
    on after a break, are checked and passed over.

    Args:
        path: of the first part, as it is or with `.gz`; whichever is there is read.

    Attributes:
        path: of the file that the last line came from.
        line: its number there, from 1; 0 before the first.
        part: the number of that file.
        resumed: how often the recording went on after a break so far: what a crash took is missing
            there.
        truncated: after the last line: whether half a line follows it.

    Raises:
        TraceError: on opening and on each line: a file cannot be read, is missing, or is none of
            this trace.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)
        self.line: int = 0
        self.part: int = 1
        self.resumed: int = 0
        self.truncated: bool = False
        self._first = layout.plain(self.path)
        self._blobs = layout.blobs_of(self._first)
        self._head: layout.Head | None = None
        if not self.path.exists() and (other := layout.found(self._first, 1)) is not None:
            self.path = other
        self._open(self.path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def next(self) -> bytes | None:
        """The next whole line, with its newline; None at the end."""
        while True:
            line = self._read()
            if line is None:
                if not self._next_part():
                    return None
            elif not line.startswith(layout.HEAD):
                break
            elif self._is_begin(line):
                return line
        try:
            return restored(line, self._blobs)
        except BlobLost as lost:
            raise self._wrong(str(lost)) from lost

    def _open(self, path: Path) -> None:
        try:
            file = path.open("rb")
            self._unpacked = Unpacked(file) if _is_packed(file) else None
        except OSError as error:
            raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error
        self._file: BinaryIO = file
        if self._unpacked is not None:
            self._file = io.BufferedReader(self._unpacked, 1 << 16)

    def _read(self) -> bytes | None:
        """The next whole line of this file."""
        try:
            line = self._file.readline(MOST)
        except OSError as error:
            raise TraceError(
                f"{self.path}: cannot be read: {error.strerror or error}", self.line
            ) from error
        except zlib.error as error:
            raise self._wrong(
                f"the compressed file is damaged after this line ({error}); copy it anew"
            ) from error
        if line.endswith(b"\n"):
            self.line += 1
            return line
        if len(line) == MOST:
            raise self._wrong(f"the line after this one has more than {MOST} bytes")
        self.truncated = bool(line) or (self._unpacked is not None and self._unpacked.cut)
        return None

    def _next_part(self) -> bool:
        """Go on to the file that follows, if there is one."""
        if self._head is None:
            return False
        file = layout.found(self._first, self.part + 1)
        if file is None:
            self._miss_none()
            return False
        found = layout.head_at(file)
        if found is None or found.part != self.part + 1:
            return False  # another trace, which is named so by chance
        if found.session != self._head.session:
            raise TraceError(
                f"{file}, line 1: part {found.part} of a trace of session {found.session!r}, where "
                f"that of {self._head.session!r} goes on; put the right file there",
                1,
            )
        if self.truncated:
            raise self._wrong(f"half a line follows, though {file.name} goes on with the trace")
        self.close()
        self._open(file)
        self.path, self.line, self.part = file, 0, self.part + 1
        return True

    def _miss_none(self) -> None:
        """Refuse a trace of which a later part is there."""
        assert self._head is not None
        for part, file in layout.others(self._first):
            found = layout.head_at(file) if part > self.part else None
            if found is not None and (found.part, found.session) == (part, self._head.session):
                missing = layout.part_of(self._first, self.part + 1)
                raise self._wrong(
                    f"{missing.name} is missing, though {file.name} is there; a trace is all of "
                    f"its files"
                )

    def _is_begin(self, line: bytes) -> bool:
        """Take note of a header: whether it is the trace's first line."""
        head = layout.head_of(line)
        if self.part == 1 and self.line == 1:
            self._head = head
            if head is not None and head.part != 1:
                raise self._wrong(self._alone(head.part))
            return True
        first = self._head
        if head is None or first is None:
            raise self._wrong("this header does not fit")
        if (head.session, head.part, head.format) != (first.session, self.part, first.format):
            raise self._wrong(
                f"a header of session {head.session!r}, part {head.part}, format {head.format}, in "
                f"part {self.part} of a trace of {first.session!r} in format {first.format}"
            )
        if self.line > 1 and not head.resumed:
            raise self._wrong("a second header, which does not say that the recording went on")
        self.resumed += head.resumed
        return False

    def _alone(self, part: int) -> str:
        first = self._first.with_name(
            self._first.name.replace(f".{part}{self._first.suffix}", self._first.suffix)
        )
        return f"this is part {part} of a trace; open its first, {first.name}"

    def _wrong(self, what: str) -> TraceError:
        line = max(self.line, 1)
        return TraceError(f"{self.path}, line {line}: {what}", line)


def holds(path: Path, text: bytes) -> bool:
    """Whether a trace has a text in one of its lines; of one that cannot be read: that it has."""
    if layout.found(path, 1) is None:
        return False
    try:
        with contextlib.closing(Lines(path)) as lines:
            return any(text in line for line in iter(lines.next, None))
    except TraceError:
        return True


def _is_packed(file: BinaryIO) -> bool:
    """Whether an open file is compressed, whatever its name says."""
    begin: bytes = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
    return begin == b"\x1f\x8b"
