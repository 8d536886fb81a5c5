"""What do the tools of a hostile conversation say? Everything that no terminal should be told."""

from __future__ import annotations

import sys

from tests.integration.hostile_sequences import NAMES, text_of
from toolrun import tool


@tool(trusted=True)
def swallow(text: str) -> str:
    """Take a text, and say nothing of it."""
    return f"{len(text)} letters"


@tool(trusted=True)
def give(number: int) -> str:
    """Return a hostile text."""
    return text_of(NAMES[number], "S")


@tool(trusted=True)
def fail(number: int) -> str:
    """Raise an error with a hostile text."""
    raise ValueError(text_of(NAMES[number], "F"))


@tool(trusted=True, approve=True)
def risk(text: str) -> str:
    """Do what has to be asked for."""
    return f"{len(text)} letters"


@tool
def tell(number: int) -> str:
    """Print a hostile text, or all of them where the number is below 0."""
    for name in NAMES if number < 0 else (NAMES[number],):
        sys.stdout.write(text_of(name, "O") + "\n")
    return "told"
