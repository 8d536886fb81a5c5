"""Which files does a trace lie in? `x.jsonl`, its further parts, and `x.blobs` beside them."""

from __future__ import annotations

import os
import re
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD: Final = b'{"type":"TraceHeader"'
"""What the line of a header begins with; no event's does."""

PACKED: Final = ".gz"
_LONGEST: Final = 1 << 16


class Head(Struct, frozen=True, tag="TraceHeader", tag_field="type"):
    """What the header of a part says of its place.

    Attributes:
        part: the number of the file, from 1.
        resumed: whether the recording went on there after a break.
    """

    session: str
    format: int = 0
    part: int = 1
    resumed: bool = False


_head = msgspec.json.Decoder(Head)


def head_of(line: bytes) -> Head | None:
    """What a header says; None: the line is none."""
    try:
        return _head.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def plain(path: Path) -> Path:
    """A path without what says that the file is compressed."""
    return path.with_name(path.name.removesuffix(PACKED))


def packed(path: Path) -> Path:
    """Where a part lies once it is compressed."""
    return path.with_name(path.name + PACKED)


def packing(path: Path) -> Path:
    """Where a part is compressed to, until it is whole."""
    return path.with_name(f"{path.name}{PACKED}.tmp")


def part_of(path: Path, part: int) -> Path:
    """Where a part of the trace that begins at a path lies: `x.2.jsonl`."""
    return path if part == 1 else path.with_name(f"{path.stem}.{part}{path.suffix}")


def blobs_of(path: Path) -> Path:
    """The folder of the long texts of a trace that begins at a path."""
    return path.with_name(f"{path.stem}.blobs")


def found(path: Path, part: int) -> Path | None:
    """The file of a part, plain or compressed; None: there is none.

    A plain one beside a compressed one is what a crash left, and whole.
    """
    place = part_of(path, part)
    # A trace that begins asks for several: as texts they take a fifth of the time.
    name = str(place)
    if os.path.isfile(name):  # noqa: PTH113 - see above
        return place
    return packed(place) if os.path.isfile(name + PACKED) else None  # noqa: PTH113 - as above


def head_at(file: Path) -> Head | None:
    """What the header of a file says; None: it has none, or cannot be read."""
    try:
        with file.open("rb") as opened:
            return head_of(_first_line(opened))
    except (OSError, zlib.error):
        return None


def _first_line(file: BinaryIO) -> bytes:
    line = file.readline(_LONGEST)
    if not line.startswith(b"\x1f\x8b"):
        return line
    file.seek(0)
    text = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(file.read(_LONGEST), _LONGEST)
    return text.partition(b"\n")[0]


def others(path: Path) -> Iterator[tuple[int, Path]]:
    """The files that are named as further parts, in order; what they hold is not looked at."""
    form = re.compile(
        rf"{re.escape(path.stem)}\.([1-9][0-9]{{0,8}}){re.escape(path.suffix)}(?:\.gz)?\Z"
    )
    try:
        names = sorted(each.name for each in path.parent.iterdir())
    except OSError:
        return
    parts = [(int(match[1]), name) for name in names if (match := form.match(name))]
    for part, name in sorted(parts):
        if part > 1:
            yield part, path.with_name(name)
