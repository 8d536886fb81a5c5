"""Which files may be meant by what is typed behind an `@`? Not those that `.gitignore` names."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.says.mentions import LAST
from toolrun.tools.builtin.inside.ignored import entries

if TYPE_CHECKING:
    from pathlib import Path

MOST: Final = 50
_LOOKED_AT: Final = 10_000
_SECONDS: Final = 5.0


class Candidates:
    """The files of a folder, looked at anew after a few seconds.

    Of a huge folder 10,000 entries are looked at: a folder's name and its slash begin elsewhere.

    Args:
        folder: where paths begin.
    """

    def __init__(self, folder: Path) -> None:
        self._root = os.path.realpath(folder)
        self._known: dict[str, tuple[float, list[str]]] = {}

    def of(self, word: str) -> list[tuple[str, str]]:
        """What may stand in place of a word that begins with `@`, each with what it is.

        Args:
            word: `@`, `@src/ma`, `@main`.
        """
        typed = word.removeprefix("@").lstrip("\"'")
        folder, slash, begun = typed.rpartition("/")
        if not _plain(folder):
            return []
        inside = self._paths(folder, deep=False)
        found = [path for path in inside if path[len(folder + slash) :].startswith(begun)]
        if not slash and begun:  # a name alone may lie anywhere
            deep = self._paths("", deep=True)
            lower = begun.lower()
            found += [path for path in deep if _name(path).lower().startswith(lower)]
            found += [path for path in deep if lower in _name(path).lower()]
        told = [(_written(path), _kind(path)) for path in dict.fromkeys(found)][:MOST]
        if LAST.startswith(typed):
            told.append((f"@{LAST}", "what the last command printed"))
        return told

    def _paths(self, folder: str, *, deep: bool) -> list[str]:
        key = f"{folder}/{'**' if deep else ''}"
        known = self._known.get(key)
        if known is not None and time.monotonic() - known[0] < _SECONDS:
            return known[1]
        paths = [path for path, _ in entries(self._root, folder, deep=deep, most=_LOOKED_AT)]
        self._known[key] = (time.monotonic(), paths)
        return paths


def _plain(folder: str) -> bool:
    """Whether a path stays in the folder that it begins in."""
    return not folder.startswith(("/", "~")) and ".." not in folder.split("/")


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _written(path: str) -> str:
    """A path as it is typed: in quotes where it has a space."""
    return f'@"{path}"' if any(letter.isspace() for letter in path) else f"@{path}"


def _kind(path: str) -> str:
    return "folder" if path.endswith("/") else "file"
