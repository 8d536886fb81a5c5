"""How does a trace play the model alone, or the tools alone, or both without holding every event?

The recorded steps come one after the other, the results by the calls that are made; what is asked
is compared as far as it is wished. All else is the session's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun.events import TurnUndone
from toolrun.journal import Journal
from toolrun.testing.recorded import RecordedWaits, Unhurried
from toolrun.testing.toolboxes import (
    CallRunner,
    ComparedToolbox,
    NoSecrets,
    RecordedToolbox,
    Replies,
    Unrecorded,
)
from toolrun.trace.asked import Asked
from toolrun.trace.calls import RecordedCalls
from toolrun.trace.fitting import RecordedFitting
from toolrun.trace.miss import Misses, advice
from toolrun.trace.stepwise import StepClock, StepModel, Stops

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolrun.errors import ReplayMismatch
    from toolrun.parts import Parts
    from toolrun.state import State
    from toolrun.trace.asked import Strictness
    from toolrun.trace.normal import Normal
    from toolrun.trace.plan import Plan
    from toolrun.values import FileChange


class Stepwise:
    """A session that takes steps, or results, or both from a trace.

    Args:
        plan: of the trace.
        path: where it lies.
        live: the parts of the session.
        normal: takes out of both sides what is not compared.
        rate: see `toolrun.trace.stepwise.StepClock`.
        strictness: which requests and results are taken for the recorded ones.
        model_is_live: steps are sampled, and nothing that is asked is compared.
        tools_are_live: calls run.

    Attributes:
        parts: of the session, with what the trace gives.
        state: of the session.
        unrecorded: the calls that the trace holds no result of.
        mismatch: the first difference, once there is one.
    """

    def __init__(
        self,
        plan: Plan,
        path: Path,
        live: Parts,
        normal: Normal,
        rate: float | None,
        *,
        strictness: Strictness,
        model_is_live: bool,
        tools_are_live: bool,
    ) -> None:
        self._plan = plan
        self.unrecorded: list[Unrecorded] = []
        self.mismatch: ReplayMismatch | None = None
        clock = StepClock(plan.opened.time, rate)
        journal = live.journal if model_is_live else _journal(plan, live, clock)
        self.state: State = journal.state
        misses = Misses(plan, normal, self.state, advice(path))
        stops = Stops(plan, self.state)
        journal.add(stops)
        self._model = StepModel(
            plan, Asked(plan.opened, normal, strictness), misses, clock, stops, self._keep
        )
        replies = Replies(
            RecordedCalls(plan.events, plan.begin),
            plan.events,
            self.state,
            misses,
            self._keep,
            normal,
            None if model_is_live else clock,
            None if model_is_live else stops,
            exact=strictness != "loose" and not model_is_live,
            unrecorded=self.unrecorded,
        )
        self._model_is_live = model_is_live
        self._undone = iter([e.left for e in plan.events if isinstance(e, TurnUndone)])
        changed: dict[str, Any] = {"journal": journal, "date": plan.opened.date}
        if not model_is_live:
            changed |= {
                "model": self._model,
                "clock": clock,
                "gate": None,
                "trace": None,
                "stops": stops.drive,
                "fitting": RecordedFitting(self._model.shortening),
                "teller": None,
                "settings": structs.replace(live.settings, **_timeless(live, tools_are_live)),
            }
        if tools_are_live:
            changed["toolbox"] = ComparedToolbox(live.toolbox, replies)
        else:
            changed["toolbox"] = RecordedToolbox(live.toolbox, CallRunner(replies), plan.fallbacks)
            changed |= {"secrets": NoSecrets(), "restore": self._restore}
        self.parts: Parts = structs.replace(live, **changed)

    @property
    def used(self) -> int:
        """How many of the recorded steps have been used."""
        return self._model.used

    @property
    def left(self) -> str | None:
        """What has not happened; a live model does as it likes."""
        if self._model_is_live or self._model.used == len(self._plan.steps):
            return None
        return self._plan.steps[self._model.used].name

    def _keep(self, mismatch: ReplayMismatch) -> ReplayMismatch:
        """Keep the first difference, which is what is raised again where there is another."""
        self.mismatch = self.mismatch or mismatch
        return self.mismatch

    async def _restore(self, changes: Sequence[FileChange]) -> tuple[str, ...]:  # noqa: ARG002 - as a `Restore`
        """Say of undone files what the trace says: no disk is touched."""
        return next(self._undone, ())


def _journal(plan: Plan, live: Parts, clock: StepClock) -> Journal:
    """A journal by the trace's id and clock, for who listens to the session."""
    sinks = [sink for sink in live.journal.sinks if sink is not live.trace]
    return Journal(plan.session, sinks, clock=clock.time, counts=live.journal.counts)


def _timeless(live: Parts, tools_are_live: bool) -> dict[str, Any]:  # noqa: FBT001 - the caller's
    """Settings whose waits are the trace's; tools that run have the time that they have."""
    settings = live.settings
    changed: dict[str, Any] = {"retries": RecordedWaits(**structs.asdict(settings.retries))}
    if not tools_are_live:
        changed["limits"] = Unhurried(**structs.asdict(settings.limits))
    return changed
