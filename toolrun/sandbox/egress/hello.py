"""Which host does a TLS client ask for? Its ClientHello says so, in the clear (RFC 6066, 8446)."""

from __future__ import annotations

from typing import Final

MAX_HELLO: Final = 16_384
"""Bytes of a ClientHello with its records' headers."""

NO_SUCH_NAME: Final = bytes((21, 3, 3, 0, 2, 2, 112))
"""A fatal alert, unrecognized_name: what a client shows as its reason."""

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_MAJOR: Final = 3


class NoHello(ValueError):
    """The bytes are no ClientHello; the message says what they are instead."""


def name_of(data: bytes) -> str | None:
    """The server name of a ClientHello, "" where it has none; None: more bytes are needed.

    Raises:
        NoHello: no bytes that follow make it one.
    """
    message = _message(data)
    return None if message is None else _name(_Bytes(message))


def _message(data: bytes) -> bytes | None:
    """The first handshake message, put together of its records; None while it is not complete."""
    message, at = b"", 0
    while True:
        header = data[at : at + _RECORD_HEADER]
        if (header and header[0] != _HANDSHAKE) or (len(header) > 1 and header[1] != _MAJOR):
            raise NoHello("this is not TLS")
        if message and message[0] != _CLIENT_HELLO:
            raise NoHello("this is TLS, but not its beginning")
        if len(data) > MAX_HELLO:
            raise NoHello(f"its TLS greeting has more than {MAX_HELLO} bytes")
        if len(header) < _RECORD_HEADER:
            return None
        size = int.from_bytes(header[3:], "big")
        if size == 0:
            raise NoHello("its TLS greeting has an empty record")
        at += _RECORD_HEADER
        message += data[at : at + size]
        at += size
        whole = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER], "big")
        if len(message) >= _MESSAGE_HEADER and len(message) >= whole:
            if message[0] != _CLIENT_HELLO:
                raise NoHello("this is TLS, but not its beginning")
            return message[_MESSAGE_HEADER:whole]
        if at > len(data):
            return None


class _Bytes:
    """Bytes that are read from the front; what is not there is a `NoHello`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, size: int) -> bytes:
        if len(self._data) < size:
            raise NoHello("its TLS greeting is cut short")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def sized(self, size: int) -> _Bytes:
        """What is as long as the number before it says, which has `size` bytes."""
        return _Bytes(self.take(self.number(size)))


def _name(hello: _Bytes) -> str:
    hello.take(2 + 32)  # version, random
    hello.sized(1)  # session id
    hello.sized(2)  # cipher suites
    hello.sized(1)  # compression methods
    extensions = hello.sized(2) if hello else hello
    if hello:
        raise NoHello("its TLS greeting goes on after its end")
    found: str | None = None
    while extensions:
        kind, content = extensions.number(2), extensions.sized(2)
        if kind == _SERVER_NAME:
            if found is not None:
                raise NoHello("its TLS greeting names two hosts")
            found = _host_name(content)
    return found or ""


def _host_name(content: _Bytes) -> str:
    names = content.sized(2)
    kind, name = names.number(1), names.sized(2)
    if names or content or kind != _HOST_NAME:
        raise NoHello("its TLS greeting does not name one host")
    try:
        return name.rest().decode("ascii")
    except UnicodeDecodeError as error:
        raise NoHello("the host of its TLS greeting is no name") from error
