"""What does a turn come to?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from toolrun.errors import ToolrunError, TurnCancelled, TurnIncomplete, TurnLimited, TurnParked
from toolrun.events import ApprovalRequested, AssistantMessage, LimitReached
from toolrun.tools.builtin.citations import Annotation, cited_in
from toolrun.values import Status, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.state import State


class MadeCall(Struct, frozen=True):
    """A call of a turn and its result; `result` is None while it waits for a decision.

    Attributes:
        id: of the call.
        name: of the tool.
        arguments: as the model wrote them.
    """

    id: str
    name: str
    arguments: str
    result: ToolResult | None


class Answer(Struct, frozen=True):
    """What a turn came to.

    Attributes:
        text: the answer; what there is of it where the turn ended early; "" where there is none.
        status: how the turn ended.
        reasoning: the chain of thought of all steps of the turn, in order.
        tool_calls: all calls of the turn, in order, with their results.
        usage: tokens of all steps of the turn, and of summaries that it needed.
        steps: the messages of the model, one a step.
        limit: the limit that ended the turn, where one did.
        pending: the calls that wait for a decision, where the turn is parked.
        error: what ended the turn, where it failed.
        reason: why it was cancelled or parked, in the words of whoever did that.
        output: the answer as a value of the type that was asked for, where one was.
        annotations: the citations in the text, with the pages that they refer to.
    """

    text: str
    status: Status
    reasoning: str = ""
    tool_calls: tuple[MadeCall, ...] = ()
    usage: Usage = Usage()
    steps: tuple[AssistantMessage, ...] = ()
    limit: LimitReached | None = None
    pending: tuple[ApprovalRequested, ...] = ()
    error: str | None = None
    output: Any = None
    annotations: tuple[Annotation, ...] = ()
    reason: str = ""

    def raise_for_status(self) -> Answer:
        """Return itself where the turn finished.

        Raises:
            TurnLimited, TurnParked, TurnCancelled: it did not.
            TurnIncomplete: it failed.
        """
        if self.status != "finished":
            self._raise()
        return self

    def _raise(self) -> NoReturn:
        match self.status:
            case "limited":
                limit = self.limit
                which = f"limits.{limit.limit} = {limit.value:g}" if limit else "a limit"
                raise TurnLimited(f"the turn reached {which}; Session.go_on() goes on", self)
            case "parked" if not self.pending:
                raise TurnParked(f"the turn was parked{_said(self.reason)}; go_on() goes on", self)
            case "parked":
                names = ", ".join(f"{each.name} ({each.call_id})" for each in self.pending)
                raise TurnParked(f"the turn waits for a decision on {names}", self)
            case "cancelled":
                why = _said(self.reason)
                raise TurnCancelled(f"the turn was cancelled{why}; Session.go_on() goes on", self)
            case _:
                raise TurnIncomplete(f"the turn failed: {self.error}", self)


def answer_of(state: State, parse: Callable[[str], Any] | None = None) -> Answer:
    """The answer of the last turn of a session, from its state.

    Args:
        state: of the session.
        parse: makes `output` of the text of a turn that finished.

    Raises:
        ToolrunError: no turn has ended.
        OutputInvalid: the answer does not fit, as `parse` says.
    """
    if state.finished is None:
        raise ToolrunError("no turn has ended yet")
    steps = tuple(
        message
        for message in state.transcript[state.turn_from :]
        if isinstance(message, AssistantMessage)
    )
    calls = tuple(
        MadeCall(call.id, call.name, call.arguments, state.turn_results.get((step.step, call.id)))
        for step in steps
        for call in step.tool_calls
    )
    last = steps[-1] if steps else None
    status = state.finished.status
    text = (last.content or "") if last and not last.tool_calls else ""
    return Answer(
        text=text,
        status=status,
        reasoning="\n\n".join(step.reasoning for step in steps if step.reasoning),
        tool_calls=calls,
        usage=sum((step.usage for step in steps), state.summed_up),
        steps=steps,
        limit=state.limit if status == "limited" else None,
        pending=tuple(state.pending.values()),
        error=state.finished.error,
        output=parse(text) if parse is not None and status == "finished" else None,
        annotations=cited_in(text, state.transcript),
        reason=state.finished.reason,
    )


def _said(reason: str) -> str:
    return f" ({reason})" if reason else ""
