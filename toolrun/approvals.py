"""How long does a call wait for a decision, and may it be decided so now?"""

from __future__ import annotations

import datetime as dt
import traceback
from functools import partial
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from toolrun.decisions import Approve, Deny, Edit, Rules
from toolrun.errors import ConfigError
from toolrun.events import ApprovalDecided
from toolrun.values import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolrun.decisions import Approver, Decision
    from toolrun.events import ApprovalRequested
    from toolrun.parking import Parking
    from toolrun.state import State
    from toolrun.tools.definition import Tool
    from toolrun.values import ToolCall


class Approvals(Struct, frozen=True):
    """How long calls wait for a decision.

    Attributes:
        seconds: wall time from the ApprovalRequested on. A call that nobody has decided upon by
            then is denied where its turn goes on next, and the model is told so; None: it waits
            for as long as it takes.
        approver_seconds: that `approve` may take for one call. It is then waited for no longer, and
            the call waits as if there was no approver: the turn parks. None for no end.
    """

    seconds: float | None = None
    approver_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse times that nobody could keep.

        Raises:
            ConfigError: one is not positive.
        """
        for name in ("seconds", "approver_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"approvals.{name} must be greater than 0, not {value}")

    def left(self, request: ApprovalRequested, now: float) -> float | None:
        """Internal: seconds that a decision on a call may still take, 0 where it is too late.

        Args:
            request: for it.
            now: seconds since the epoch.
        """
        if self.seconds is None:
            return None
        return max(0.0, request.time + self.seconds - now)

    def overdue(self, request: ApprovalRequested, now: float) -> Deny | None:
        """Internal: what a call that has waited too long comes to; None where it may wait on."""
        if self.left(request, now) != 0.0:
            return None
        return Deny(f"nobody decided within {self.seconds:g} s")

    def patience(self, request: ApprovalRequested, now: float) -> float | None:
        """Internal: seconds that an approver may take for a call now; None for no end."""
        ends = (self.approver_seconds, self.left(request, now))
        return min((each for each in ends if each is not None), default=None)


def check_rules(approver: Approver | None, tools: Iterable[Tool]) -> None:
    """Refuse a rule that denies in vain: an approver hears only of calls of tools that ask.

    Raises:
        ConfigError: a rule denies calls of a tool that never asks.
    """
    if not isinstance(approver, Rules) or not approver.deny:
        return
    for tool in tools:
        if tool.options.approve is False:
            known = tool.parameters.get("properties", {})
            for rule in approver.deny:
                if rule.means(tool.name) and rule.arguments.keys() <= known.keys():
                    raise ConfigError(
                        f"approve: the rule that denies {rule.tool!r} means calls of "
                        f"{tool.name!r}, which never asks for approval, so that they would run; "
                        "declare the tool with approve=True, or with a function of the arguments "
                        "that says when it asks"
                    )


async def decision_on(
    call: ToolCall,
    request: ApprovalRequested,
    approvals: Approvals,
    approver: Approver | None,
    parking: Parking,
    clock: Callable[[], float],
) -> Decision | None:
    """What is decided on a call; None where it waits on, and the turn parks.

    Args:
        call: that waits.
        request: since when.
        approvals: how long it may.
        approver: decides; None: nobody does here.
        parking: of the turn.
        clock: seconds since the epoch.
    """
    decision: Decision | None = approvals.overdue(request, clock())
    if decision is not None or approver is None:
        return decision
    try:
        decision = await parking.unless_asked(
            partial(approver, call), approvals.patience(request, clock())
        )
    except Exception:  # noqa: BLE001 - the user's code; whatever it raises denies
        structlog.get_logger("toolrun").error(
            "approver raised", call=call.id, tool=call.name, traceback=traceback.format_exc()
        )
        return Deny("the approver failed")
    return decision or approvals.overdue(request, clock())


def waiting(state: State, call_id: str, approvals: Approvals, now: float) -> ApprovalRequested:
    """The request of a call that may be decided upon.

    Raises:
        ConfigError: no such call waits, or it has waited for too long.
    """
    request = state.pending.get(call_id)
    if request is None:
        others = ", ".join(state.pending) or "none"
        raise ConfigError(f"no call {call_id!r} waits for a decision; waiting: {others}")
    if approvals.overdue(request, now) is not None:
        asked = dt.datetime.fromtimestamp(request.time, dt.UTC).isoformat(" ", "seconds")
        raise ConfigError(
            f"call {call_id!r} has waited since {asked}, longer than approvals.seconds = "
            f"{approvals.seconds:g}: it is denied where the turn goes on"
        )
    return request


def decided(call_id: str, tool: str, decision: Decision) -> ApprovalDecided:
    """A decision on a call of a tool as the event that records it."""
    match decision:
        case Approve(scope=Rule() as rule):
            return ApprovalDecided(call_id, "approve", rule)
        case Approve(scope):
            return ApprovalDecided(call_id, "approve", Rule(tool) if scope == "session" else None)
        case Edit(arguments):
            return ApprovalDecided(call_id, "edit", arguments=arguments)
        case Deny(reason):
            return ApprovalDecided(call_id, "deny", reason=reason)
