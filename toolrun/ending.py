"""How does a turn end, and what becomes of the calls that it leaves open?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import AssistantMessage, ToolCallFinished, TurnFinished
from toolrun.tools.surviving import unknown
from toolrun.values import ToolResult

if TYPE_CHECKING:
    from toolrun.journal import Journal
    from toolrun.values import Status


async def end_turn(
    journal: Journal, status: Status, error: str | None = None, reason: str = ""
) -> None:
    """Record the end of a turn; unless it is parked, every call without an outcome gets one."""
    if status != "parked":
        await close_calls(journal, f"it was stopped: the turn was {status}")
    await journal.record(TurnFinished(status, error, reason))


async def close_calls(journal: Journal, why: str) -> None:
    """Give every open call a result, so that the transcript can go on."""
    for call in journal.state.open_calls:
        if call.id in journal.cut_off:
            result = unknown(call.name).result
        else:
            what = "gave no result" if call.id in journal.state.started else "was not run"
            result = ToolResult(f"{call.name} {what}: {why}", "cancelled")
        await journal.record(ToolCallFinished(call.id, call.name, result))


async def end_left(journal: Journal) -> None:
    """End the turn of a process that is gone, of a session that goes on with another one."""
    last = journal.state.transcript[-1]
    if journal.state.limit is not None:
        await end_turn(journal, "limited")
    elif isinstance(last, AssistantMessage) and not last.tool_calls:
        await end_turn(journal, "finished")
    else:
        await end_turn(
            journal, "cancelled", reason="its process ended, and it was not gone on with"
        )
