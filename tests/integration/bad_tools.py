"""Tools that misbehave: a sandbox imports them from this file.

Each says its word first, so that a test knows that it has run.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024


def _say(word: str) -> None:
    sys.stdout.write(f"{word} ran\n")
    sys.stdout.flush()


def exits() -> str:
    """Leave Python."""
    _say("exits")
    sys.exit(3)


def exits_at_once() -> str:
    """Leave without a word."""
    _say("exits_at_once")
    os._exit(0)


def closes_all() -> str:
    """Close every descriptor."""
    _say("closes_all")
    os.closerange(0, 256)
    return "closed"


def raises() -> str:
    """Raise what is no Exception."""
    _say("raises")
    raise BaseException("as no tool should")  # noqa: TRY002 - that is the case


def floods() -> str:
    """Print 50 MB."""
    _say("floods")
    for _ in range(50):
        sys.stdout.write("x" * MIB)
    return "printed"


def returns_much() -> str:
    """Return 50 MB."""
    _say("returns_much")
    return "y" * (50 * MIB)


def returns_odd() -> str:
    """Return characters that no encoding of Unicode has."""
    _say("returns_odd")
    return "a\0b\ud800c"


def leaves_a_thread() -> str:
    """Return, and leave a thread behind."""
    _say("leaves_a_thread")
    threading.Thread(target=time.sleep, args=(60,)).start()
    return "returned"


def never_returns() -> NoReturn:
    """Go on for ever."""
    _say("never_returns")
    while True:
        time.sleep(0.1)


def never_ends() -> Iterator[str]:
    """Yield for ever."""
    _say("never_ends")
    while True:
        time.sleep(0.001)
        yield "more"


def spins() -> NoReturn:
    """Work for ever, and hear no signal that can be ignored."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _say("spins")
    while True:
        pass
