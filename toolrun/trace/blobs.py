"""Where do the long texts of a trace lie? Beside it, each once, by the sha256 of its bytes.

The line that a text was taken out of ends in a field of its own, `blobs`: JSON Pointers into the
line, each with the name of a file. Readers put the texts back before anybody sees the line.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIELD: Final = "blobs"
MOST: Final = 1 << 30
"""Bytes of a line, with its texts: a line could name a long one a thousand times."""
_END: Final = b'"}}\n'
_BEGIN: Final = b',"blobs":{"/'
_NAME: Final = re.compile(r"[0-9a-f]{64}\Z")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Never waits, as a pipe in the place of a file would.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class BlobLost(Exception):
    """A text that a line names is not there as it was; the message says which, and what to do."""


class BlobWriter:
    """Takes long texts out of lines.

    Args:
        folder: of the texts; made at the first of them (0700), its files are their owner's (0600).
        longest: how many bytes of UTF-8 a text in a line may have.

    Attributes:
        longest: the same.
    """

    def __init__(self, folder: Path, longest: int) -> None:
        self._folder = folder
        self.longest = longest
        self._written: set[str] = set()

    def taken_out(self, data: bytes) -> bytes:
        """Whole lines without their long texts, which are written first.

        Raises:
            OSError: a text could not be written.
        """
        return b"".join(map(self._line, data.splitlines(keepends=True)))

    def _line(self, line: bytes) -> bytes:
        if len(line) <= self.longest:
            return line
        row = msgspec.json.decode(line)
        if FIELD in row:  # not a line of ours, which would be read as another
            return line
        places: dict[str, str] = {}
        for pointer, holder, key in _texts(row):
            text = holder[key].encode()
            if len(text) > self.longest:
                places[pointer] = self._kept(text)
                holder[key] = ""
        if not places:
            return line
        return msgspec.json.encode({**row, FIELD: places}) + b"\n"

    def _kept(self, text: bytes) -> str:
        """The name of a text that lies in the folder now."""
        name = hashlib.sha256(text).hexdigest()
        if name not in self._written:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self._folder, _FOLDER)
            try:
                _write(folder, name, text)
            finally:
                os.close(folder)
            self._written.add(name)
        return name


def _write(folder: int, name: str, text: bytes) -> None:
    """Put a text in its place whole, or not at all."""
    temporary = f"{name}.{os.getpid()}.tmp"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    try:
        with open(os.open(temporary, _NEW, 0o600, dir_fd=folder), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def restored(line: bytes, folder: Path) -> bytes:
    """A line with the texts put back that were taken out of it.

    Raises:
        BlobLost: one is not there, or not what it was.
    """
    if not line.endswith(_END) or _BEGIN not in line:
        return line
    try:
        row = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return line  # whoever decodes it says what is wrong
    places = row.pop(FIELD, None) if isinstance(row, dict) else None
    if not isinstance(places, dict):
        return line
    left = MOST
    for pointer, name in places.items():
        holder, key = _place(row, pointer)
        holder[key], size = _read(folder, name, left)
        left -= size
    return msgspec.json.encode(row) + b"\n"


def is_name(name: str) -> bool:
    """Whether a text can lie in a file of this name."""
    return _NAME.match(name) is not None


def clear(folder: Path) -> None:
    """Remove the texts of a trace that is replaced, and nothing else."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, _FOLDER)
        try:
            for name in os.listdir(opened):  # noqa: PTH208 - of a descriptor
                if _NAME.match(name.partition(".")[0]):
                    os.unlink(name, dir_fd=opened)
        finally:
            os.close(opened)
        folder.rmdir()


def _texts(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every text below a JSON value: its pointer, what holds it, and under which key."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        pointer, holder = waiting.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, each in list(pairs):
            below = f"{pointer}/{_escaped(key)}"
            if isinstance(each, str):
                yield below, holder, key
            elif isinstance(each, dict | list):
                waiting.append((below, each))


def _escaped(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _place(row: Any, pointer: str) -> tuple[Any, Any]:
    """What holds the place of a pointer, and under which key.

    Raises:
        BlobLost: no text stands there.
    """
    holder: Any = None
    key: Any = None
    value = row
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        holder = value
        key = int(name) if isinstance(holder, list) and name.isdecimal() else name
        try:
            value = holder[key]
        except (LookupError, TypeError):
            value = None
            break
    if holder is None or not isinstance(value, str):
        raise BlobLost(f"blobs: {pointer!r} is no place of a text in this line; it was changed")
    return holder, key


def _read(folder: Path, name: Any, most: int) -> tuple[str, int]:
    """A text, and how many bytes it has, which are no more than so many."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise BlobLost(f"blobs: {name!r} is no sha256 in 64 hexadecimal digits")
    path = folder / name
    try:
        opened = os.open(path, _READ)
        with open(opened, "rb") as file:  # noqa: PTH123 - a descriptor
            found = os.fstat(opened)
            is_too_much = found.st_size > most
            is_read = stat.S_ISREG(found.st_mode) and not is_too_much
            text = file.read(found.st_size) if is_read else b""
    except OSError as error:
        raise BlobLost(
            f"{path} cannot be read ({error.strerror or error}): a text of this line lies there; "
            f"copy the folder {folder.name} along with the trace"
        ) from error
    if is_too_much:
        raise BlobLost(f"blobs: the texts of this line have more than {MOST} bytes")
    if hashlib.sha256(text).hexdigest() != name:
        raise BlobLost(
            f"{path} was changed: its sha256 is not its name; copy it anew from where the trace "
            "was recorded"
        )
    try:
        return text.decode(), len(text)
    except UnicodeDecodeError as error:
        raise BlobLost(f"{path} is no UTF-8: {error.reason} at byte {error.start}") from error
