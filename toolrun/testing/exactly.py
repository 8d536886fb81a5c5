"""How is a session that somebody else drives held to a trace event by event?

Model and tools are the trace's, and so are clock, id and date: there is nothing left that could
differ, unless the session, its tools or what is said to it are others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun.events import TurnFinished
from toolrun.testing.recorded import Unwaiting, replayed
from toolrun.testing.toolboxes import NoSecrets, RecordedToolbox
from toolrun.trace.acts import Turn
from toolrun.trace.miss import advice
from toolrun.trace.replay import Cast

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.errors import ReplayMismatch
    from toolrun.events import Durable, Event
    from toolrun.options import Settings
    from toolrun.parts import Parts
    from toolrun.running import Running
    from toolrun.state import State
    from toolrun.trace.normal import Normal
    from toolrun.trace.plan import Plan

_PLACES = ("base_url", "via", "dialect", "workspace", "backend")
"""Settings that say where things are: they are the trace's, since nothing of it is there."""


class Exactly:
    """A session whose every event has to be the recorded one.

    Args:
        plan: of the trace.
        path: where it lies.
        live: the parts of the session.
        normal: takes out of both sides what is not compared.
        rate: see `toolrun.trace.cursor.Cursor`.

    Attributes:
        parts: of the session, with the trace's outside.
        state: of the session.
    """

    def __init__(
        self, plan: Plan, path: Path, live: Parts, normal: Normal, rate: float | None
    ) -> None:
        self._plan = plan
        turns = _Turns(plan)
        sinks = [turns, *(sink for sink in live.journal.sinks if sink is not live.trace)]
        self._cast = cast = Cast(
            plan, rate=rate, sinks=sinks, counts=live.journal.counts, normal=normal, do=advice(path)
        )
        turns.cast = cast
        self.state: State = cast.journal.state
        self.parts: Parts = structs.replace(
            live,
            journal=cast.journal,
            model=cast.model,
            toolbox=RecordedToolbox(live.toolbox, cast.runner, plan.fallbacks),
            settings=replayed(live.settings, _said(live.settings, plan.opened.settings)),
            trace=None,
            date=plan.opened.date,
            clock=Unwaiting(cast.cursor),
            gate=None,
            secrets=NoSecrets(),
            version=plan.opened.version,
            # Traces of before it was there lack it: it is not compared then.
            on_crash=None if plan.opened.on_crash else {},
            restore=cast.restore,
            stops=turns.drive,
            fitting=cast.fitting,
            teller=None,
        )

    @property
    def used(self) -> int:
        """How many of the recorded steps have been used."""
        position = self._cast.cursor.position
        return sum(1 for step in self._plan.steps if step.begin < position)

    @property
    def mismatch(self) -> ReplayMismatch | None:
        """The first difference, once there is one."""
        return self._cast.cursor.mismatch

    @property
    def left(self) -> str | None:
        """Where the first event stands that has not happened; None where all have."""
        cursor = self._cast.cursor
        return None if cursor.expected is None else cursor.place


class _Turns:
    """Stops each turn as the recorded one was stopped. A sink, behind the comparison."""

    observes = False

    def __init__(self, plan: Plan) -> None:
        self._before = len(plan.history) + 1  # SessionOpened, and what it began with
        self._turns = iter([act for act in plan.acts if isinstance(act, Turn)])
        self.cast: Cast  # given at once; it has this as one of its sinks
        self._running: Running  # given before a turn begins

    def drive(self, running: Running) -> None:
        """Take what stops the session's turns."""
        self._running = running
        self._next()

    def observe(self, event: Event) -> None:
        """See `Sink.observe`; nothing is wanted."""

    async def record(self, event: Durable) -> None:
        """After the end of a turn comes the next one."""
        if isinstance(event, TurnFinished) and event.seq > self._before:
            self._next()

    def _next(self) -> None:
        turn = next(self._turns, None)
        self.cast.expect(turn.stop if turn is not None else None, self._running)


def _said(live: Settings, recorded: dict[str, Any]) -> dict[str, Any]:
    """What a session says of its settings: all but where things are is its own."""
    said = live.as_dict()
    for name in _PLACES:
        said.pop(name, None)
        if name in recorded:
            said[name] = recorded[name]
    return {name: said[name] for name in [*(n for n in recorded if n in said), *said]}
