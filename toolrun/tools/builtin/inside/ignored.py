"""Which files of a folder does nobody want to see: those that `.gitignore` names, and the like?

Matched part by part with `fnmatch`, whose patterns take bounded time: a `.gitignore` is a
stranger's.
"""

# Names, not objects: pathlib is an import that every box would pay for.
# ruff: noqa: PTH118, PTH123
from __future__ import annotations

import fnmatch
import os

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER = frozenset(
    (
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".idea"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".DS_Store"),
    )
)
"""Names that no list shows, whether a `.gitignore` names them or not."""
_MAX_BYTES = 64 * 1024
_MAX_ALTERNATIVES = 32


class Rule:
    """A line of a `.gitignore`: a pattern, and the folder that it is relative to."""

    __slots__ = ("base", "folders", "negated", "parts")

    def __init__(self, base: str, line: str) -> None:
        self.negated: bool = line.startswith("!")
        line = line.removeprefix("!")
        self.folders: bool = line.endswith("/")
        line = line.rstrip("/").removeprefix("\\")
        anchored = "/" in line
        parts = [part for part in line.split("/") if part]
        self.parts: tuple[str, ...] = tuple(parts if anchored else ["**", *parts])
        self.base: str = base

    def matches(self, path: str, *, folder: bool) -> bool:
        """Whether it names a path, relative to the root of all."""
        if self.folders and not folder:
            return False
        if self.base:
            if not path.startswith(f"{self.base}/"):
                return False
            path = path[len(self.base) + 1 :]
        return _fits(self.parts, tuple(path.split("/")))


def rules_of(root: str, folder: str) -> list[Rule]:
    """The rules that a folder's `.gitignore` adds; none where it has none that can be read."""
    file = os.path.join(root, folder, ".gitignore")
    try:
        if os.path.islink(file) or not os.path.isfile(file):  # noqa: PTH113, PTH114 - names
            return []
        with open(file, encoding="utf-8", errors="replace") as lines:
            text = lines.read(_MAX_BYTES)
    except OSError:
        return []
    stripped = (line.strip() for line in text.splitlines())
    return [Rule(folder, line) for line in stripped if line and not line.startswith("#")]


def is_ignored(rules: list[Rule], path: str, *, folder: bool) -> bool:
    """Whether the last rule that names a path says so."""
    for rule in reversed(rules):
        if rule.matches(path, folder=folder):
            return not rule.negated
    return False


def entries(
    root: str, below: str = "", *, every: bool = False, deep: bool = True, most: int = 50_000
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """What lies in a folder, in order: relative paths, those of folders end in a slash.

    Links are not followed. .git, .env* and their like are never there.

    Args:
        root: of the paths.
        below: where to begin, relative to it.
        every: also what `.gitignore` names.
        deep: also what lies in folders, after the folder itself.
        most: entries that are looked at.
    """
    rules: list[Rule] = []
    if not every:
        parts = below.split("/") if below else []
        for depth in range(len(parts)):
            rules += rules_of(root, "/".join(parts[:depth]))
    pending = [(below, rules)]
    while pending:
        folder, above = pending.pop()
        rules = above if every else above + rules_of(root, folder)
        try:
            found = sorted(os.scandir(os.path.join(root, folder)), key=lambda each: each.name)
        except OSError:
            continue
        inner = []
        for entry in found:
            most -= 1
            if most < 0:
                return
            path = f"{folder}/{entry.name}" if folder else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _never(entry.name) or (rules and is_ignored(rules, path, folder=is_folder)):
                continue
            yield (f"{path}/" if is_folder else path), entry
            if is_folder and deep:
                inner.append((path, rules))
        pending += reversed(inner)


def fits(pattern: str, path: str) -> bool:
    """Whether a glob (`*`, `?`, `[...]`, `**`, `{a,b}`) names a path.

    Without a slash it is held against the last part alone: `*.py` names `src/a.py`.
    """
    parts = tuple(path.rstrip("/").split("/"))
    for each in alternatives(pattern):
        wanted = tuple(part for part in each.removeprefix("./").split("/") if part)
        if _fits(wanted if "/" in each else ("**", *wanted), parts):
            return True
    return False


def alternatives(pattern: str) -> list[str]:
    """A pattern without braces: `*.{py,md}` is `*.py` and `*.md`; at most 32."""
    found = [pattern]
    while len(found) < _MAX_ALTERNATIVES:
        at = next((i for i, each in enumerate(found) if "{" in each and "}" in each), None)
        if at is None:
            break
        head, _, rest = found[at].partition("{")
        inner, closed, tail = rest.partition("}")
        if not closed or "{" in inner:
            break
        found[at : at + 1] = [f"{head}{each}{tail}" for each in inner.split(",")]
    return found[:_MAX_ALTERNATIVES]


def _never(name: str) -> bool:
    return name in NEVER or name.lower() == ".git" or name.lower().startswith(".env")


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether parts fit a pattern's; by the ends that can be reached, so in bounded time."""
    ends = {0}
    for part in pattern:
        if part == "**":
            ends = set(range(min(ends), len(path) + 1)) if ends else ends
        else:
            ends = {
                end + 1 for end in ends if end < len(path) and fnmatch.fnmatchcase(path[end], part)
            }
    return len(path) in ends
