"""How do the files that a message names get into it? As fenced blocks below it, with their names.

Text alone, of the folder that the conversation is about: a message may be pasted, and what it names
must not be able to bring in a key from elsewhere.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.cli.chat.says.mentions import LAST, Mention, mentions
from toolrun.tools.builtin.inside.ignored import entries
from toolrun.tools.builtin.inside.kinds import is_image, kind_of, size_of
from toolrun.tools.builtin.inside.places import (
    Unfit,
    near,
    place,
    regular,
    relative,
    text_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_FILE: Final = 64 * 1024
"""Bytes of a file that go into a message."""
MAX_ALL: Final = 256 * 1024
MAX_FILES: Final = 50
RAN: Final = "I ran this command, and it printed:"
_MAX_LISTED: Final = 200
_MAX_MISSING: Final = 3
_TICKS: Final = re.compile(r"`{3,}")
_LANGUAGE: Final = re.compile(r"\.([a-z0-9]{1,10})\Z")


class Said(Struct, frozen=True):
    """A message with what it names.

    Attributes:
        text: what is sent.
        notes: what the person is told of it: what went in, what was cut.
        problems: why it cannot be sent as it is.
    """

    text: str
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def with_files(text: str, folder: Path, last: str = "") -> Said:
    """The message with the files that it names. It reads them: call it in a thread.

    Args:
        text: as it was typed.
        folder: the workspace, else the working directory: paths begin there, and stay in it.
        last: what `@!` stands for: a block; "" where there was no command.
    """
    root = os.path.realpath(folder)
    found = mentions(text, lambda path: _there(root, path))
    blocks: list[str] = []
    notes: list[str] = []
    problems: list[str] = []
    missing: list[str] = []
    for mention in found:
        if _is_held(text, mention):  # a message that was taken back, and is sent again
            continue
        if mention.path == LAST:
            _take_last(last, blocks, problems)
        elif mention.known:
            _take(root, mention, blocks, notes, problems)
        else:
            missing.append(mention.path)
    notes += _missing(root, missing)
    if len(blocks) > MAX_FILES:
        problems.append(f"it names {len(blocks)} files; {MAX_FILES} at most go into a message")
    size = sum(len(block.encode()) for block in blocks)
    if size > MAX_ALL:
        problems.append(
            f"the files that it names are {size_of(size)} in all, and {size_of(MAX_ALL)} go into a "
            "message: name lines (@path:10-200), or give the model --tools files to read them"
        )
    return Said("\n\n".join([text, *blocks]), tuple(notes), tuple(problems))


def fenced(text: str, language: str = "") -> str:
    """A text in a fence that nothing in it ends."""
    longest = max((len(each) for each in _TICKS.findall(text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


def _there(root: str, path: str) -> bool:
    try:
        return os.path.lexists(Path(root, path))
    except (OSError, ValueError):
        return False


def _is_held(text: str, mention: Mention) -> bool:
    """Whether a message has what it names already, as it was once sent."""
    if mention.path == LAST:
        return f"\n\n{RAN}\n```" in text
    name = os.path.normpath(mention.path)
    held = re.findall(rf"\n\n`{re.escape(name)}/?` \(([^\n]*)\):\n```", text)
    begins = f"lines {mention.start or 1} to "
    return any(
        what.startswith(begins) or not (mention.start or what.startswith("lines ")) for what in held
    )


def _take_last(last: str, blocks: list[str], problems: list[str]) -> None:
    if last:
        blocks.append(last)
    else:
        problems.append("@! is what the last command printed, and there was none: !ls is one")


def _take(
    root: str, mention: Mention, blocks: list[str], notes: list[str], problems: list[str]
) -> None:
    """Take a file or a folder in, or say why not."""
    try:
        real = place(root, mention.path)
        name = relative(root, real)
        if Path(real).is_dir():
            block, note = _listed(root, "" if name == "." else name)
        else:
            block, note = _lines_of(root, mention, name)
    except Unfit as error:
        problems.append(f"@{_refused(root, mention.path, str(error))}")
        return
    except OSError as error:
        problems.append(f"@{mention.path}: cannot be read: {error.strerror}")
        return
    blocks.append(block)
    notes.append(note)


def _refused(root: str, path: str, why: str) -> str:
    """Why a file is not taken, in words for a person."""
    try:
        with Path(regular(root, path)).open("rb") as file:
            kind = kind_of(file.read(8192))
    except (Unfit, OSError):
        kind = ""
    if is_image(kind):
        return f"{path}: is {kind}, and gpt-oss reads text alone; say in words what is on it"
    if kind:
        return f"{path}: is {kind}, and gpt-oss reads text alone"
    if "outside" in why or "out of" in why:
        return f"{why}; copy the file there, or begin with --workspace FOLDER"
    return why


def _lines_of(root: str, mention: Mention, name: str) -> tuple[str, str]:
    text = text_at(root, mention.path)
    lines = text.splitlines()
    total = len(lines)
    what = f"{total} line{'' if total == 1 else 's'}"
    if mention.start > max(total, 1):
        raise Unfit(f"{name}: has {what}: there is none at {mention.start}")
    if mention.start:
        end = min(mention.end or total, total)
        lines = lines[mention.start - 1 : end]
        what = f"lines {mention.start} to {end} of {total}"
    kept = _fitting(lines)
    if len(kept) < len(lines):
        first = mention.start or 1
        last = first + len(kept) - 1
        what = f"lines {first} to {last} of {total}, cut at {size_of(MAX_FILE)}"
    match = _LANGUAGE.search(name)
    body = "\n".join(kept)
    block = f"`{name}` ({what}):\n{fenced(body, match[1] if match else '')}"
    more = "; the rest: name its lines, as in @path:10-20" if len(kept) < len(lines) else ""
    return block, f"{name}: {what}, {size_of(len(body.encode()))}{more}"


def _fitting(lines: Sequence[str]) -> list[str]:
    """The first lines that there is room for; of a first one that is too long what fits."""
    kept: list[str] = []
    left = MAX_FILE
    for line in lines:
        left -= len(line.encode()) + 1
        if left < 0:
            return kept or [line.encode()[:MAX_FILE].decode(errors="ignore")]
        kept.append(line)
    return kept


def _listed(root: str, below: str) -> tuple[str, str]:
    rows, count = [], 0
    for path, entry in entries(root, below):
        count += 1
        if count <= _MAX_LISTED and not path.endswith("/"):
            rows.append(f"{path} ({size_of(entry.stat(follow_symlinks=False).st_size)})")
        elif count <= _MAX_LISTED:
            rows.append(path)
    if count > _MAX_LISTED:
        rows.append(f"[{count - _MAX_LISTED} more]")
    name = f"{below}/" if below else "./"
    return f"`{name}` ({count} files and folders):\n{fenced(chr(10).join(rows))}", (
        f"{name}: a list of {count} files and folders"
    )


def _missing(root: str, paths: Sequence[str]) -> list[str]:
    """What is said of words that look like files and are none."""
    like_files = [each for each in paths if "/" in each or "." in each.strip(".")][:_MAX_MISSING]
    return [
        f"@{path}: there is no such file, it is sent as it stands. {hint}"
        for path in like_files
        if (hint := near(root, path))
    ]
