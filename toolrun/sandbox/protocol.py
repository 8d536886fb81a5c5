"""How is the result of a box read, when what writes it cannot be trusted?

A frame is a kind (one byte), a length (four bytes, big-endian) and that many bytes. The tool can
reach the pipe, so anything may come: the worst that a payload can make of it is a wrong result.
"""

from __future__ import annotations

from typing import Final

import msgspec

HEADER: Final = 5
STARTED, TEXT, JSON, ERROR, TRACEBACK, END = b"S", b"T", b"J", b"E", b"L", b"."
_KINDS: Final = frozenset({STARTED, TEXT, JSON, ERROR, TRACEBACK, END})
_ERROR_BYTES: Final = 65_536


class Malformed(ValueError):
    """What came through the pipe is no result; the message says where it departs."""


class TooLarge(ValueError):
    """A frame announces more bytes than the profile allows for a result."""


class Reply:
    """What the frames of one box add up to. Memory: at most `limit` and two error texts."""

    def __init__(self, limit: int) -> None:
        self.complete = False
        self._limit = limit
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
            TooLarge: a frame of more than the allowed bytes.
        """
        if self.complete:
            return
        self._buffer += chunk
        while len(self._buffer) >= HEADER and not self.complete:
            kind = bytes(self._buffer[:1])
            size = int.from_bytes(self._buffer[1:HEADER], "big")
            if kind not in _KINDS or kind in self._frames:
                raise Malformed(f"unexpected frame {kind!r}")
            if size > (self._limit if kind in {TEXT, JSON} else _ERROR_BYTES):
                raise TooLarge(f"{size} bytes")
            if len(self._buffer) < HEADER + size:
                return
            self._frames[kind] = bytes(self._buffer[HEADER : HEADER + size])
            del self._buffer[: HEADER + size]
            self.complete = kind == END

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
