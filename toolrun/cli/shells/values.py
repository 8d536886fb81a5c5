"""Which sessions does the default store keep? For the Tab key: at once, and never an error."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from toolrun.cli.screen import cut, visible

_MOST: Final = 50
_WIDEST: Final = 60
_SIMPLE: Final = re.compile(r"[A-Za-z0-9._@%+][A-Za-z0-9._@%+-]{0,99}")
"""Ids that mean nothing to any shell, nor to us: `--yes` is an option. Others can be typed."""


def session_lines() -> list[str]:
    """The sessions that were touched last, the newest first: the id, a tab, the title.

    Read with nothing but sqlite3, and without a lock that a running session would wait for: the
    store's own packages take half a second to import. Nothing where anything is in the way.
    """
    try:
        found = _read(_file())
    except (OSError, sqlite3.Error, RuntimeError):
        return []
    return [f"{id}\t{_title(title)}" for id, title in found if _SIMPLE.fullmatch(id)]  # noqa: A001 - what users call it


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "toolrun" / "sessions.db"


def _read(file: Path) -> list[tuple[str, str]]:
    if not file.is_file():
        return []
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=0.2)) as database:
        rows = database.execute(
            "SELECT id, title FROM sessions ORDER BY updated DESC LIMIT ?", (_MOST,)
        )
        return [(str(id), str(title)) for id, title in rows]  # noqa: A001 - as above


def _title(title: str) -> str:
    return cut(" ".join(visible(title).split()), _WIDEST)
