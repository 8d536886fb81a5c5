"""How is a text taken apart into lines and put together again, and which lines are meant?"""

from __future__ import annotations

from itertools import islice

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 9
"""Places that are looked for: more are "several" all the same."""
_SHOWN = 5
_LONG = 160
_SEARCHED = 5_000
_NEAR_ENOUGH = 0.5


def taken_apart(text: str) -> tuple[list[str], str, bool]:
    """The lines of a text, what ends them, and whether the last one is ended, too."""
    ends = text.count("\r\n")
    # Where they differ, they are left as they are: what nobody asked for is not changed.
    end = "\r\n" if ends and ends == text.count("\n") else "\n"
    if end == "\r\n":
        text = text.replace("\r\n", "\n")
    ended = text.endswith("\n")
    lines = text.split("\n")
    return (lines[:-1] if ended else lines if text else []), end, ended or not text


def put_together(lines: list[str], end: str, *, ended: bool) -> str:
    """The text of lines."""
    return end.join(lines) + (end if ended and lines else "")


def places_of(lines: list[str], wanted: list[str], start: int = 0) -> tuple[list[int], str]:
    """Where lines stand among others, from a line on: exactly, else but for white space.

    Returns:
        The indexes, at most nine, none where they are nowhere; and in what they differ: "", "white
        space".
    """
    for form in (None, str.rstrip, str.strip):
        inside = lines if form is None else [form(line) for line in lines]
        sought = wanted if form is None else [form(line) for line in wanted]
        if found := list(islice(_fitting(inside, sought, start), MOST)):
            return found, "" if form is None else "white space"
    return [], ""


def _fitting(lines: list[str], wanted: list[str], start: int) -> Iterator[int]:
    """Where lines stand among others, in time that grows with the length of both alone.

    Line by line it would grow with their product: 25 s for twenty thousand lines that are all the
    same, which is what a stranger's patch may be.
    """
    if not wanted or len(wanted) > len(lines) - start:
        return
    text = "\n".join(["", *lines[start:], ""])
    sought = "\n".join(["", *wanted, ""])
    at, line, seen = -1, start, 0
    while (at := text.find(sought, at + 1)) >= 0:
        line += text.count("\n", seen, at)
        seen = at
        yield line


def nearest(lines: list[str], wanted: list[str]) -> str:
    """What of a file is most like some lines, with its numbers; nothing where nothing is."""
    import difflib

    sought = [line.strip() for line in wanted if line.strip()]
    if not sought:
        return ""
    inside = [line.strip() for line in lines[:_SEARCHED]]
    known = {line for line in inside if line and len(line) <= _LONG}
    for line in sorted((each[:_LONG] for each in sought), key=len, reverse=True)[:3]:
        near = difflib.get_close_matches(line, known, 1, _NEAR_ENOUGH) if line not in known else []
        found = line if line in known else near[0] if near else None
        if found is not None:
            at = inside.index(found)
            begin = max(0, at - next(i for i, each in enumerate(sought) if each[:_LONG] == line))
            return shown(lines, begin, min(begin + max(len(wanted), 3), begin + _SHOWN))
    return ""


def shown(lines: list[str], begin: int, end: int) -> str:
    """Lines with their numbers, as `read_file` shows them."""
    numbered = zip(range(begin + 1, end + 1), lines[begin:end], strict=False)
    return "\n".join(f"{number}\t{line[:_LONG]}" for number, line in numbered)


def listed(numbers: list[int]) -> str:
    """Numbers of lines, in words: "10, 20 and 31"; of many the first ones."""
    words = [str(number) for number in numbers]
    if len(words) >= MOST:
        return f"{', '.join(words[: MOST - 1])} and others"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
