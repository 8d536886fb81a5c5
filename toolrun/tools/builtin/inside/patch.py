r"""What does a patch in the form that gpt-oss was trained on ask for? Parsed, never guessed.

`*** Begin Patch`, then `*** Add File:`, `*** Delete File:` and `*** Update File:` (with `*** Move
to:`) sections, `*** End Patch`; an update has hunks, `@@ LINE` before lines that begin with a
space, `-` or `+` (openai/gpt-oss, gpt_oss/tools/apply_patch.md). What models add, and what has one
meaning alone, is taken: the numbers of a unified diff behind `@@`, several `@@` in a row, `\r\n`,
empty context lines without their space, white space that differs. A hunk that fits in several
places is refused, where the reference takes the first.
"""

from __future__ import annotations

import re

from toolrun.tools.builtin.inside.lines import (
    listed,
    nearest,
    places_of,
    put_together,
    taken_apart,
)
from toolrun.tools.builtin.inside.places import Unfit

BEGIN = "*** Begin Patch"
END = "*** End Patch"
_EOF = "*** End of File"
_MOVE = "*** Move to: "
_HEADS = {"add": "*** Add File: ", "delete": "*** Delete File: ", "update": "*** Update File: "}
_BLANK = ("", "")
_MAX_HUNKS = 500
_NUMBERS = re.compile(r"-\d+(?:,\d+)? \+\d+(?:,\d+)? ?@*")


class Section:
    """What a patch does to one file.

    Attributes:
        kind: "add", "delete" or "update".
        path: of the file.
        line: of the patch, where it begins.
        move: its new path; empty where it stays.
        text: of a file that is added.
        hunks: of one that is updated.
    """

    __slots__ = ("hunks", "kind", "line", "move", "path", "text")

    def __init__(self, kind: str, path: str, line: int) -> None:
        self.kind: str = kind
        self.path: str = path
        self.line: int = line
        self.move: str = ""
        self.text: str = ""
        self.hunks: list[Hunk] = []

    def close(self) -> None:
        """Take blank lines before what comes next for no part of a hunk."""
        for hunk in self.hunks:
            while hunk.lines and hunk.lines[-1] == _BLANK:
                hunk.lines.pop()


class Hunk:
    """Lines that are replaced.

    Attributes:
        line: of the patch, where it begins.
        heads: lines of the file that come before it, each after the one before.
        lines: (" ", "-" or "+", text), in order; context that is blank and has no mark: ("", "").
        at_end: whether they are the last ones of the file.
    """

    __slots__ = ("at_end", "heads", "line", "lines")

    def __init__(self, line: int) -> None:
        self.line: int = line
        self.heads: list[str] = []
        self.lines: list[tuple[str, str]] = []
        self.at_end: bool = False

    @property
    def old(self) -> list[str]:
        """What it takes the place of, context included."""
        return [text for mark, text in self.lines if mark != "+"]


def parsed(patch: str) -> list[Section]:
    """The sections of a patch, in order.

    Raises:
        Unfit: it is none; the message names its line.
    """
    lines = [line.removesuffix("\r") for line in patch.strip("\r\n \t").split("\n")]
    if lines[0].rstrip() != BEGIN:
        raise Unfit(f"the patch does not begin with a line {BEGIN!r}")
    if lines[-1].rstrip() != END:
        raise Unfit(f"the patch does not end with a line {END!r}: write it again, whole")
    sections: list[Section] = []
    for number, line in enumerate(lines[1:-1], 2):
        begun = _begun(line, number)
        if begun is not None:
            sections.append(begun)
        elif sections:
            _take(sections[-1], line, number)
        elif line.strip():
            raise Unfit(f"line {number} of the patch, {line!r}: {_expected()}")
    _check(sections)
    return sections


def _check(sections: list[Section]) -> None:
    """Pass where there is something to do, and not too much of it."""
    if not sections:
        raise Unfit(f"the patch has no section: {_expected()}")
    if sum(max(len(section.hunks), 1) for section in sections) > _MAX_HUNKS:
        raise Unfit(f"the patch has more than {_MAX_HUNKS} sections and hunks: make several of it")
    for section in sections:
        section.close()
        if section.kind == "update" and not (section.move or _hunks(section)):
            raise Unfit(f"line {section.line} of the patch: the update of {section.path} is empty")


def updated(section: Section, text: str) -> tuple[str, list[str]]:
    """What an update makes of a text, and what is to be said of how it fitted.

    Raises:
        Unfit: a hunk fits nowhere, or in several places.
    """
    lines, end, ended = taken_apart(text)
    made: list[str] = []
    notes: list[str] = []
    done = 0
    for hunk in _hunks(section):
        at, differs = _place_of(hunk, lines, done, section.path)
        made += lines[done:at]
        for mark, written in hunk.lines:
            if mark == "+":
                made.append(written)
                continue
            if mark != "-":
                made.append(lines[at])
            at += 1
        done = at
        if differs:
            notes.append(f"line {hunk.line} of the patch fitted but for {differs}")
    return put_together(made + lines[done:], end, ended=ended), notes


