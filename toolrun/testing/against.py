"""Does another model, or another server, behave as the recorded one did? It is asked again.

The user's words, the instructions, settings and tools are those of a trace, and so are the results
of calls: no tool runs. The model is live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from toolrun.testing.again import ask_all, options_of
from toolrun.testing.listening import Events
from toolrun.testing.stage import Stage
from toolrun.testing.toolboxes import Unrecorded
from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.difference import Difference, differences
from toolrun.trace.plan import Plan
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolrun.models.ways import Via
    from toolrun.trace.turns import Behaviour

FailOn: TypeAlias = Literal["calls", "answer", "none"]
_COMPARED: Final = ("turn", "step", "text", "call", "argument", "decision", "outcome", "status")


class Side(Struct, frozen=True):
    """How much one of the two did.

    Attributes:
        steps, calls: of all turns.
        tokens: that it wrote.
        statuses: how each turn ended; None where the trace ends within it.
    """

    steps: int
    calls: int
    tokens: int
    statuses: list[str | None]

    @classmethod
    def of(cls, done: Behaviour) -> Side:
        """Count what a session did."""
        return cls(
            steps=sum(len(turn.steps) for turn in done.turns),
            calls=sum(len(turn.calls) for turn in done.turns),
            tokens=sum(turn.usage.completion_tokens for turn in done.turns),
            statuses=[turn.status for turn in done.turns],
        )


class Comparison(Struct, frozen=True):
    """A recorded session, and what a live model made of the same.

    Attributes:
        recorded, live: how much each did.
        calls: whether the tools that were called, their arguments and their order are the same.
        ends: whether each turn ended in the same way.
        answers: whether the text of each turn's answer is the same.
        differences: of steps, calls, texts and ends, in order; reasoning is not among them.
        unrecorded: calls whose result is not in the trace; each was answered so, as an error.
    """

    recorded: Side
    live: Side
    calls: bool
    ends: bool
    answers: bool
    differences: list[Difference]
    unrecorded: list[Unrecorded]

    def fails(self, on: FailOn) -> bool:
        """Whether it differs in what matters: calls and ends; or answers, too; or nothing."""
        if on == "none":
            return False
        same = self.calls and self.ends and not self.unrecorded
        return not (same and (on == "calls" or self.answers))


async def ask_again(
    path: str | Path,
    base_url: str | Sequence[str],
    *,
    model: str | None = None,
    via: Via | None = None,
    extra_body: Mapping[str, Any] | None = None,
    record: Path | None = None,
    **options: Any,
) -> Comparison:
    """Ask a live model what was asked in a trace, and compare what it does.

    A call gets the result that is recorded of a call of the same tool with the same arguments; an
    approval the decision that is recorded of it, else it is denied.

    Args:
        path: of the trace.
        base_url: of the server, or servers.
        model: its name there; the recorded one where None.
        via: how it is sampled; as recorded where None.
        extra_body: over that of the trace.
        record: a file for the trace of the new session.
        **options: more of the session, such as `api_key`.

    Raises:
        TraceError: the file is no trace, or cannot be replayed.
        ServerUnreachable, ModelNotFound: nobody is there to be asked. What else a server does wrong
            fails its turn, which is compared.
    """
    trace = read_trace(path)
    plan = Plan.from_trace(trace)
    asked = options_of(plan, trace.events)
    heard = Events()
    asked |= {
        "base_url": base_url,
        "extra_body": {**asked["extra_body"], **(extra_body or {})},
        "trace": record,
        "sinks": [heard],
    }
    asked |= {name: value for name, value in (("model", model), ("via", via)) if value}
    stage = Stage(path, strictness="loose", model="live", tools="trace")
    await ask_all(plan, stage, {**asked, **options})
    return _compared(behaviour_of(trace.events), behaviour_of(heard), stage.unrecorded)


def _compared(recorded: Behaviour, live: Behaviour, unrecorded: Sequence[Unrecorded]) -> Comparison:
    sides = recorded, live
    calls, ends, answers = (
        [[what(turn) for turn in side.turns] for side in sides]
        for what in (_calls, lambda turn: (turn.status, turn.limit), lambda turn: turn.answer)
    )
    return Comparison(
        recorded=Side.of(recorded),
        live=Side.of(live),
        calls=calls[0] == calls[1],
        ends=ends[0] == ends[1],
        answers=answers[0] == answers[1],
        differences=[each for each in differences(*sides) if each.what in _COMPARED],
        unrecorded=list(unrecorded),
    )


def _calls(turn: Any) -> list[tuple[str, Any]]:
    """The calls of a turn; how the model spaced their JSON is no difference."""
    return [
        (call.name, call.arguments if call.parsed is None else call.parsed) for call in turn.calls
    ]
