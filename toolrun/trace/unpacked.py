"""What does a compressed file hold, also where its end is missing?"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]  # Python 3.12's

_BLOCK: Final = 1 << 16
_GZIP: Final = zlib.MAX_WBITS | 16


class Unpacked(io.RawIOBase):
    """A gzip file as it was, in flat memory; unlike `gzip`, what precedes a cut is given, too.

    Attributes:
        cut: at the end: whether the file ends before its compressed data do.

    Raises:
        zlib.error: from reads: the data were changed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.cut: bool = False
        self._file = file
        self._inflate = zlib.decompressobj(_GZIP)
        self._data = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """As much as is there, up to the buffer's size; 0 at the end."""
        view = memoryview(buffer)
        while True:
            if self._inflate.eof:
                self._data = self._inflate.unused_data or self._file.read(_BLOCK)
                if not self._data.strip(b"\0"):  # some programs pad files so
                    return 0
                self._inflate = zlib.decompressobj(_GZIP)  # gzip files may follow each other
            if not self._data:
                self._data = self._file.read(_BLOCK)
            ended = not self._data
            text = self._inflate.decompress(self._data, len(view))
            self._data = self._inflate.unconsumed_tail
            if text:
                view[: len(text)] = text
                return len(text)
            if ended and not self._inflate.eof:
                self.cut = True
                return 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
