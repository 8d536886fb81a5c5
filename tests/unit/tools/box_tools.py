"""Tools that a box imports, in a module of their own; each test says what it wants of them."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass

from toolrun import tool


@dataclass
class Point:
    """A place."""

    x: int
    y: int


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    print("adding")
    return a + b


@tool
def move(point: Point, by: int) -> Point:
    """Move a point."""
    return Point(point.x + by, point.y + by)


@tool
def fail(why: str) -> None:
    """Raise an exception."""
    raise ValueError(why)


@tool(timeout=0.5)
def hang() -> None:
    """Never return."""
    time.sleep(60)


@tool
def crash() -> None:
    """End the process."""
    os._exit(3)


@tool
def leave() -> None:
    """Ask Python to end."""
    sys.exit(4)


@tool
def limits() -> list[int]:
    """Tell how many files may be open, and how many seconds of CPU be used."""
    return [resource.getrlimit(each)[0] for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)]


@tool(max_output=100)
def talk() -> str:
    """Say much."""
    return "<" + "x" * 1000 + ">"
