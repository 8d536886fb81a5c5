"""`toolrun trace check`: are these traces whole and right?"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import UNSET, Struct, UnsetType, json

from toolrun.cli import screen as s
from toolrun.cli.bar import Bar
from toolrun.cli.trace_files import traces
from toolrun.cli.view import json_line
from toolrun.errors import ConfigError, TraceError
from toolrun.trace.check import Checked, check_trace, size_of
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONG = 10 << 20
_HEAD = 2
"""Lines of a trace that say nothing of what happened."""
_UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


class Report(Struct, frozen=True):
    """What is said of one trace: what it holds, or what is wrong and where."""

    file: str
    ok: bool
    holds: Checked | UnsetType = UNSET
    error: str | UnsetType = UNSET
    line: int | UnsetType = UNSET


def check(
    *files: Path,
    as_json: Annotated[
        bool, Parameter(name="--json", help="One JSON object with all, for programs.")
    ] = False,
) -> int:
    """Check traces: each line against the schema, their order, and what they say of each other.

    One line a trace: what it holds, or the first thing that is wrong, with its line, and what to
    do. Ends with 0 where all are right, else with 1. Takes no more memory for a longer trace.

    Args:
        files: Traces, and folders with traces.
        as_json: For programs.
    """
    if not files:
        raise ConfigError("name a trace or a folder: toolrun trace check FILE ...")
    found = traces(files)
    screen = s.Screen.of(sys.stdout)
    reports: list[Report] = []
    with Bar(len(found), sys.stderr, alone=size_of(found[0]) > _LONG) as bar:
        for file in found:
            bar.at(str(file))
            report = _checked(file, bar)
            reports.append(report)
            if not as_json:
                with bar.aside():
                    _show(screen, report)
    bad = sum(not report.ok for report in reports)
    if as_json:
        whole: dict[str, Any] = {"ok": not bad, "traces": reports}
        print(json_line(json.format(json.encode(whole))))
    elif len(reports) > 1:
        screen.line(s.NOTE, _summary(reports, bad))
    return 1 if bad else 0


def _checked(file: Path, bar: Bar) -> Report:
    def told(events: int) -> None:
        bar.note(f"{file} ({events:,} events)")

    try:
        return Report(str(file), ok=True, holds=check_trace(file, told))
    except TraceError as error:
        return Report(str(file), ok=False, error=str(error), line=error.line)


def _show(screen: s.Screen, report: Report) -> None:
    if isinstance(report.holds, Checked):
        screen.line(s.GOOD, f"{report.file}: {_held(report.holds)}")
        return
    screen.line(s.BAD, f"{report.error}{_what_to_do(report)}")


def _held(holds: Checked) -> str:
    parts = [
        counted(holds.events, "event"),
        counted(holds.turns, "turn"),
        counted(holds.steps, "step"),
        _size(holds.size),
        f"format {holds.format}",
    ]
    if holds.parts > 1:
        parts.append(f"{holds.parts:,} files")
    if holds.blobs:
        parts.append(f"{counted(holds.blobs, 'long text')} beside it")
    if holds.unfinished:
        parts.append("ends within a turn")
    if holds.truncated:
        parts.append("ends in half a line, which is not read")
    return ", ".join(parts)


def _what_to_do(report: Report) -> str:
    """What can still be had of a trace that is bad from some line on."""
    line, file = report.line, report.file
    here = isinstance(report.error, str) and report.error.startswith(f"{file}, line ")
    if not here or not isinstance(line, int) or line <= _HEAD + 1 or file.endswith(".gz"):
        return ""
    return f"\nThe {line - 1:,} lines before it can be read: head -n {line - 1} {file}"


def _summary(reports: Sequence[Report], bad: int) -> str:
    size = sum(each.holds.size for each in reports if isinstance(each.holds, Checked))
    verdict = f"{bad:,} bad" if bad else "all right"
    return f"{counted(len(reports), 'trace')}, {_size(size)}: {verdict}"


def _size(number: int) -> str:
    for unit, name in _UNITS:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} B"
