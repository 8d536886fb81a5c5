"""`toolrun replay --check`: do many recorded sessions happen again in the same way?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import anyio
import msgspec
from msgspec import Struct

from toolrun.cli import screen as s
from toolrun.cli.bar import Bar
from toolrun.cli.trace_files import traces
from toolrun.cli.view import json_line
from toolrun.errors import ReplayMismatch, TraceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolrun.trace.asked import Strictness


class Checked(Struct, frozen=True, omit_defaults=True):
    """What the replay of one trace came to.

    Attributes:
        result: "ok": every event is as recorded; "differs"; or "not replayable".
        what: the first difference, or why it cannot be replayed; "" where it is ok.
        events: of the trace, where it is ok.
        unfinished: whether the trace ends in the middle of a turn.
    """

    file: str
    result: Literal["ok", "differs", "not replayable"]
    what: str = ""
    events: int = 0
    unfinished: bool = False


def check(files: Sequence[Path], *, strictness: Strictness, exit_first: bool, as_json: bool) -> int:
    """Replay traces, and say of each how it went; 0 where all are as recorded, else 1.

    Args:
        files: traces, and folders of them.
        strictness: of the replay; see `toolrun.testing.stage.Stage`.
        exit_first: check no more after the first that is not ok.
        as_json: one object with all, instead of a line each.

    Raises:
        ConfigError: there is no such file or folder.
    """
    found = traces(files)
    checked = anyio.run(_checked, found, strictness, exit_first, not as_json)
    bad = [each for each in checked if each.result != "ok"]
    if as_json:
        report: dict[str, Any] = {"traces": checked, "left_out": len(found) - len(checked)}
        print(json_line(msgspec.json.format(msgspec.json.encode(report))))
    else:
        s.Screen.of(sys.stdout).line(s.NOTE, _summary(checked, len(found)))
    return 1 if bad else 0


async def _checked(
    found: list[Path],
    strictness: Strictness,
    exit_first: bool,  # noqa: FBT001 - an option, passed on
    shown: bool,  # noqa: FBT001 - an option, passed on
) -> list[Checked]:
    checked: list[Checked] = []
    screen = s.Screen.of(sys.stdout)
    with Bar(len(found), sys.stdout if shown else sys.stderr) as bar:
        for path in found:
            bar.at(str(path))
            each = await check_one(path, strictness)
            checked.append(each)
            if shown:
                with bar.aside():
                    screen.line(*_line(each))
            if exit_first and each.result != "ok":
                break
    return checked


async def check_one(path: Path, strictness: Strictness = "strict") -> Checked:
    """Replay one trace; see `toolrun.testing.replay_trace`."""
    replayed = _strictly(path) if strictness == "strict" else _less_strictly(path, strictness)
    try:
        return await replayed
    except ReplayMismatch as error:
        return Checked(str(path), "differs", str(error))
    except TraceError as error:
        return Checked(str(path), "not replayable", _apart(str(error), path))


async def _strictly(path: Path) -> Checked:
    from toolrun.testing.replay import replay_trace

    report = await replay_trace(path)
    return Checked(str(path), "ok", "", report.events, report.unfinished)


async def _less_strictly(path: Path, strictness: Strictness) -> Checked:
    """Ask all again, with the trace for model and tools."""
    from toolrun.testing.again import ask_all, options_of
    from toolrun.testing.stage import Stage
    from toolrun.trace.plan import Plan
    from toolrun.trace.reader import read_trace

    trace = read_trace(path)
    plan = Plan.from_trace(trace)
    stage = Stage(path, strictness=strictness)
    await ask_all(plan, stage, options_of(plan, trace.events))
    stage.finish()
    return Checked(str(path), "ok", "", len(trace.events), plan.unfinished)


def _apart(said: str, path: Path) -> str:
    """A message without the path that it begins with: the line has it already."""
    return said.removeprefix(f"{path}, ").removeprefix(f"{path}: ")


def _line(each: Checked) -> tuple[s.Style, str]:
    if each.result == "ok":
        rest = ", unfinished" if each.unfinished else ""
        return s.GOOD, f"{each.file}  {each.events:,} events{rest}"
    if each.result == "differs":
        # The first line says what and where; what to do is the same for all.
        return s.BAD, f"{each.file}: {each.what.splitlines()[0]}"
    return s.BAD, f"{each.file}: not replayable: {each.what}"


def _summary(checked: Sequence[Checked], total: int) -> str:
    counts = {
        "as recorded": sum(each.result == "ok" for each in checked),
        "different": sum(each.result == "differs" for each in checked),
        "not replayable": sum(each.result == "not replayable" for each in checked),
        "not looked at": total - len(checked),
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"{total:,} {'trace' if total == 1 else 'traces'}: {told}"
