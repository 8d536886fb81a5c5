"""Which file of the workspace does a path mean, may a tool touch it, and what stands in it?

In a box it bounds what the model's paths reach; outside it finds what an approval shows. Standard
library only.
"""

# Names, not objects: pathlib is an import that every box would pay for.
# ruff: noqa: PTH110, PTH116, PTH118, PTH119, PTH123
from __future__ import annotations

import os
import stat

from toolrun.tools.builtin.inside.kinds import kind_of, size_of

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 8 * 1024 * 1024
"""Of a file that is changed, or read as a whole."""
_NEAR_FILES = 5_000
_PASSED_OVER = frozenset(
    (".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache")
)


class Unfit(Exception):
    """What was asked cannot be done; the message says why, and what could."""


def place(root: str, path: str, *, change: bool = False) -> str:
    """The absolute path that is meant, links resolved.

    Args:
        root: the workspace, absolute, links resolved.
        path: the model's, from there on, or absolute.
        change: whether it is to be changed: `toolrun.toml` and names that cannot be kept may not.

    Raises:
        Unfit: it is empty, leads out of the workspace, or is not for tools.
    """
    if not path.strip():
        raise Unfit("the path is empty: give one inside the workspace, such as README.md")
    if "\0" in path or (change and not path.isprintable()):
        raise Unfit(f"{path!r}: a path has no control characters")
    plain = os.path.normpath(os.path.join(root, path))
    if not _within(plain, root):
        raise Unfit(f"{path}: lies outside of the workspace. {_meant(root, path)}")
    try:
        real = os.path.realpath(os.path.join(root, path))
    except (OSError, ValueError) as error:
        raise Unfit(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not _within(real, root):
        raise Unfit(f"{path}: a link on its way leads out of the workspace")
    for each in (plain, real):
        for part in os.path.relpath(each, root).split("/"):
            if is_protected(part, change=change):
                raise Unfit(
                    f"{path}: {part} is protected: .git, .env* and, to be changed, toolrun.toml "
                    "are not for tools"
                )
    return real


def is_protected(name: str, *, change: bool = False) -> bool:
    """Whether a name is not for tools; on some file systems .GIT is .git."""
    lower = name.lower()
    return lower == ".git" or lower.startswith(".env") or (change and lower == "toolrun.toml")


def relative(root: str, real: str) -> str:
    """A path as the model is told it."""
    return os.path.relpath(real, root)


def regular(root: str, path: str, *, change: bool = False) -> str:
    """The absolute path of a file that is there.

    Raises:
        Unfit: see `place`; it is not there, or is something else.
    """
    real = place(root, path, change=change)
    try:
        status = os.stat(real)
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise Unfit(f"{path}: there is no such file. {near(root, path)}".strip()) from error
        raise Unfit(f"{path}: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise Unfit(f"{path}: is a folder; list_files shows what is in it")
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise Unfit(f"{path}: is no regular file")
    return real


def text_at(root: str, path: str, *, change: bool = False) -> str:
    """The text of a file, with its line ends as they are.

    Raises:
        Unfit: see `regular`; it is too large, or no text.
    """
    real = regular(root, path, change=change)
    try:
        with open(real, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unfit(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        size = size_of(os.stat(real).st_size)
        raise Unfit(f"{path}: is too large ({size}); at most {size_of(MAX_BYTES)} are read at once")
    return decoded(path, data)


def decoded(path: str, data: bytes) -> str:
    """The text that bytes are.

    Raises:
        Unfit: they are none.
    """
    if kind := kind_of(data[:8192]):
        raise Unfit(f"{path}: is {kind} ({size_of(len(data))}), no text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unfit(f"{path}: is no UTF-8 text (byte {error.start})") from error


def near(root: str, path: str) -> str:
    """Which files might be meant by a path that leads nowhere: a sentence, or nothing."""
    import difflib

    known = list(_names(root))
    wanted = os.path.normpath(path).lstrip("/")
    base = os.path.basename(wanted)
    found = [each for each in known if os.path.basename(each) == base][:3]
    found += [each for each in difflib.get_close_matches(wanted, known, 3) if each not in found]
    return f"Did you mean {' or '.join(found[:3])}?" if found else ""


def _names(root: str) -> Iterator[str]:
    seen = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if each not in _PASSED_OVER)
        for name in sorted(files):
            seen += 1
            if seen > _NEAR_FILES:
                return
            if not is_protected(name):
                yield os.path.relpath(os.path.join(folder, name), root)


def _meant(root: str, path: str) -> str:
    below = path.lstrip("/")
    there = os.path.normpath(os.path.join(root, below))
    if path.startswith("/") and below and _within(there, root) and os.path.exists(there):
        return f"Did you mean {below}?"
    return "Paths begin in the workspace, and stay in it"


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
