"""Which files are in the workspace, and where does something stand in them?"""

# Names, not objects: pathlib is an import that every box would pay for.
# ruff: noqa: PTH109, PTH112, PTH113, PTH123
from __future__ import annotations

import os
import re

from toolrun.tools.builtin.inside.ignored import entries, fits
from toolrun.tools.builtin.inside.kinds import kind_of, size_of
from toolrun.tools.builtin.inside.places import MAX_BYTES, Unfit, near, place, relative

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_LISTED = 200
MAX_FOUND = 100
_MAX_CONTEXT = 10
_LONG = 300
_ALL_BYTES = 256 * 1024 * 1024


def list_files(path: str = ".", pattern: str = "", ignored: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - JSON's
    """What is in a folder, or which files below it a glob names: `text`, or `error`."""
    try:
        root, below = _folder(path)
        found, count = [], 0
        for name, entry in entries(root, below, every=ignored, deep=bool(pattern)):
            is_folder = name.endswith("/")
            inside = name[len(below) + 1 :] if below else name
            if pattern and (is_folder or not fits(pattern, inside)):
                continue
            count += 1
            if count <= MAX_LISTED:
                found.append(_row(name, entry))
    except Unfit as error:
        return {"error": str(error)}
    if not found:
        what = f"file that fits {pattern!r}" if pattern else "file"
        return {"text": f"There is no {what} in {below or 'the workspace'}.{_hidden(ignored)}"}
    if count > MAX_LISTED:
        found.append(f"[{count - MAX_LISTED} more of {count}: name a folder or a narrower pattern]")
    return {"text": "\n".join(found)}


def search_files(
    pattern: str,
    path: str = ".",
    glob: str = "",
    context: int = 0,
    literal: bool = False,  # noqa: FBT001, FBT002 - JSON's
    ignore_case: bool = False,  # noqa: FBT001, FBT002 - JSON's
) -> dict[str, Any]:
    """Where a pattern stands, line by line: `text`, or `error`."""
    try:
        wanted = _compiled(pattern, literal=literal, ignore_case=ignore_case)
        context = min(max(context, 0), _MAX_CONTEXT)
        shown: list[str] = []
        count = files = passed = 0
        left = _ALL_BYTES
        for name, real in _searched(path, glob):
            text = _text_of(real)
            if text is None:
                passed += 1
                continue
            left -= len(text)
            if left < 0:
                shown.append(f"[More than {size_of(_ALL_BYTES)} are not searched: name a folder]")
                break
            lines = text.split("\n")
            hits = [at for at, line in enumerate(lines) if wanted.search(line)]
            files += bool(hits)
            shown += _around(name, lines, hits[: max(0, MAX_FOUND - count)], context)
            count += len(hits)
    except Unfit as error:
        return {"error": str(error)}
    except RecursionError:
        return {"error": "the pattern is nested too deep"}
    skipped = f" ({passed} that are no text, or too large, were passed over)" if passed else ""
    if not count:
        where = "" if path in (".", "") else f" in {path}"
        return {"text": f"Nothing fits {pattern!r}{where}{skipped}."}
    if count > MAX_FOUND:
        more = f"{count - MAX_FOUND} more of {count}, in {files} files"
        shown.append(f"[{more}: give a narrower pattern, path or glob]")
    return {"text": "\n".join(shown)}


def _folder(path: str) -> tuple[str, str]:
    """The root, and a folder relative to it; "" for the root itself."""
    root = os.path.realpath(os.getcwd())
    real = place(root, path or ".")
    if not os.path.isdir(real):
        what = "is a file; read_file reads it" if os.path.lexists(real) else "is not there"
        raise Unfit(f"{path}: {what}. {near(root, path)}".removesuffix(" "))
    return root, "" if real == root else relative(root, real)


def _row(name: str, entry: os.DirEntry[str]) -> str:
    if name.endswith("/"):
        return name
    if entry.is_symlink():
        return f"{name} (a link)"
    try:
        return f"{name} ({size_of(entry.stat(follow_symlinks=False).st_size)})"
    except OSError:
        return name


def _hidden(every: bool) -> str:  # noqa: FBT001 - as above
    return "" if every else " (What .gitignore names is not shown: ignored=true shows it.)"


def _compiled(pattern: str, *, literal: bool, ignore_case: bool) -> re.Pattern[str]:
    if not pattern:
        raise Unfit("the pattern is empty")
    if "\n" in pattern or (not literal and "\\n" in pattern):
        raise Unfit("the pattern is held against one line at a time: search for one of its lines")
    try:
        return re.compile(
            re.escape(pattern) if literal else pattern, re.IGNORECASE if ignore_case else 0
        )
    except (re.error, OverflowError, RecursionError) as error:
        raise Unfit(
            f"{pattern!r} is no regular expression: {error}; literal=true takes it as text"
        ) from error


def _searched(path: str, glob: str) -> Iterator[tuple[str, str]]:
    """The files to search: those of a folder, or the one that is named."""
    root = os.path.realpath(os.getcwd())
    real = place(root, path or ".")
    if os.path.isfile(real):
        yield relative(root, real), real
        return
    below = _folder(path)[1]
    for name, entry in entries(root, below):
        inside = name[len(below) + 1 :] if below else name
        # Neither links nor pipes, which would be waited for.
        if not entry.is_file(follow_symlinks=False) or (glob and not fits(glob, inside)):
            continue
        yield name, entry.path


def _text_of(real: str) -> str | None:
    try:
        with open(real, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    if len(data) > MAX_BYTES or kind_of(data[:8192]):
        return None
    return data.decode("utf-8", "replace")


def _around(name: str, lines: list[str], hits: list[int], context: int) -> list[str]:
    """The lines that fit (`12:`) and those around them (`13-`)."""
    if not hits:
        return []
    if not context:
        return [f"{name}:{at + 1}: {_cut(lines[at])}" for at in hits]
    found: list[str] = []
    last = -1
    fitting = set(hits)
    for hit in hits:
        begin = max(hit - context, last + 1, 0)
        if begin > last + 1 or not found:
            found.append(f"--- {name}")
        for at in range(begin, min(hit + context + 1, len(lines))):
            found.append(f"{at + 1}{':' if at in fitting else '-'} {_cut(lines[at])}")
            last = at
    return found


def _cut(line: str) -> str:
    line = line.rstrip("\r")
    return line if len(line) <= _LONG else f"{line[:_LONG]}[...]"
