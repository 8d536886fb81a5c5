"""How is a test kept from the network, and what did it try to reach?

CPython tells its audit hooks of each connection and each look-up of a name before it makes it, in
every thread and for every event loop (PEP 578; docs.python.org, "Audit events table"). A hook that
raises prevents it. uvloop makes its connections itself, so that it is asked at its own door. What
a C library does by itself (libpq, c-ares, gRPC) or another process is not seen.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import sysconfig
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_CONNECTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKS_UP: Final = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)
_ASKED: Final = "_asked_by_toolrun"
_NOT_THE_CALLER: Final = tuple(
    {
        *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
        os.path.dirname(__file__) + os.sep,  # noqa: PTH120 - compared as text, many times
        "<frozen",
    }
)


class NetworkBlocked(ConnectionError):
    """A test that replays a trace tried to reach something; the message says who, and what.

    It is an OSError, as that of a machine without a network is, so that code behaves as there.
    """


class Block:
    """The time in which nothing is reached.

    Attributes:
        attempts: what was tried, in order: "support.py:12, in refund: connect to 10.0.0.1:80".
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def refuse(self, what: str) -> None:
        """Note an attempt, and fail it.

        Raises:
            NetworkBlocked: always.
        """
        attempt = f"{_caller()}: {what}"
        self.attempts.append(attempt)
        raise NetworkBlocked(
            f"{attempt}: refused, since the test replays a trace, without a network. Have a tool "
            "of the trace do it, or run pytest --trace-mode=live"
        )


class _Hook:
    """The audit hook of this process: it can't be taken out again, but has nothing to do."""

    def __init__(self) -> None:
        self.block: Block | None = None

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        block = self.block
        if block is None or not event.startswith("socket."):
            return
        if event in _CONNECTS:
            connection, address = args
            if connection.family != socket.AF_UNIX and address is not None:
                block.refuse(f"connect to {_address(address)}")
        elif event in _LOOKS_UP:
            host = args[0][0] if event == "socket.getnameinfo" else args[0]
            if _is_a_name(host):
                block.refuse(f"look up {_text(host)}")


_hook: _Hook | None = None


@contextmanager
def blocked() -> Iterator[Block]:
    """Let nothing of this process reach anything, but for sockets of this machine's files."""
    global _hook  # noqa: PLW0603 - a hook is the process's, and stays
    if _hook is None:
        _hook = _Hook()
        sys.addaudithook(_hook)
    _ask_at_uvloop(_hook)
    before = _hook.block
    _hook.block = block = Block()
    try:
        yield block
    finally:
        _hook.block = before


def _ask_at_uvloop(hook: _Hook) -> None:
    """Ask the hook where uvloop connects and looks up names in C."""
    try:
        from uvloop import Loop
    except ImportError:
        return
    if getattr(Loop, _ASKED, False):
        return
    setattr(Loop, _ASKED, True)

    def asked(name: str, what: str) -> None:
        inner = getattr(Loop, name)

        def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
            if hook.block is not None and (reached := _reached(name, args, kwargs)):
                hook.block.refuse(f"{what} {reached}")
            return inner(self, *args, **kwargs)

        setattr(Loop, name, ask)

    asked("create_connection", "connect to")
    asked("create_datagram_endpoint", "connect to")
    asked("getaddrinfo", "look up")


def _reached(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """What a method of a loop would reach; "" where nothing: a socket that is connected already."""
    if name == "getaddrinfo":
        host = args[0] if args else kwargs.get("host")
        return _text(host) if _is_a_name(host) else ""
    if name == "create_connection":
        place = (*args[1:3], *(kwargs[key] for key in ("host", "port") if key in kwargs))
    else:
        place = kwargs.get("remote_addr") or (args[2:3] and args[2]) or ()
    return _address(tuple(place)) if place and place[0] is not None else ""


def _is_a_name(host: object) -> bool:
    """Whether looking it up asks somebody: an address and this machine itself do not."""
    text = _text(host)
    if text in ("", "localhost"):
        return False
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    return False


def _address(address: object) -> str:
    if isinstance(address, tuple) and len(address) > 1:
        host = _text(address[0])
        return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return repr(address)


def _text(host: object) -> str:
    if host is None:
        return ""
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


def _caller() -> str:
    """Whose code this is: the nearest that is no library's, else the thread's name."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - what traceback does, without its cost
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_NOT_THE_CALLER):
            path = os.path.relpath(code.co_filename)
            return f"{path}:{frame.f_lineno}, in {code.co_name}"
        frame = frame.f_back
    return f"thread {threading.current_thread().name}"
