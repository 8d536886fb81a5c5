"""What happens in a turn: sample a step, run its calls, until a message without calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct, field, structs

from toolrun.approvals import Approvals, decided, decision_on
from toolrun.decisions import Approver
from toolrun.ending import end_turn
from toolrun.errors import MalformedOutput, OutputInvalid
from toolrun.events import (
    ApprovalRequested,
    AssistantMessage,
    LimitReached,
    ToolCallFinished,
    ToolCallStarted,
    key_of,
)
from toolrun.journal import Journal
from toolrun.limits import Budget, Meter
from toolrun.models.model import Request
from toolrun.output import Output
from toolrun.parking import Parking
from toolrun.repeating import note, refusal, repeated, repeats
from toolrun.shortening import RECALL
from toolrun.spending import Teller
from toolrun.step import Sampler
from toolrun.tools.checked import Ready, Undecided, Wrong
from toolrun.tools.context import CallContext
from toolrun.tools.kept import Kept
from toolrun.tools.listener import recording
from toolrun.tools.secrets import Secrets
from toolrun.tools.surviving import after_crash
from toolrun.tools.toolbox import Toolbox
from toolrun.values import ToolResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolrun.tools.checked import Checked
    from toolrun.values import ToolCall


class Turn(Struct, frozen=True, eq=False):
    """What a turn works with.

    Attributes:
        journal: what has happened; its state says what comes next.
        sampler: samples the steps.
        toolbox: checks and runs the calls.
        meter: what the turn may still take.
        request: what stays the same from step to step.
        approver: decides on calls that ask for it; None parks the turn.
        budget: what the session may still take.
        output: what the answer has to be.
        tenant: on whose behalf the session runs.
        context: the user's own object, for tools.
        secrets: what tools may declare.
        kept: what the session's own tools keep from call to call.
        parking: a wish that it end where its step does.
        approvals: how long calls wait for a decision.
        teller: tells the account that the session is charged to, where there is one.
    """

    journal: Journal
    sampler: Sampler
    toolbox: Toolbox
    meter: Meter
    request: Request
    approver: Approver | None = None
    budget: Budget = Budget()
    output: Output | None = None
    tenant: str | None = None
    context: Any = None
    secrets: Secrets = Secrets()
    kept: Kept = field(default_factory=Kept)
    parking: Parking = field(default_factory=Parking)
    approvals: Approvals = Approvals()
    teller: Teller | None = None


async def run_turn(turn: Turn) -> None:
    """Drive a session from its last message to the end of the turn.

    Going on is the same call: calls that already have an outcome are not run again.

    Raises:
        ServerError: a step could not be sampled within the retry budget.
        OutputInvalid: the model gives no answer of the type that was asked for.
        ContextTooLong: the conversation no longer fits into the model's context.
    """
    journal, state = turn.journal, turn.journal.state
    if state.finished is None and state.limit is not None:  # its process ended before its end
        return await end_turn(journal, "limited")
    message = _taken_up(turn)
    while True:
        if message is None and not state.open_calls:
            message = await _sampled(turn)
            if message is None:
                return None
        if message is not None and await _ended_by(turn, message):
            return None
        message = None
        too_often = repeated(journal, turn.toolbox, turn.meter.limits.repeats)
        await run_calls(turn)
        if state.pending:
            return await end_turn(journal, "parked", reason=turn.parking.reason)
        if too_often:
            return await _limited(journal, LimitReached("repeats", turn.meter.limits.repeats))


async def _sampled(turn: Turn) -> AssistantMessage | None:
    """The message of the next step; None where the turn has ended instead."""
    journal = turn.journal
    limit = turn.meter.reached() or turn.budget.reached(journal.state.usage)
    if limit is None and turn.teller is not None:
        limit = await turn.teller.reached(journal.session, journal.state)
    if limit is not None:
        await _limited(journal, limit)
        return None
    if turn.parking.asked:
        await end_turn(journal, "parked", reason=turn.parking.reason)
        return None
    if await turn.sampler.fit(journal, turn.request, turn.meter):
        return await _sampled(turn)  # a summary takes of the limits, too
    message = await turn.sampler.sample(journal, turn.request, turn.meter)
    turn.meter.steps += 1
    if turn.teller is not None:
        await turn.teller.tell(journal.session, journal.state)
    return message


async def _ended_by(turn: Turn, message: AssistantMessage) -> bool:
    """Whether a message ends the turn: as its answer, or because it was cut off."""
    journal = turn.journal
    if message.finish_reason == "length" and _cut_off(turn, message):
        await _limited(journal, LimitReached("max_tokens", message.usage.completion_tokens))
        return True
    if message.tool_calls:
        return False
    if turn.output is not None:
        await _shaped(turn, turn.output, message)
    await end_turn(journal, "finished")
    return True


async def run_calls(turn: Turn) -> None:
    """Run the open calls at once; `fold` keeps their results in the order of the calls."""
    turn.journal.cut()
    # Checked and counted in their order, so that a limit always meets the same ones.
    calls = [(call, _checked(turn, call)) for call in turn.journal.state.open_calls]
    if len(calls) == 1:
        return await run_call(turn, *calls[0])
    try:
        async with anyio.create_task_group() as group:
            for call, checked in calls:
                group.start_soon(run_call, turn, call, checked)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def run_call(turn: Turn, call: ToolCall, checked: Checked) -> None:
    """Run a call, in a scope of its own: what it logs and asks for says so."""
    with turn.journal.within("call", name=turn.toolbox.name_of(call), call_id=call.id):
        await _run_call(turn, call, checked)


async def _run_call(turn: Turn, call: ToolCall, checked: Checked) -> None:
    """Ask where it must be asked, record the intent, run the call, record the outcome."""
    journal = turn.journal
    match await _approved(turn, call, checked):
        case Wrong(result):
            await journal.record(ToolCallFinished(call.id, call.name, result))
        case Ready() as ready:
            async with ready.slot():
                context = _context(turn, call, await turn.secrets.of(ready.tool))
                # The intent, before anything happens.
                await journal.record(
                    ToolCallStarted(call.id, ready.tool.name, ready.arguments, ready.profile)
                )
                journal.cut_off.discard(call.id)
                result = await ready.run(context, recording(journal, call.id), turn.kept)
            count = repeats(call, turn.toolbox, journal.state)
            said = note(count, turn.meter.limits.repeats)
            await journal.record(ToolCallFinished(call.id, ready.tool.name, result, said))


async def _approved(turn: Turn, call: ToolCall, checked: Checked) -> Checked:
    """The call as checked, after a decision where it needs one; without an approver it waits."""
    if not isinstance(checked, Undecided):
        return checked
    journal = turn.journal
    if call.id not in journal.state.pending:
        await journal.record(
            ApprovalRequested(call.id, checked.name, checked.arguments, checked.reason)
        )
    request = journal.state.pending[call.id]
    decision = await decision_on(
        call, request, turn.approvals, turn.approver, turn.parking, journal.clock
    )
    if decision is None:
        return checked
    await journal.record(decided(call.id, checked.name, decision))
    return _checked(turn, call)


def _taken_up(turn: Turn) -> AssistantMessage | None:
    """The message that the process which sampled it did nothing about, where it has ended since.

    What the turn has taken of its limits by then stays taken, but for its time.
    """
    journal, state, meter = turn.journal, turn.journal.state, turn.meter
    if state.finished is not None:
        return None
    journal.cut()
    meter.steps, meter.tool_calls = state.step, len(state.begun) - len(journal.cut_off)
    return last if isinstance(last := state.transcript[-1], AssistantMessage) else None


def _checked(turn: Turn, call: ToolCall) -> Checked:
    """Whether a call may run; one that a crash cut off follows its tool's `on_crash`."""
    journal, toolbox = turn.journal, turn.toolbox
    checked = toolbox.check(call, journal.state)
    if call.id in journal.cut_off:
        name = toolbox.name_of(call)
        policy = toolbox.on_crash.get(name, "rerun" if name == RECALL else "ask")
        checked = after_crash(call, checked, policy, journal.state)
    return _counted(turn, call, checked)


