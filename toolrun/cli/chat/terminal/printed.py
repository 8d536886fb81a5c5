"""What becomes of what others print while the screen is ours: tools, warnings, logs?"""

from __future__ import annotations

import io
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class Printed(io.TextIOBase):
    """A stream that tells of each line that is written to it, from whatever thread.

    Whoever keeps it for longer than the screen is ours writes to the stream that it stood for.

    Args:
        tell: is given the lines.
        stream: what it stands for.
    """

    encoding = "utf-8"
    errors: str = "replace"

    def __init__(self, tell: Callable[[str], None], stream: TextIO) -> None:
        self._tell: Callable[[str], None] | None = tell
        self._stream = stream
        self._rest = ""

    def write(self, text: str) -> int:
        """Take a text; a line is told of when it is complete."""
        if self._tell is None:
            return self._stream.write(text)
        lines, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self._tell(_COLOURS.sub("", lines))
        return len(text)

    def end(self) -> None:
        """Stand for nothing any more."""
        if self._rest and self._tell is not None:
            self._tell(_COLOURS.sub("", self._rest))
        self._tell, self._rest = None, ""

    def flush(self) -> None:
        """Half a line is no line."""
        if self._tell is None:
            self._stream.flush()

    def writable(self) -> bool:
        """That it is."""
        return True

    def isatty(self) -> bool:
        """A person reads it, if without the colours."""
        return True

    def fileno(self) -> int:
        """Of the stream that it stands for."""
        return self._stream.fileno()


@contextmanager
def printing_to(tell: Callable[[str], None]) -> Iterator[None]:
    """Let what is printed to stdout and stderr inside be told of, line by line."""
    before = sys.stdout, sys.stderr
    out, err = (Printed(tell, each) for each in before)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        out.end()
        err.end()
