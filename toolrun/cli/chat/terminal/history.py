"""Where is what was typed kept, for this terminal and for those beside it?

The file is found and read at the first use, when the prompt stands.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from prompt_toolkit.history import FileHistory

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEWEST: Final = 512 * 1024
_LONGEST: Final = 16 * 1024


class Shared(FileHistory):
    """What was typed in all terminals, the newest first, as far back as half a megabyte goes.

    Every terminal appends to the one file; `again` reads what the others have typed since. Where
    there can be no file, what was typed is remembered by this process alone.

    Args:
        file: the file; `chat-history` in the folder of states by default.
    """

    def __init__(self, file: str | None = None) -> None:
        super().__init__(file or "")
        self._read = 0

    def again(self) -> None:
        """Read the file at the next use, if others have written to it."""
        self._loaded = self._loaded and self._size() == self._read

    def load_history_strings(self) -> Iterable[str]:
        """The entries, the newest first."""
        try:
            self.filename = self.filename or _file()
            with open(self.filename, "rb") as file:  # noqa: PTH123 - pathlib costs the start 9 ms
                self._read = file.seek(0, os.SEEK_END)
                file.seek(max(self._read - _NEWEST, 0))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        if self._read > _NEWEST:  # in the middle of an entry
            text = text.partition("\n\n")[2]
        entries = ["\n".join(lines) for lines in _entries(text)]
        return list(dict.fromkeys(reversed(entries)))

    def store_string(self, string: str) -> None:
        """Keep an entry; a disk that takes none costs no conversation."""
        if len(string) > _LONGEST:
            return
        try:
            alone = self._size() == self._read
            super().store_string(string)
        except OSError:
            return
        if alone:
            self._read = self._size()

    def _size(self) -> int:
        try:
            return os.stat(self.filename).st_size  # noqa: PTH116 - as above
        except OSError:
            return 0


def _entries(text: str) -> Iterable[list[str]]:
    """Entries as prompt_toolkit writes them: each line behind a plus, others between them."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith("+"):
            lines.append(line[1:])
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines


def _file() -> str:
    """The file, which is nobody else's.

    Raises:
        OSError: it cannot be made, such as in a read-only home.
    """
    from pathlib import Path

    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "toolrun"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "chat-history"
    file.touch(mode=0o600)
    return str(file)
