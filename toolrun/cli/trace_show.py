"""`toolrun trace show`: what happened in a recorded session?"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from msgspec import json

from toolrun.cli import screen as s
from toolrun.cli.trace_files import a_trace
from toolrun.errors import ConfigError
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolrun.events import Event

_LONGEST = 200
"""Characters of a line of --events, where it is no terminal that says how many fit."""
_NARROW = 60
"""Columns of a terminal that has no room for times."""


def show(
    file: Path,
    /,
    *,
    turn: Annotated[int | None, Parameter(help="Only this turn, from 1.")] = None,
    step: Annotated[int | None, Parameter(help="Only this step of each turn, from 1.")] = None,
    no_reasoning: Annotated[bool, Parameter(help="Leave the chain of thought out.")] = False,
    full: Annotated[bool, Parameter(help="Long results and arguments in full.")] = False,
    events: Annotated[bool, Parameter(help="All events instead, a line each.")] = False,
    as_json: Annotated[
        bool, Parameter(name="--json", help="All events as JSON, one a line, for programs.")
    ] = False,
) -> int:
    """Show a recorded session: what was said and done, how long it took, how much it cost.

    Turn by turn: the user's words, the steps with their reasoning, calls, results, errors,
    retries, repairs and approvals, the answer, and a summary at the end. Nothing runs; `toolrun
    replay` runs it again.

    Args:
        file: A trace.
        turn: From 1.
        step: From 1.
        no_reasoning: Without the chain of thought.
        full: Whole results.
        events: One line each.
        as_json: For programs.
    """
    with TraceReader(a_trace(file)) as reader:
        found = chosen(reader, turn, step, "the trace")
        if as_json:
            print_json(found)
        elif events:
            _as_lines(reader, found)
        else:
            print_session(found, reasoning=not no_reasoning, whole=full, summed=not (turn or step))
        if reader.truncated and not as_json:
            s.Screen.of(sys.stdout).line(
                s.WARNING, "the file ends in half a line, which is not read"
            )
    return 0


def chosen(
    events: Iterable[Event], turn: int | None, step: int | None, whole: str
) -> Iterator[Event]:
    """The events that were asked for.

    Args:
        events: all that there are.
        turn: only this one.
        step: only this one of each turn.
        whole: what they are all of, for the message.

    Raises:
        ConfigError: there are none.
    """
    found = False
    last = 0
    for event in events:
        last = max(last, event.turn)
        if turn in (None, event.turn) and step in (None, event.step):
            found = True
            yield event
    if not found and (turn is not None or step is not None):
        where = f"turn {turn}" if step is None else f"step {step}"
        more = f" in turn {turn}" if step is not None and turn is not None else ""
        turns = "1 turn" if last == 1 else f"{last} turns"
        raise ConfigError(f"{whole} has no {where}{more}; it has {turns}")


def print_json(events: Iterable[Event]) -> None:
    """Write events as JSON, one a line."""
    from toolrun.cli.view import json_line

    for event in events:
        print(json_line(json.encode(event)))


def _as_lines(reader: TraceReader, events: Iterator[Event]) -> None:
    from toolrun.cli.event_line import told

    screen = s.Screen.of(sys.stdout)
    room = shutil.get_terminal_size().columns if screen.cursor else _LONGEST
    began: float | None = None
    for event in events:
        began = event.time if began is None else began
        place = f"{event.seq}.{event.sub}" if event.sub else f"{event.seq}"
        where = f"{event.time - began:>8.3f} {event.turn}.{event.step} "
        line = f"{reader.line:>5} {place:<6} {where}" if room > _NARROW else f"{place:<6} "
        line = f"{line}{type(event).__name__} {told(event)}".rstrip()
        # A control character may take more room as a sign than as itself.
        print(s.cut(s.visible(line).replace("\n", " ").replace("\t", " "), room))


def print_session(events: Iterable[Event], *, reasoning: bool, whole: bool, summed: bool) -> None:
    """Write what events tell, for people.

    Args:
        events: in order.
        reasoning: with the chain of thought.
        whole: long results and arguments in full.
        summed: with a summary below.
    """
    from toolrun.cli.shown import Shown, Summary

    screen = s.Screen.of(sys.stdout)
    shown, summary = Shown(screen, reasoning=reasoning, whole=whole), Summary()
    for event in events:
        shown.show(event)
        summary.take(event)
    shown.close()
    if summed:
        screen.line(s.TITLE, "summary")
        for line in summary.lines():
            screen.line(s.INDENTED, line)
