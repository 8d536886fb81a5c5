"""What would a call of a tool that edits change? Computed, nothing written.

The same in a box, which then writes it, and outside, where an approval shows it.
"""

from __future__ import annotations

from toolrun.tools.builtin.inside.lines import (
    MOST,
    listed,
    nearest,
    places_of,
    shown,
    taken_apart,
)
from toolrun.tools.builtin.inside.patch import parsed, updated
from toolrun.tools.builtin.inside.places import Unfit

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Files(Protocol):
        """The files of a workspace."""

        def text(self, path: str) -> str:
            """The text of one; Unfit where it is not there or cannot be changed."""

        def free(self, path: str) -> str:
            """The path as it is kept, where nothing is; Unfit where something is."""

        def kept(self, path: str) -> str:
            """The path of a file as it is kept."""


EDIT, WRITE, PATCH = "edit_file", "write_file", "apply_patch"
_AROUND = 2


class Change:
    """What becomes of one file: `before` is None where it is new, `after` where it goes."""

    __slots__ = ("after", "before", "path", "said")

    def __init__(self, path: str, before: str | None, after: str | None, said: str = "") -> None:
        self.path: str = path
        self.before: str | None = before
        self.after: str | None = after
        self.said: str = said


def changes(name: str, arguments: dict[str, Any], files: Files) -> list[Change]:
    """What a call changes, in order.

    Args:
        name: of the tool.
        arguments: of the call, as its schema has them.
        files: of the workspace.

    Raises:
        Unfit: it would be refused; the message says why.
    """
    return _OF[name](files, **arguments)


def edited(files: Files, path: str, old_text: str, new_text: str) -> list[Change]:
    """A text of a file replaced by another; it must stand there once."""
    before = files.text(path)
    if not old_text:
        raise Unfit(f"{path}: old_text is empty. write_file makes a new file")
    if old_text == new_text:
        raise Unfit(f"{path}: old_text and new_text are the same: nothing would change")
    count = before.count(old_text)
    if not count and "\r\n" in before and "\r" not in old_text:
        old_text, new_text = (each.replace("\n", "\r\n") for each in (old_text, new_text))
        count = before.count(old_text)
    if count != 1:
        raise Unfit(_not_once(path, before, old_text, count))
    at = before.index(old_text)
    after = before[:at] + new_text + before[at + len(old_text) :]
    first = before.count("\n", 0, at)
    last = first + new_text.count("\n")
    lines = taken_apart(after)[0]
    said = shown(lines, max(0, first - _AROUND), last + 1 + _AROUND)
    return [Change(files.kept(path), before, after, said)]


def written(files: Files, path: str, content: str, overwrite: bool = False) -> list[Change]:  # noqa: FBT001, FBT002 - JSON's
    """A new file, or all of one anew."""
    try:
        kept = files.free(path)
    except Unfit as error:
        if not overwrite:
            hint = "edit_file changes it, overwrite=true writes all of it anew"
            raise Unfit(f"{error}; {hint}") from None
        return [Change(files.kept(path), files.text(path), content)]
    return [Change(kept, None, content)]


def patched(files: Files, patch: str) -> list[Change]:
    """What a patch does to all its files."""
    found: list[Change] = []
    for section in parsed(patch):
        if section.kind == "add":
            found.append(Change(files.free(section.path), None, section.text))
            continue
        before = files.text(section.path)
        kept = files.kept(section.path)
        if section.kind == "delete":
            found.append(Change(kept, before, None))
            continue
        after, notes = updated(section, before)
        if not section.move:
            found.append(Change(kept, before, after, "; ".join(notes)))
            continue
        found.append(Change(files.free(section.move), None, after, "; ".join(notes)))
        found.append(Change(kept, before, None))
    paths = [each.path for each in found]
    for path in paths:
        if paths.count(path) > 1:
            raise Unfit(f"{path}: two sections of the patch change it: make one of them")
    return found


def _not_once(path: str, text: str, old_text: str, count: int) -> str:
    """Why a text cannot be replaced, with what helps to name another."""
    if count:
        at = -1
        found: list[int] = []
        while len(found) < MOST and (at := text.find(old_text, at + 1)) >= 0:
            found.append(text.count("\n", 0, at) + 1)
        return (
            f"{path}: old_text stands there {count} times, at line {listed(found)}: "
            "give more of what is around the one that you mean"
        )
    lines, wanted = taken_apart(text)[0], taken_apart(old_text)[0]
    places, _ = places_of(lines, wanted)
    if places:
        begin = places[0]
        as_is = shown(lines, begin, begin + min(len(wanted), 5))
        return (
            f"{path}: old_text is there but for white space, at line {begin + 1}. "
            f"Give it as it is:\n{as_is}"
        )
    near = nearest(lines, wanted)
    hint = f"Nearest to it:\n{near}" if near else "Read the file, and take its text as it is"
    return f"{path}: old_text is not in it. {hint}"


_OF: dict[str, Callable[..., list[Change]]] = {EDIT: edited, WRITE: written, PATCH: patched}
CHANGING = frozenset(_OF)
"""The names of the tools whose changes are computed here."""
