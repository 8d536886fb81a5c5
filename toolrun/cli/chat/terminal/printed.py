"""What becomes of what others print while the screen is ours: tools, warnings, logs?"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Printed(io.TextIOBase):
    """A stream that tells of each line that is written to it, from whatever thread.

    Args:
        tell: is given the lines.
        fileno: of the stream that it stands for.

    Attributes:
        rest: what was written of a line that is not complete.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, tell: Callable[[str], None], fileno: int) -> None:
        self._tell = tell
        self._fileno = fileno
        self.rest = ""

    def write(self, text: str) -> int:
        """Take a text; a line is told of when it is complete."""
        lines, newline, rest = (self.rest + text).rpartition("\n")
        self.rest = rest
        if newline:
            self._tell(lines)
        return len(text)

    def flush(self) -> None:
        """Do nothing: half a line is no line."""

    def writable(self) -> bool:
        """That it is."""
        return True

    def isatty(self) -> bool:
        """It takes no colours."""
        return False

    def fileno(self) -> int:
        """Of the stream that it stands for."""
        return self._fileno


@contextmanager
def printing_to(tell: Callable[[str], None]) -> Iterator[None]:
    """Let what is printed to stdout and stderr inside be told of, line by line."""
    before = sys.stdout, sys.stderr
    out, err = (Printed(tell, each.fileno()) for each in before)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for rest in filter(None, (out.rest, err.rest)):
            tell(rest)
