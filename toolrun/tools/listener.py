"""Who hears of a call while it runs?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from toolrun.events import EgressDecided, FileChanged, ToolOutput
from toolrun.values import FileChange

if TYPE_CHECKING:
    from toolrun.journal import Journal
    from toolrun.sandbox.egress.proxy import Decision

Output = Callable[[Literal["stdout", "stderr", "progress"], str], None]
Changing = Callable[[Sequence[FileChange]], Awaitable[None]]
Egress = Callable[[str, int, str, str], None]

LEFT_BEHIND = "ThreadLeftBehind"
"""Under which name `Runtime.counts` has the threads that could not be stopped."""


class Listener(Struct, frozen=True):
    """What a runner tells of a call; what is None is not asked for.

    Attributes:
        output: is told ("stdout" or "stderr", text) as the tool prints, and ("progress", text) of
            each value that it yields.
        changing: is awaited with what the call is about to do to the workspace, before that is
            touched.
        egress: is told (host, port, method, reason) of each request of a sandboxed tool to a host;
            the reason is why it was refused, "" where it was let through.
        left: is told that the call was stopped, and its function runs on in a thread.
    """

    output: Output | None = None
    changing: Changing | None = None
    egress: Egress | None = None
    left: Callable[[], None] | None = None


def recording(journal: Journal, call_id: str) -> Listener:
    """Who tells a session's journal of a call: what the tool prints only where somebody listens."""

    def output(stream: Literal["stdout", "stderr", "progress"], text: str) -> None:
        journal.observe(ToolOutput(call_id, stream, text))

    async def changing(changes: Sequence[FileChange]) -> None:
        for change in changes:
            await journal.record(FileChanged.of(call_id, change))

    def egress(host: str, port: int, method: str, reason: str) -> None:
        journal.report(EgressDecided(call_id, host, port, method, not reason, reason))

    def left() -> None:
        journal.counts[LEFT_BEHIND] += 1

    return Listener(output if journal.listening else None, changing, egress, left)


def heard_by(listener: Listener) -> dict[str, Any]:
    """Who hears of a call of a sandbox, by the names of the arguments of `Sandbox.call`."""

    def egress(decision: Decision) -> None:
        if listener.egress is not None:
            reason = "" if decision.allowed else decision.reason
            listener.egress(decision.host, decision.port, decision.method, reason)

    return {
        "on_output": listener.output,
        "changing": listener.changing,
        "on_egress": egress,
    }
