"""How are server-sent events cut out of the bytes that arrive?

The split is done on whole reads, not line by line: one read often holds several events, and the
payloads of one read are decoded together.
"""

from __future__ import annotations

from toolrun.errors import MalformedOutput

DONE = b"[DONE]"
MAX_EVENT = 16 * 1024 * 1024
"""Bytes that one event may have; a server that sends more is not sending events."""


class EventSplitter:
    """Cuts a byte stream into the `data` payloads of server-sent events (WHATWG HTML, 9.2)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, read: bytes) -> list[bytes]:
        """The payloads that are complete after this read, in order.

        Raises:
            MalformedOutput: an event grows past `MAX_EVENT` bytes.
        """
        data = self._rest + read if self._rest else read
        if b"\r" in data:
            # A CR at the end may be half of a CRLF: it waits for what comes next.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *blocks, self._rest = data.split(b"\n\n")
        if len(self._rest) > MAX_EVENT:
            raise MalformedOutput(f"an event of the stream has more than {MAX_EVENT} bytes")
        return [payload for block in blocks if (payload := _payload(block)) is not None]

    def end(self) -> list[bytes]:
        """The payload of a last event that no empty line closed, if it looks whole."""
        rest, self._rest = self._rest, b""
        payload = _payload(rest.strip(b"\r\n"))
        return [payload] if payload else []


def _payload(block: bytes) -> bytes | None:
    """The data of one event; None for comments and events without data."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [
        line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None
