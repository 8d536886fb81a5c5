"""`python -m tests.benchmarks [PHASE …]`: measures, prints tables, writes `results/*.json`.

It ends with the table of musts, and with status 1 where one of them is missed. With `--peers` the
frameworks of others take part, and nothing is a must.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import contestants, measure
from tests.benchmarks.musts import verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

_console = Console(width=120)
_PHASES = (
    "step",
    "flight",
    "rounds",
    "trace",
    "store",
    "replay",
    "sse",
    "validation",
    "memory",
    "import",
    "sandbox",
    "repl",
    "render",
    "nano",
)
_PEER_PHASES = ("step", "flight", "rounds", "store", "memory", "repl")
_PEER_ROUNDS = 3


def _show(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    columns = list(next(iter(rows.values())))
    table = Table("", *columns, title=title, title_justify="left")
    for name, row in rows.items():
        table.add_row(name, *(_cell(row.get(column)) for column in columns))
    _console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _measure(phase: str, setting: measure.Setting, *, peers: bool) -> dict[str, float]:
    """Run a phase, print and write what it found; returns what the table of musts needs."""
    began = time.monotonic()
    module = importlib.import_module(f"tests.benchmarks.phase_{phase}")
    found: measure.Found = module.run(setting)
    for title, rows in found.tables.items():
        _show(title, rows)
    _console.print(f"[dim]{phase}: {time.monotonic() - began:.0f} s[/dim]\n")
    measure.write(f"peers-{phase}" if peers else phase, {**found.tables, "seen": found.seen})
    return found.seen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=", ".join(_PHASES))
    parser.add_argument("--peers", action="store_true", help="with the frameworks in peers.txt")
    parser.add_argument("--rounds", type=int, help="turns of each contestant")
    everybody = (*contestants.ALL, *contestants.PEERS)
    parser.add_argument("--contestants", nargs="+", choices=everybody)
    given = parser.parse_args()
    phases = given.phases or (_PEER_PHASES if given.peers else _PHASES)
    if unknown := set(phases) - set(_PHASES):
        parser.error(f"no such phase: {', '.join(unknown)}")
    cores = measure.Cores.of_this_machine()
    cores.pin()
    names = given.contestants or (everybody if given.peers else contestants.ALL)
    rounds = given.rounds or (_PEER_ROUNDS if given.peers else None)
    setting = measure.Setting(cores, tuple(names), rounds)
    seen: dict[str, float] = {}
    for phase in phases:
        seen |= _measure(phase, setting, peers=given.peers)
    rows = [] if given.peers else verdicts(seen)
    if rows:
        _show(
            "What is a must",
            {row["phase"]: {key: row[key] for key in row if key != "phase"} for row in rows},
        )
        measure.write("musts", {"rows": rows})
    return 1 if any(row["met"] == "NO" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
