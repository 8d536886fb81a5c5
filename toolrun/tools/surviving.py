"""What becomes of a call whose process died while it ran?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from toolrun.tools.checked import Undecided, Wrong
from toolrun.values import OnCrash, ToolResult

if TYPE_CHECKING:
    from toolrun.events import ApprovalDecided
    from toolrun.state import State
    from toolrun.tools.checked import Checked
    from toolrun.values import ToolCall

UNKNOWN: Final = (
    "{name} gave no result: the process that ran it ended while it ran. Its outcome is unknown: it "
    "may or may not have happened. Look before you do it again."
)
"""What the model reads of a call whose outcome is unknown."""


def after_crash(call: ToolCall, checked: Checked, policy: OnCrash, state: State) -> Checked:
    """What comes of a call that was cut off, by its tool's `on_crash`.

    Args:
        call: that began, and has no outcome.
        checked: it, as if it were new.
        policy: of its tool.
        state: of the session.
    """
    started = state.started[call.id]
    decided = state.decided.get(call.id)
    if policy == "key" and started.seq <= state.copied:
        policy = "ask"  # it began in another session, and so with another key
    if isinstance(checked, Wrong) or policy == "never":
        return unknown(started.name, decided if call.id in state.redecided else None)
    if policy == "ask" and call.id not in state.redecided:
        began = datetime.fromtimestamp(started.time, UTC).isoformat(" ", "seconds")
        return Undecided(
            started.name,
            started.arguments,
            f"{started.name} was started at {began}, and its process ended before it had a result: "
            "it may or may not have happened. Approved, it runs again, with the same idempotency "
            "key; denied, the model is told that its outcome is unknown",
        )
    return checked


def unknown(name: str, decided: ApprovalDecided | None = None) -> Wrong:
    """What the model is told of a call whose outcome is unknown.

    Args:
        name: of its tool.
        decided: what was decided on running it again, where somebody did.
    """
    said = ""
    if decided is not None and decided.decision == "deny":
        said = " The user denied that it be run again"
        said += f": {decided.reason}" if decided.reason else "."
    return Wrong(ToolResult(UNKNOWN.format(name=name) + said, "unknown"))
