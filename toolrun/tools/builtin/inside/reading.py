"""How does the model read a file? Numbered lines, as many as fit; what is no text is told of."""

# Names, not objects: pathlib is an import that every box would pay for.
# ruff: noqa: PTH109, PTH116, PTH123
from __future__ import annotations

import os

from toolrun.tools.builtin.inside.kinds import kind_of, size_of
from toolrun.tools.builtin.inside.places import Unfit, regular, relative

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONG = 2_000
"""Characters of a line that are shown."""
_MOST = 256 * 1024 * 1024
"""Bytes of a file that are gone through for its lines."""


def read(path: str, start: int = 1, end: int = -1, room: int = 16_000) -> dict[str, Any]:
    """Lines of a file, with their numbers: `text`, or `error`.

    Args:
        path: in the working directory.
        start: the first line, from 1; below 0: so many before the end.
        end: the last line, included; -1: as many as there is room for.
        room: bytes that the text may have.
    """
    root = os.path.realpath(os.getcwd())
    try:
        real = regular(root, path)
        name = relative(root, real)
        return {"text": _shown(real, name, start, end, room)}
    except Unfit as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"{path}: cannot be read: {error.strerror}"}


def _shown(real: str, name: str, start: int, end: int, room: int) -> str:
    size = os.stat(real).st_size
    with open(real, "rb") as file:
        head = file.read(8192)
        if kind := kind_of(head):
            raise Unfit(f"{name}: is {kind} ({size_of(size)}), no text")
        if not size:
            return f"{name} is empty."
        file.seek(0)
        if start < 0:
            start = max(1, sum(1 for _ in file) + start + 1)
            file.seek(0)
        lines: list[str] = []
        taken = number = 0
        full = False
        for number, data in enumerate(file, 1):
            if file.tell() > _MOST:
                return f"{_text(lines)}\n[More than {size_of(_MOST)} are not gone through.]"
            if number < start or (end >= 0 and number > end) or full:
                continue
            line = f"{number}\t{_line(data)}"
            taken += len(line.encode()) + 1
            if taken > room and lines:
                full = True
                continue
            lines.append(line)
    return _text(lines) + _rest(name, size, start, len(lines), number)


def _line(data: bytes) -> str:
    line = data.decode("utf-8", "replace").rstrip("\r\n")
    if len(line) <= _LONG:
        return line
    return f"{line[:_LONG]}[... {len(line) - _LONG} characters more]"


def _text(lines: list[str]) -> str:
    return "\n".join(lines)


def _rest(name: str, size: int, start: int, shown: int, total: int) -> str:
    """What is said of the lines that are not shown."""
    last = start + shown - 1
    if not shown:
        return f"{name} has {total} lines: there is none at {start}."
    if start == 1 and last == total:
        return ""
    more = f"; go on with start={last + 1}" if last < total else ""
    return f"\n[Lines {start} to {last} of {total} ({size_of(size)}){more}]"