def _counted(turn: Turn, call: ToolCall, checked: Checked) -> Checked:
    """The call as checked, unless the turn has none left, or has made this one too often."""
    if not isinstance(checked, Ready):
        return checked
    name, limits = checked.tool.name, turn.meter.limits
    if repeats(call, turn.toolbox, turn.journal.state) >= limits.repeats:
        text = refusal(name, limits.repeats)
    elif not turn.meter.take_call():
        text = f"{name} was not run: the turn has no calls left."
    else:
        return checked
    return Wrong(ToolResult(text, "denied"))


def _context(turn: Turn, call: ToolCall, secrets: Mapping[str, str]) -> CallContext:
    """What a tool may know of its call; the key is the same whenever this call is run."""
    journal, left = turn.journal, turn.meter.remaining()
    state = journal.state
    return CallContext(
        session=journal.session,
        tenant=turn.tenant,
        call_id=call.id,
        idempotency_key=key_of(journal.session, state.turn, state.step, call.id),
        deadline=None if left is None else turn.sampler.clock.time() + left,
        context=turn.context,
        secrets=secrets,
    )


async def _limited(journal: Journal, limit: LimitReached) -> None:
    await journal.record(limit)
    await end_turn(journal, "limited")


def _cut_off(turn: Turn, message: AssistantMessage) -> bool:
    """Whether a message that ran out of tokens lacks something: text, or the end of a call."""
    return not message.tool_calls or any(
        not call.arguments or turn.toolbox.flaw(call) is not None for call in message.tool_calls
    )


async def _shaped(turn: Turn, output: Output, message: AssistantMessage) -> None:
    """Have an answer that does not fit said once more, in a step without tools.

    `response_format` has no tool path in vLLM, so the two don't mix in one step.
    """

    def fits(said: AssistantMessage) -> None:
        try:
            output.parse(said.content or "")
        except OutputInvalid as error:
            raise MalformedOutput(str(error), "output-invalid") from error

    try:
        fits(message)
    except MalformedOutput:
        request = structs.replace(
            turn.request, tools=(), response_format=output.response_format, nudge=output.nudge
        )
    else:
        return
    try:
        await turn.sampler.sample(turn.journal, request, turn.meter, fits)
    except MalformedOutput as error:
        if error.code == "output-invalid":
            raise OutputInvalid(str(error)) from error
        raise
    turn.meter.steps += 1
    if turn.teller is not None:
        await turn.teller.tell(turn.journal.session, turn.journal.state)
