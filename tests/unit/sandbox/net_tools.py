"""Tools that ask for hosts."""

from __future__ import annotations

import urllib.request

from toolrun import tool


@tool(
    profile={
        "extends": "net",
        "private_hosts": ["localhost:9"],
        "widen": ["private_hosts"],
    }
)
def fetch(url: str) -> str:
    """Fetch a page."""
    try:
        with urllib.request.urlopen(url) as answer:
            return str(answer.read().decode())
    except OSError as error:
        return f"cannot: {error}"
