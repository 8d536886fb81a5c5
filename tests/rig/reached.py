"""Does each room below the command line have its branches reached by the tests?

Reads what `coverage json` wrote. A branch counts where a test's own process took it, or one forked
from it, as the scripts that prepare boxes are (`tests/unit/sandbox/forked.py`): what only a program
that a test starts runs, or a box, is told by how that ends, and is not counted here.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST: Final = 0.95
"""Of the branches of a room."""

ABOVE: Final = ("cli",)
"""Rooms that are tried as commands, in processes of their own."""

IN_BOXES: Final = ("toolrun/sandbox/inside/",)
"""What runs in a box alone, where nothing measures it; the attacks in tests/security hold it."""


class Reached(NamedTuple):
    """Branches of a room, or of a module."""

    taken: int
    all: int

    @property
    def share(self) -> float:
        """Of all that there are."""
        return self.taken / self.all if self.all else 1.0


def by_module(report: Mapping[str, Any]) -> dict[str, Reached]:
    """What a report says of each module that counts."""
    found = {}
    for path, told in report["files"].items():
        parts = PurePosixPath(path).parts
        if parts[0] != "toolrun" or parts[1] in ABOVE or path.startswith(IN_BOXES):
            continue
        summary = told["summary"]
        found[path] = Reached(summary["covered_branches"], summary["num_branches"])
    return found


def room_of(path: str) -> str:
    """A package; the modules beside the packages are one room."""
    parts = PurePosixPath(path).parts
    return f"toolrun/{parts[1]}/" if len(parts) > 2 else "toolrun/*.py"


def by_room(modules: Mapping[str, Reached]) -> dict[str, Reached]:
    """The same of each room."""
    found: defaultdict[str, Reached] = defaultdict(lambda: Reached(0, 0))
    for path, reached in modules.items():
        sums = found[room_of(path)]
        found[room_of(path)] = Reached(sums.taken + reached.taken, sums.all + reached.all)
    return dict(found)


def main(report: Path) -> int:
    """Print each room, and the modules that keep one below what it must have; 1 if one is."""
    modules = by_module(json.loads(report.read_bytes()))
    if not modules:
        print(f"{report} tells of no module of toolrun: measure in the root of the project.")
        return 1
    rooms = by_room(modules)
    low = {room for room, reached in rooms.items() if reached.share < LEAST}
    for room, reached in sorted(rooms.items(), key=lambda each: each[1].share):
        print(f"{reached.share:7.1%}  {reached.taken:5} of {reached.all:5}  {room}")
    weak = [
        (reached.all - reached.taken, path)
        for path, reached in modules.items()
        if reached.share < LEAST and room_of(path) in low
    ]
    for missed, path in sorted(weak, reverse=True):
        print(f"{missed:7} missed in {path}")
    if low:
        print(f"Below {LEAST:.0%}: {', '.join(sorted(low))}. Test those branches, or remove them.")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
