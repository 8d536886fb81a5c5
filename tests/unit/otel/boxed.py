"""Tools that run in a sandbox, which imports this file."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path


def write(text: str) -> str:
    """Write a file."""
    Path("note.txt").write_text(text)
    return "written"


def fetch() -> str:
    """Ask a host that nobody has allowed."""
    try:
        urllib.request.urlopen("http://example.invalid/", timeout=5)
    except urllib.error.URLError as error:
        return str(error)
    return "answered"
