"""What are the lines of a trace, wherever they lie?"""

from __future__ import annotations

from pathlib import Path

from toolrun.errors import TraceError


class Lines:
    """Gives the whole lines of a trace's file, one by one.

    Attributes:
        path: of the file that the last line came from.
        line: its number there, from 1; 0 before the first.
        truncated: after the last: whether half a line follows it.

    Raises:
        TraceError: on opening and on each line: the file cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.line = 0
        self.truncated = False
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def next(self) -> bytes | None:
        """The next whole line, with its newline; None at the end."""
        try:
            line = self._file.readline()
        except OSError as error:
            raise TraceError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        if line.endswith(b"\n"):
            self.line += 1
            return line
        self.truncated = bool(line)
        return None
