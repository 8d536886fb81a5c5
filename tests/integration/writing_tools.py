"""Tools that write to the workspace: a sandbox imports them from this file."""

from __future__ import annotations

import time
from pathlib import Path


def write(path: str, text: str) -> str:
    """Write a file."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return "written"


def append(path: str, text: str, seconds: float = 0.0) -> int:
    """Add to a file, after a while."""
    before = Path(path).read_text()
    time.sleep(seconds)
    return Path(path).write_text(before + text)


def read(path: str) -> str:
    """Read a file."""
    return Path(path).read_text()


def delete(path: str) -> None:
    """Delete a file."""
    Path(path).unlink()


def link(path: str, target: str) -> None:
    """Make a link, and write a file beside it."""
    Path(path).symlink_to(target)
    Path("beside.txt").write_text("beside")
