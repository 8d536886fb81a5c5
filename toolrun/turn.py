"""What happens in a turn: sample a step, run its calls, until a message without calls."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Literal

import anyio
import structlog
from msgspec import structs

from toolrun.decisions import Approve, Deny, Edit
from toolrun.errors import MalformedOutput, ServerStatus
from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    LimitReached,
    Retried,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    ToolResult,
    TurnFinished,
)
from toolrun.tools.context import CallContext
from toolrun.tools.toolbox import Ready, Toolbox, Undecided, Wrong
from toolrun.transcript import reasoning_kept_from

if TYPE_CHECKING:
    from toolrun.decisions import Approver, Decision
    from toolrun.errors import ServerError
    from toolrun.events import AssistantMessage, Status, ToolCall
    from toolrun.journal import Journal
    from toolrun.limits import Meter
    from toolrun.models.model import Model, Request
    from toolrun.tools.toolbox import Checked

RETRIES = 3


async def run_turn(
    journal: Journal,
    model: Model,
    toolbox: Toolbox,
    meter: Meter,
    request: Request,
    approver: Approver | None = None,
) -> None:
    """Drive a session from its last message to the end of the turn.

    Going on is the same call: calls that already have an outcome are not run again.

    Args:
        journal: what has happened; its state says what comes next.
        model: samples the steps.
        toolbox: checks and runs the calls.
        meter: what the turn may still take.
        request: what stays the same from step to step.
        approver: decides on calls that ask for it; None parks the turn.

    Raises:
        ServerError: a step could not be sampled within the retry budget.
    """
    state = journal.state
    while True:
        if not state.open_calls:
            if (limit := meter.reached()) is not None:
                await journal.record(limit)
                return await end_turn(journal, "limited")
            message = await sample(journal, model, request, meter)
            if not message.tool_calls:
                return await _end(journal, message)
        await run_calls(journal, toolbox, meter, approver)
        if state.pending:
            return await end_turn(journal, "parked")


async def sample(
    journal: Journal, model: Model, request: Request, meter: Meter
) -> AssistantMessage:
    """Sample one step; a malformed one is sampled again, and nothing is appended for it."""
    messages = journal.state.transcript
    step = structs.replace(request, messages=messages, reasoning_from=reasoning_kept_from(messages))
    journal.sampling = True
    for attempt in range(1, RETRIES + 2):
        try:
            message = await model.sample(step, journal.observe if journal.listening else None)
            _check(message)
        except (MalformedOutput, ServerStatus) as error:
            if attempt > RETRIES or not _passing(error):
                raise
            journal.observe(Retried(attempt, str(error)))
        else:
            meter.steps += 1
            await journal.record(message)
            return message
    raise AssertionError  # the last attempt returns or raises


async def run_calls(
    journal: Journal, toolbox: Toolbox, meter: Meter, approver: Approver | None
) -> None:
    """Run the open calls at once; `fold` keeps their results in the order of the calls."""
    calls = journal.state.open_calls
    if len(calls) == 1:
        return await run_call(calls[0], journal, toolbox, meter, approver)
    try:
        async with anyio.create_task_group() as group:
            for call in calls:
                group.start_soon(run_call, call, journal, toolbox, meter, approver)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def run_call(
    call: ToolCall, journal: Journal, toolbox: Toolbox, meter: Meter, approver: Approver | None
) -> None:
    """Check a call, ask where it must be asked, record the intent, run it, record the outcome."""
    match await _approved(call, toolbox.check(call, journal.state), journal, toolbox, approver):
        case Wrong(result):
            await journal.record(ToolCallFinished(call.id, call.name, result))
        case Ready() as ready if not meter.take_call():
            text = f"{ready.tool.name} was not run: the turn has no calls left."
            await journal.record(ToolCallFinished(call.id, call.name, ToolResult(text, "denied")))
        case Ready() as ready:
            # The intent, before anything happens.
            await journal.record(
                ToolCallStarted(call.id, ready.tool.name, ready.arguments, ready.profile)
            )

            def output(stream: Literal["stdout", "stderr", "progress"], text: str) -> None:
                journal.observe(ToolOutput(call.id, stream, text))

            context = CallContext(
                session=journal.session,
                call_id=call.id,
                idempotency_key=_key(journal, call),
            )
            result = await ready.run(context, output if journal.listening else None)
            await journal.record(ToolCallFinished(call.id, ready.tool.name, result))


def _key(journal: Journal, call: ToolCall) -> str:
    """The same for one call over retries and resumes: a model may give two calls one id."""
    return f"{journal.session}.{journal.state.turn}.{journal.state.step}.{call.id}"


async def _approved(
    call: ToolCall,
    checked: Checked,
    journal: Journal,
    toolbox: Toolbox,
    approver: Approver | None,
) -> Checked:
    """The call as checked, after a decision where it needs one; without an approver it waits."""
    if not isinstance(checked, Undecided):
        return checked
    if call.id not in journal.state.pending:
        await journal.record(
            ApprovalRequested(call.id, checked.name, checked.arguments, checked.reason)
        )
    if approver is None:
        return checked
    try:
        decision = await approver(call)
    except Exception:  # noqa: BLE001 - the user's code; whatever it raises denies
        structlog.get_logger("toolrun").error(
            "approver raised", call=call.id, tool=call.name, traceback=traceback.format_exc()
        )
        decision = Deny("the approver failed")
    await journal.record(decided(call.id, decision))
    return toolbox.check(call, journal.state)


def decided(call_id: str, decision: Decision) -> ApprovalDecided:
    """A decision as the event that records it."""
    match decision:
        case Approve(scope):
            return ApprovalDecided(call_id, "approve", scope)
        case Edit(arguments):
            return ApprovalDecided(call_id, "edit", arguments=arguments)
        case Deny(reason):
            return ApprovalDecided(call_id, "deny", reason=reason)


async def end_turn(journal: Journal, status: Status, error: str | None = None) -> None:
    """Record the end of a turn; unless it is parked, every call without an outcome gets one."""
    if status != "parked":
        await close_calls(journal, f"it was stopped: the turn was {status}")
    await journal.record(TurnFinished(status, error))


async def close_calls(journal: Journal, why: str) -> None:
    """Give every open call a result, so that the transcript can go on."""
    for call in journal.state.open_calls:
        started = call.id in journal.state.started
        text = (
            f"{call.name} gave no result: {why}" if started else f"{call.name} was not run: {why}"
        )
        await journal.record(ToolCallFinished(call.id, call.name, ToolResult(text, "cancelled")))


async def _end(journal: Journal, message: AssistantMessage) -> None:
    """The end of a turn whose last message has no calls; one that was cut off is not an answer."""
    if message.finish_reason == "length":
        await journal.record(LimitReached("max_tokens", message.usage.completion_tokens))
        return await end_turn(journal, "limited")
    return await end_turn(journal, "finished")


def _check(message: AssistantMessage) -> None:
    """Refuse a message that says nothing (vLLM #41902, #45736)."""
    if not (message.content or message.tool_calls or message.finish_reason == "length"):
        raise MalformedOutput("the model said nothing: no content and no call")


def _passing(error: ServerError) -> bool:
    """Whether sampling again may help: malformed output and the server's own failures."""
    return not isinstance(error, ServerStatus) or error.status >= 500  # noqa: PLR2004
