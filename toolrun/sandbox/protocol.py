"""How is the result of a box read, when what writes it cannot be trusted?

A frame is a kind (one byte), a length (four bytes, big-endian) and that many bytes. The tool can
reach the pipe, so anything may come: the worst that a payload can make of it is a wrong result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER: Final = 5
STARTED, TEXT, JSON, ERROR, TRACEBACK, END = b"S", b"T", b"J", b"E", b"L", b"."
PROGRESS: Final = b"P"
_KINDS: Final = frozenset({STARTED, TEXT, JSON, ERROR, TRACEBACK, END, PROGRESS})
_ERROR_BYTES: Final = 65_536


class Malformed(ValueError):
    """What came through the pipe is no result; the message says where it departs."""


class TooLarge(ValueError):
    """A frame announces more bytes than the profile allows for a result."""


class Reply:
    """What the frames of one box add up to. Memory: at most `limit` and two error texts.

    Args:
        limit: bytes of the result, and, apart, of all progress together, its headers included.
        on_progress: is told the text of each frame of progress, which is then forgotten.
    """

    def __init__(self, limit: int, on_progress: Callable[[str], None] | None = None) -> None:
        self.complete: bool = False
        self._limit = limit
        self._progress_left = limit
        self._on_progress = on_progress
        self._buffer = bytearray()
        self._frames: dict[bytes, bytes] = {}

    @property
    def started(self) -> bool:
        """Whether the shim ran at all: what fails before is the sandbox's fault."""
        return STARTED in self._frames

    @property
    def error(self) -> str | None:
        """The exception's type and message, if the function raised."""
        return self._text(ERROR)

    @property
    def traceback(self) -> str | None:
        """The exception's traceback, if the function raised."""
        return self._text(TRACEBACK)

    def feed(self, chunk: bytes) -> None:
        """Take bytes from the pipe; those after the end frame are dropped.

        Raises:
            Malformed: an unknown kind, or one that came already.
            TooLarge: a frame, or progress, of more than the allowed bytes.
        """
        if self.complete:
            return
        self._buffer += chunk
        while len(self._buffer) >= HEADER and not self.complete:
            kind = bytes(self._buffer[:1])
            size = int.from_bytes(self._buffer[1:HEADER], "big")
            if kind not in _KINDS or kind in self._frames:
                raise Malformed(f"unexpected frame {kind!r}")
            if size > self._room(kind):
                raise TooLarge(f"{size} bytes")
            if len(self._buffer) < HEADER + size:
                return
            payload = bytes(self._buffer[HEADER : HEADER + size])
            del self._buffer[: HEADER + size]
            if kind == PROGRESS:
                self._progress(payload)
                continue
            self._frames[kind] = payload
            self.complete = kind == END

    def _room(self, kind: bytes) -> int:
        """The bytes that a frame may have."""
        if kind == PROGRESS:
            return self._progress_left - HEADER
        return self._limit if kind in {TEXT, JSON} else _ERROR_BYTES

    def _progress(self, payload: bytes) -> None:
        self._progress_left -= HEADER + len(payload)
        if self._on_progress is not None:
            self._on_progress(payload.decode(errors="replace"))

    def value(self) -> msgspec.Raw:
        """The returned value, checked to be one JSON value.

        Raises:
            Malformed: there is none, two, or it is not UTF-8 or JSON.
        """
        text, encoded = self._frames.get(TEXT), self._frames.get(JSON)
        if (text is None) == (encoded is None):
            raise Malformed("not one value")
        try:
            if text is not None:
                return msgspec.Raw(msgspec.json.encode(text.decode()))
            assert encoded is not None
            msgspec.json.decode(encoded)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
            raise Malformed(str(error)) from error
        return msgspec.Raw(encoded)

    def _text(self, kind: bytes) -> str | None:
        frame = self._frames.get(kind)
        return None if frame is None else frame.decode(errors="replace")
