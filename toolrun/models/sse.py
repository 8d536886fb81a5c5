"""How are server-sent events cut out of the bytes that arrive?

The split is done on whole reads, not line by line: one read often holds several events, and the
payloads of one read are decoded together. No byte is looked at more than twice, however the reads
are cut.
"""

from __future__ import annotations

from toolrun.errors import MalformedOutput

DONE = b"[DONE]"
MAX_EVENT = 16 * 1024 * 1024
"""Bytes that one event may have; a server that sends more is not sending events."""


class EventSplitter:
    """Cuts a byte stream into the `data` payloads of server-sent events (WHATWG HTML, 9.2)."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._held = b""

    def feed(self, read: bytes) -> list[bytes]:
        """The payloads that are complete after this read, in order.

        Raises:
            MalformedOutput: an event grows past `MAX_EVENT` bytes.
        """
        if self._held or b"\r" in read:
            read = self._with_plain_ends(read)
        if self._rest:
            begin = len(self._rest) - 1
            self._rest += read
            if self._rest.find(b"\n\n", begin) < 0:
                self._check()
                return []
            read = bytes(self._rest)
        *blocks, rest = read.split(b"\n\n")
        if rest or self._rest:
            self._rest = bytearray(rest)
            self._check()
        return [payload for block in blocks if (payload := _payload(block)) is not None]

    @property
    def rest(self) -> bytes:
        """What came since the last event; of a body without events, all of it."""
        return bytes(self._rest)

    def end(self) -> list[bytes]:
        """The payload of a last event that no empty line closed, if it looks whole."""
        rest, self._rest, self._held = self.rest, bytearray(), b""
        payload = _payload(rest.strip(b"\n"))
        return [payload] if payload else []

    def _with_plain_ends(self, read: bytes) -> bytes:
        """The read with LF for each end of line; a last CR may be half of one, and waits."""
        read = self._held + read
        self._held = b"\r" if read.endswith(b"\r") else b""
        return read.removesuffix(self._held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check(self) -> None:
        if len(self._rest) > MAX_EVENT:
            raise MalformedOutput(f"an event of the stream has more than {MAX_EVENT} bytes")


def is_event(text: bytes) -> bool:
    """Whether a body, or nothing, begins as a stream of events does: a field's name, a colon."""
    text = text.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    return not text or text.startswith((b"data", b"event", b"id", b"retry", b":"))


def _payload(block: bytes) -> bytes | None:
    """The data of one event; None for comments and events without data."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [
        line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None
