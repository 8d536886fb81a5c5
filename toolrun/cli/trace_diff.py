"""`toolrun trace diff`: in what do two recorded sessions differ?"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import Struct, json

from toolrun.cli import screen as s
from toolrun.cli.trace_files import a_trace
from toolrun.cli.view import json_line
from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.difference import Difference, differences, every_difference
from toolrun.trace.reader import read_trace
from toolrun.values import Usage

if TYPE_CHECKING:
    from toolrun.trace.turns import Behaviour

_MOST = 100


class Numbers(Struct, frozen=True):
    """How much a session was."""

    turns: int
    steps: int
    calls: int
    tokens_read: int
    tokens_written: int
    seconds: float


def diff(
    before: Path,
    after: Path,
    /,
    *,
    exact: Annotated[bool, Parameter(help="Ids, times and all other fields, too.")] = False,
    as_json: Annotated[
        bool, Parameter(name="--json", help="One JSON object with all, for programs.")
    ] = False,
) -> int:
    """Tell in what two recorded sessions differ, turn by turn and step by step.

    Settings, tools and their schemas, what the user said, reasoning, calls, arguments field by
    field, decisions, results, answers, how turns ended. Ids, times and how a stream was cut into
    pieces make no difference, unless --exact. Ends with 0 where they are equal, else with 1.

    Args:
        before: A trace.
        after: Another.
        exact: Every field.
        as_json: For programs.
    """
    old, new = read_trace(a_trace(before)), read_trace(a_trace(after))
    one, other = behaviour_of(old.events), behaviour_of(new.events)
    found = differences(one, other)
    if exact:
        found += every_difference(old.events, new.events)
    numbers = _numbers(one), _numbers(other)
    if as_json:
        report: dict[str, Any] = {
            "equal": not found,
            "before": {"file": str(before), "numbers": numbers[0]},
            "after": {"file": str(after), "numbers": numbers[1]},
            "differences": found,
        }
        print(json_line(json.format(json.encode(report))))
    else:
        _show(found, *numbers)
    return 1 if found else 0


def _show(found: list[Difference], before: Numbers, after: Numbers) -> None:
    from toolrun.cli.difference_lines import lines

    screen = s.Screen.of(sys.stdout)
    for style, text in lines(found[:_MOST]):
        screen.line(style, text)
    if len(found) > _MOST:
        screen.line(s.NOTE, f"and {len(found) - _MOST:,} more; --json gives all")
    screen.line(s.TITLE, "numbers")
    for name in Numbers.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        form = ".1f" if name == "seconds" else ","
        sides = dict.fromkeys((f"{old:{form}}", f"{new:{form}}"))
        screen.line(s.INDENTED, f"{name.replace('_', ' ')}: {' -> '.join(sides)}")
    if found:
        count = len(found)
        screen.line(s.BAD, f"{count:,} {'difference' if count == 1 else 'differences'}")
    else:
        screen.line(s.GOOD, "no difference")


def _numbers(of: Behaviour) -> Numbers:
    usage = sum((turn.usage for turn in of.turns), Usage())
    return Numbers(
        turns=len(of.turns),
        steps=sum(len(turn.steps) for turn in of.turns),
        calls=sum(len(turn.calls) for turn in of.turns),
        tokens_read=usage.prompt_tokens,
        tokens_written=usage.completion_tokens,
        seconds=round(sum(turn.seconds for turn in of.turns), 3),
    )
