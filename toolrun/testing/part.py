"""Which part does one recorded session play in one that is driven by somebody else?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from toolrun.errors import ReplayMismatch, TraceError
from toolrun.testing.exactly import Exactly
from toolrun.testing.stepwise import Stepwise
from toolrun.trace.asked import Strictness
from toolrun.trace.miss import advice
from toolrun.trace.plan import Plan
from toolrun.trace.reader import read_runs

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.parts import Parts
    from toolrun.testing.toolboxes import Unrecorded
    from toolrun.trace.normal import Normal

Source: TypeAlias = Literal["trace", "live"]


class How(Struct, frozen=True):
    """How a trace is played; see `toolrun.testing.stage.Stage`."""

    strictness: Strictness = "strict"
    model: Source = "trace"
    tools: Source = "trace"
    volatile: Sequence[str] = ()
    rate: float | None = None

    @property
    def exact(self) -> bool:
        """Whether every event is held to the recorded one."""
        return (self.strictness, self.model, self.tools) == ("strict", "trace", "trace")


class Part:
    """A recorded session, and how far it has been played.

    Args:
        path: of its trace.
        how: it is played.

    Attributes:
        plan: of the trace.

    Raises:
        TraceError: the file is no trace, or cannot be replayed.
    """

    def __init__(self, path: Path, how: How) -> None:
        self.path = path
        recorded = read_runs(path)
        try:
            self.plan: Plan = Plan.from_trace(recorded)
        except TraceError as error:
            raise TraceError(f"{path}: {error}", error.line) from error
        self._how = how
        self._play: Exactly | Stepwise | None = None

    @property
    def opened(self) -> bool:
        """Whether a session has taken it."""
        return self._play is not None

    @property
    def steps(self) -> int:
        """How many steps it holds."""
        return len(self.plan.steps)

    @property
    def used(self) -> int:
        """How many of them have been used."""
        return 0 if self._play is None else self._play.used

    @property
    def mismatch(self) -> ReplayMismatch | None:
        """The first difference, once there is one."""
        return None if self._play is None else self._play.mismatch

    @property
    def unrecorded(self) -> list[Unrecorded]:
        """The calls that it holds no result of."""
        return self._play.unrecorded if isinstance(self._play, Stepwise) else []

    def assemble(self, live: Parts, normal: Normal) -> Parts:
        """The parts of a session that is driven by somebody else, with this one's outside.

        Args:
            live: the session's own.
            normal: takes out of both sides what is not compared.
        """
        if self._how.exact:
            exactly = self._play = Exactly(self.plan, self.path, live, normal, self._how.rate)
            return exactly.parts
        how = self._how
        stepwise = self._play = Stepwise(
            *(self.plan, self.path, live, normal, how.rate),
            strictness=how.strictness,
            model_is_live=how.model == "live",
            tools_are_live=how.tools == "live",
        )
        return stepwise.parts

    def finish(self) -> None:
        """See that all of it has happened, of a session in which nothing differed.

        Raises:
            ReplayMismatch: some of it has not happened.
        """
        play = self._play
        if play is None:
            raise ReplayMismatch(
                f"{self.path}: no session was opened that would have used it. Open one, or take "
                "the trace away"
            )
        left = play.left
        if left is None:
            return
        if self.used < self.steps:
            step = self.plan.steps[self.used]
            made = "none" if not self.used else str(self.used)
            raise ReplayMismatch(
                f"{self.path}: {step.name} was not used: {self.steps} requests are recorded, and "
                f"the session made {made}.\n{advice(self.path)}",
                request=step.number,
                nearest=step,
                transcript=play.state.transcript,
            )
        raise ReplayMismatch(
            f"{self.path}: {left} was recorded, and did not happen.\n{advice(self.path)}",
            transcript=play.state.transcript,
        )
