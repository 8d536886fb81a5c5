"""Which keys does a person press while something is written to the terminal?"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from prompt_toolkit.input import Input


class Keys:
    """Tells of each key of stdin; a context manager inside a running loop of asyncio.

    Inside it the terminal shows no key by itself, and Ctrl-C is a key as well.

    Args:
        pressed: is told the key: what it types, such as " " and "q", or its name: "right", "enter",
            "c-c" (Ctrl-C). "resized": the terminal has another size. A terminal that is gone has
            pressed "c-c".
    """

    def __init__(self, pressed: Callable[[str], None]) -> None:
        self._pressed = pressed
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from prompt_toolkit.input import create_input

        source = create_input(sys.stdin)
        self._stack.enter_context(source.raw_mode())
        self._stack.enter_context(source.attach(lambda: self._read(source)))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._pressed, "resized")
        self._stack.callback(loop.remove_signal_handler, signal.SIGWINCH)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _read(self, source: Input) -> None:
        for each in source.read_keys():
            name = str(getattr(each.key, "value", each.key))
            self._pressed("enter" if name in ("c-m", "c-j") else name)
        if source.closed:
            self._pressed("c-c")
