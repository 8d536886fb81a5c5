"""Where is what was typed kept, for this terminal and for those beside it?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILE: Final = "chat-history"
_NEWEST: Final = 512 * 1024
_LONGEST: Final = 16 * 1024


class Shared(FileHistory):
    """What was typed in all terminals, the newest first, as far back as half a megabyte goes.

    Every terminal appends to the one file; `again` reads what the others have typed since.
    """

    _read = 0

    def again(self) -> None:
        """Read the file at the next use, if others have written to it."""
        self._loaded = self._loaded and self._size() == self._read

    def _size(self) -> int:
        try:
            return Path(os.fsdecode(self.filename)).stat().st_size
        except OSError:
            return 0

    def load_history_strings(self) -> Iterable[str]:
        """The entries, the newest first."""
        try:
            with Path(os.fsdecode(self.filename)).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - _NEWEST, 0))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        self._read = size
        if size > _NEWEST:  # in the middle of an entry
            text = text.partition("\n\n")[2]
        entries = ["\n".join(lines) for lines in _entries(text)]
        return list(dict.fromkeys(reversed(entries)))

    def store_string(self, string: str) -> None:
        """Keep an entry; a disk that takes none costs no conversation."""
        if len(string) > _LONGEST:
            return
        alone = self._size() == self._read
        try:
            super().store_string(string)
        except OSError:
            return
        if alone:
            self._read = self._size()


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


def history() -> History:
    """The history of this person; of this process alone where no file can be kept."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "toolrun"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / _FILE).touch(mode=0o600)
    except OSError:
        return InMemoryHistory()  # such as a read-only home
    return Shared(folder / _FILE)