def _begun(line: str, number: int) -> Section | None:
    for kind, head in _HEADS.items():
        if line.startswith(head.rstrip()):
            path = line[len(head.rstrip()) :].strip()
            if not path:
                raise Unfit(f"line {number} of the patch: {line!r} names no file")
            return Section(kind, path, number)
    return None


def _take(section: Section, line: str, number: int) -> None:
    """Take a line into a section."""
    if section.kind == "update":
        _take_update(section, line, number)
    elif section.kind == "add" and line.startswith("+"):
        section.text += line[1:] + "\n"
    elif line.strip() or (section.kind == "add" and not section.text):
        wants = "begin each line of a new file with '+'" if section.kind == "add" else _expected()
        raise Unfit(f"line {number} of the patch, {line!r}: {wants}")


def _take_update(section: Section, line: str, number: int) -> None:
    hunks = section.hunks
    if line.startswith(_MOVE.rstrip()):
        if hunks or section.move:
            raise Unfit(f"line {number} of the patch: {_MOVE.rstrip()} stands right below its file")
        section.move = line[len(_MOVE.rstrip()) :].strip()
    elif line.startswith("@@"):
        if not hunks or hunks[-1].lines:
            hunks.append(Hunk(number))
        if head := _head(line):
            hunks[-1].heads.append(head)
    elif line.rstrip() == _EOF:
        if not hunks or not hunks[-1].lines:
            raise Unfit(f"line {number} of the patch: {_EOF} stands below the lines of a hunk")
        hunks[-1].at_end = True
    else:
        if not hunks or hunks[-1].at_end:
            hunks.append(Hunk(number))
        hunks[-1].lines.append(_marked(line, number))


def _head(line: str) -> str:
    """The line that a hunk comes after; "" where none is named."""
    head = line.removeprefix("@@").removeprefix(" ").rstrip()
    head = head.removesuffix("@@").rstrip() if head.endswith(" @@") else head
    head = head[match.end() :] if (match := _NUMBERS.match(head)) else head
    return head if head.strip() else ""


def _marked(line: str, number: int) -> tuple[str, str]:
    """The mark of a hunk's line, and its text; an empty one is context."""
    if line.startswith("***"):
        raise Unfit(f"line {number} of the patch, {line!r}: {_expected()}")
    mark, text = (line[0], line[1:]) if line else _BLANK
    if mark not in " -+":
        raise Unfit(
            f"line {number} of the patch, {line!r}: begin each line of a hunk with ' ' (stays), "
            "'-' (goes) or '+' (comes)"
        )
    return mark, text


def _hunks(section: Section) -> list[Hunk]:
    """The hunks that change something; a blank line before the next section is none."""
    return [each for each in section.hunks if any(mark in ("+", "-") for mark, _ in each.lines)]


def _place_of(hunk: Hunk, lines: list[str], done: int, path: str) -> tuple[int, str]:
    """Where a hunk's lines stand, from a line on, and in what they differ."""
    where = f"{path}, line {hunk.line} of the patch"
    start, seeks = done, False
    for head in hunk.heads:
        found, _ = places_of(lines, [head], start)
        # A head that is not there is no more than a word for the reader, as in a unified diff.
        start, seeks = (found[0] + 1, True) if found else (start, seeks)
    old = hunk.old
    if hunk.at_end:
        found, differs = places_of(lines, old, max(start, len(lines) - len(old)))
        if found or not old:
            return (found[0] if found else len(lines)), differs
        raise Unfit(f"{where}: these are not the last lines of the file. {_but(lines, old)}")
    if not old:
        if seeks or not lines:
            return start, ""
        raise Unfit(
            f"{where}: nothing says where the new lines go: give a line of context (it begins "
            f"with a space), '@@ ' and the line before them, or {_EOF!r} below them"
        )
    found, differs = places_of(lines, old, start)
    if not found:
        before, _ = places_of(lines, old, 0)
        if before:
            raise Unfit(
                f"{where}: its lines stand at line {listed([at + 1 for at in before])}, before an "
                "earlier hunk or its @@ line: hunks go from top to bottom"
            )
        raise Unfit(f"{where}: its lines are not in the file. {_but(lines, old)}")
    if len(found) > 1 and not seeks:
        raise Unfit(
            f"{where}: its lines stand in several places, at line "
            f"{listed([at + 1 for at in found])}: give more context, or '@@ ' and a line before"
        )
    return found[0], differs


def _but(lines: list[str], old: list[str]) -> str:
    near = nearest(lines, old)
    return f"Nearest to them:\n{near}" if near else "Read it, and take its lines as they are"


def _expected() -> str:
    return f"a section begins with {', '.join(head.strip() for head in _HEADS.values())} and a path"
