"""Which part does one recorded session play in one that is driven by somebody else?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun.errors import ReplayMismatch
from toolrun.events import TurnFinished
from toolrun.testing.recorded import Unwaiting, replayed
from toolrun.tools.secrets import NONE, Secrets
from toolrun.tools.toolbox import Toolbox
from toolrun.trace.plan import Plan, Turn
from toolrun.trace.reader import read_trace
from toolrun.trace.replay import Cast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolrun.events import Durable, Event
    from toolrun.options import Settings
    from toolrun.parts import Parts
    from toolrun.running import Running
    from toolrun.tools.context import Hidden
    from toolrun.tools.definition import Tool
    from toolrun.tools.runners import Runner

_PLACES = ("base_url", "via", "dialect", "workspace", "backend")
"""Settings that say where things are: they are the trace's, since nothing of it is there."""


class Part:
    """A recorded session, and how far it has been played.

    Args:
        path: of its trace.
        rate: see `Stage`.

    Attributes:
        plan: of the trace.
        steps: how many it holds.
    """

    def __init__(self, path: Path, *, rate: float | None = None) -> None:
        self.path = path
        self.plan = plan = Plan.from_trace(read_trace(path))
        self._rate = rate
        self._steps = plan.steps
        self.steps = len(plan.steps)
        self._cast: Cast | None = None

    @property
    def used(self) -> int:
        """How many steps have been used."""
        if self._cast is None:
            return 0
        position = self._cast.cursor.position
        return sum(1 for step in self._steps if step.begin < position)

    def assemble(self, live: Parts) -> Parts:
        """The parts of a session that is driven by somebody else, with this one's outside."""
        plan = self.plan
        turns = _Turns(plan)
        sinks = [turns, *(sink for sink in live.journal.sinks if sink is not live.trace)]
        self._cast = cast = Cast(plan, rate=self._rate, sinks=sinks, counts=live.journal.counts)
        turns.cast = cast
        return structs.replace(
            live,
            journal=cast.journal,
            model=cast.model,
            toolbox=_RecordedToolbox(live.toolbox, cast.runner),
            settings=replayed(live.settings, _said(live.settings, plan.opened.settings)),
            trace=None,
            date=plan.opened.date,
            clock=Unwaiting(cast.cursor),
            gate=None,
            secrets=_NoSecrets(),
            version=plan.opened.version,
            restore=cast.restore,
            stops=turns.drive,
        )

    def finish(self) -> None:
        """See that all of it has happened.

        Raises:
            ReplayMismatch: something differed, or some of it has not happened.
        """
        if self._cast is None:
            raise ReplayMismatch(
                f"{self.path}: no session was opened that would have used it. Open one, or take "
                "the trace away"
            )
        cursor = self._cast.cursor
        if cursor.mismatch is not None:
            raise cursor.mismatch
        if cursor.expected is None:
            return
        for step in self._steps:
            if step.begin >= cursor.position:
                raise ReplayMismatch(
                    f"{self.path}: {step.name} was not used: {len(self._steps)} requests are "
                    f"recorded, and the session made {step.number - 1}. Have it go on as it was "
                    "recorded, or record it again (pytest --trace-mode=refresh)",
                    request=step.number,
                    nearest=step,
                    transcript=self._cast.journal.state.transcript,
                )
        raise ReplayMismatch(
            f"{self.path}: {cursor.place} was recorded, and did not happen. Have the session go on "
            "as it was recorded, or record it again (pytest --trace-mode=refresh)",
            transcript=self._cast.journal.state.transcript,
        )


class _Turns:
    """Stops each turn as the recorded one was stopped. A sink, behind the comparison."""

    observes = False

    def __init__(self, plan: Plan) -> None:
        self._before = len(plan.history) + 1  # SessionOpened, and what it began with
        self._turns = iter([act for act in plan.acts if isinstance(act, Turn)])
        self.cast: Cast | None = None
        self._running: Running | None = None

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
        running, cast = self._running, self.cast
        turn = next(self._turns, None)
        if running is None or cast is None:
            return
        stop = turn.stop if turn is not None else None
        of_time = stop is not None and stop.how == "seconds"
        cast.expect(stop, running.time_is_up if of_time else running.cancel)


class _RecordedToolbox(Toolbox):
    """The session's own tools, whose calls are checked as ever and answered by the trace."""

    def __init__(self, live: Toolbox, runner: Runner) -> None:
        super().__init__(live.tools, trusted=runner, sandboxed=runner)
        self._live = live

    def profile(self, tool: Tool) -> str | None:
        """See `Toolbox.profile`."""
        return self._live.profile(tool)


class _NoSecrets(Secrets):
    """Nothing runs that could use a secret, and so none need be there."""

    async def check(self, tools: Iterable[Tool]) -> None:
        """See `Secrets.check`."""

    async def of(self, tool: Tool) -> Hidden:  # noqa: ARG002 - as above
        """See `Secrets.of`."""
        return NONE


def _said(live: Settings, recorded: dict[str, Any]) -> dict[str, Any]:
    """What a session says of its settings: all but where things are is its own."""
    said = live.as_dict()
    for name in _PLACES:
        said.pop(name, None)
        if name in recorded:
            said[name] = recorded[name]
    return {name: said[name] for name in [*(n for n in recorded if n in said), *said]}
