"""Does it hold for long? `python -m tests.chaos`: 300 random kills and 1,000 races a database.

Prints a table and writes it into `docs/reference/chaos.md`; ends with 1 where something does not
hold. What was done at each boundary, every write and every outage is tested in CI.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tests.chaos import story
from tests.chaos.races import race
from tests.chaos.random_kills import kill_at_random
from tests.chaos.scene import Scene
from tests.chaos.worker import Workers
from tests.rig import postgres
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path("docs/reference/chaos.md")
BEGIN: Final = "<!-- begin: python -m tests.chaos -->"
END: Final = "<!-- end -->"
BATCH: Final = 100
"""Races for the sessions of one dead worker."""


class Row(Struct, frozen=True):
    """What was done on one database, and how long it took."""

    database: str
    what: str
    count: str
    found: str
    seconds: float


def rows(scene: Scene, name: str, folder: Path, kills: int, races: int) -> Iterator[Row]:
    """Do all of it on one database.

    Raises:
        AssertionError: something does not hold; it says what.
    """
    began, seed = time.monotonic(), int(time.time())
    print(f"{name}: {kills} kills, seed {seed}", file=sys.stderr)
    done = kill_at_random(scene, kills, seed)
    found = f"{done.sessions} sessions finished, {done.seen:,} events that were seen are stored"
    yield Row(name, "kill -9 at a random moment", f"{done.kills:,}", found, _since(began))
    began = time.monotonic()
    won = busy = 0
    for number in range(0, races, BATCH):
        print(f"{name}: races from {number}", file=sys.stderr)
        came = race(scene, folder, min(BATCH, races - number), f"race-{number}")
        won, busy = won + came["won"], busy + came["busy"]
    found = f"one winner each; the other was refused {busy:,} times, and too late {won - busy:,}"
    yield Row(name, "two resumers race", f"{won:,}", found, _since(began))


def _since(began: float) -> float:
    return time.monotonic() - began


def table(found: list[Row]) -> str:
    """All rows as Markdown."""
    head = "| database | what | how often | what came of it | seconds |\n|---|---|---|---|---|"
    lines = [
        f"| {each.database} | {each.what} | {each.count} | {each.found} | {each.seconds:.0f} |"
        for each in found
    ]
    return "\n".join([head, *lines])


def write(text: str) -> None:
    """Put the table into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Do it on SQLite, and on PostgreSQL where that is installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--races", type=int, default=1_000)
    parser.add_argument("--no-page", action="store_true", help="print the table alone")
    asked = parser.parse_args()
    found: list[Row] = []
    with ExitStack() as stack:
        mock = stack.enter_context(MockServer(keep=0))
        workers = stack.enter_context(Workers())
        story.tell(mock)
        urls = {}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls["SQLite"] = f"sqlite:///{folder / 'sessions.db'}"
        if postgres.binaries() is not None:
            server = stack.enter_context(postgres.new())
            urls["PostgreSQL"] = server.database()
        for name, url in urls.items():
            own = folder / name
            own.mkdir()
            scene = Scene(workers, url, mock.url, own)
            for row in rows(scene, name, own, asked.kills, asked.races):
                print(f"{row.what}: {row.found}", file=sys.stderr)
                found.append(row)
    print(table(found))
    if not asked.no_page:
        write(table(found))


if __name__ == "__main__":
    main()
