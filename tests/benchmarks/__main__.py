"""`python -m tests.benchmarks [PHASE …]`: measures, prints tables, writes `results/*.json`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import measure, phase_import, phase_step, phase_validation
from tests.benchmarks.contestants import FLOOR, SDK_LOOP, TOOLRUN

if TYPE_CHECKING:
    from tests.benchmarks.measure import Figures

_console = Console(width=100)


def _rows(figures: Figures, to: tuple[str, ...]) -> dict[str, Any]:
    there = tuple(name for name in to if name in figures.rounds)
    return {name: figures.row(name, there) for name in figures.rounds}


def _show(title: str, rows: dict[str, Any]) -> None:
    columns = list(next(iter(rows.values())))
    table = Table("", *columns, title=title, title_justify="left")
    for name, row in rows.items():
        table.add_row(name, *(f"{row[column]:g}" for column in columns))
    _console.print(table)


def _step(arguments: argparse.Namespace) -> list[str]:
    cores = measure.Cores.of_this_machine()
    cores.pin()
    found = asyncio.run(phase_step.run(cores, names=arguments.contestants, rounds=arguments.rounds))
    tables, missed = {}, []
    for phase, figures in found.items():
        tables[phase] = _rows(figures, (SDK_LOOP, FLOOR))
        _show(f"A step, {phase} (ms)", tables[phase])
        if {TOOLRUN, SDK_LOOP} <= figures.rounds.keys():
            ratio, must = figures.ratio(TOOLRUN, SDK_LOOP), phase_step.MUST[phase]
            tables[phase]["must"] = {f"to {SDK_LOOP}": must, "met": ratio <= must}
            missed += [f"{phase}: {ratio:.3f} > {must}"] if ratio > must else []
    measure.write(phase_step.NAME, tables)
    return missed


def _import(arguments: argparse.Namespace) -> list[str]:
    rows = _rows(phase_import.run(rounds=arguments.rounds), (phase_import.TO,))
    _show("An import in a fresh interpreter (ms)", rows)
    measure.write(phase_import.NAME, rows)
    return []


def _validation(arguments: argparse.Namespace) -> list[str]:
    measure.Cores.of_this_machine().pin()
    found = asyncio.run(phase_validation.run(rounds=arguments.rounds))
    tables = {case: _rows(figures, (phase_validation.PER_CALL,)) for case, figures in found.items()}
    for case, rows in tables.items():
        _show(f"A call's arguments: {case} (ms)", rows)
    measure.write(phase_validation.NAME, tables)
    return []


_PHASES = {
    phase_step.NAME: _step,
    phase_validation.NAME: _validation,
    phase_import.NAME: _import,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=", ".join(_PHASES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--contestants", nargs="+", default=phase_step.ALL, choices=phase_step.ALL)
    arguments = parser.parse_args()
    if unknown := set(arguments.phases) - set(_PHASES):
        parser.error(f"no such phase: {', '.join(unknown)}")
    missed = [line for name in arguments.phases or _PHASES for line in _PHASES[name](arguments)]
    for line in missed:
        _console.print(f"missed: {line}", style="bold red")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
