"""Who may say yes to a call, and in which words?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from toolrun.values import Json, Rule, ToolCall


class Approve(Struct, frozen=True):
    """Run the call; also later ones, where `scope` is "session" (of this tool) or a `Rule`."""

    scope: Literal["call", "session"] | Rule = "call"


class Deny(Struct, frozen=True):
    """Do not run the call; the model reads the reason.

    Attributes:
        reason: what the model is told.
    """

    reason: str = ""


class Edit(Struct, frozen=True):
    """Run the call with these arguments instead; they are validated again.

    Attributes:
        arguments: that the call is to run with, instead of its own.
    """

    arguments: dict[str, Json]


Decision: TypeAlias = Approve | Deny | Edit
Approver: TypeAlias = Callable[[ToolCall], Awaitable[Decision | None]]
"""Decides on a call; None leaves it waiting, and the turn parks."""


class Rules(Struct, frozen=True):
    """An approver of rules: those that deny come first, then those that allow.

    Attributes:
        allow: calls that may run.
        deny: calls that may not, whatever `allow` says.
        otherwise: decides on the others; without it they wait.
    """

    allow: Sequence[Rule] = ()
    deny: Sequence[Rule] = ()
    otherwise: Approver | None = None

    async def __call__(self, call: ToolCall) -> Decision | None:
        """Decide on a call."""
        arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        for rule in self.deny:
            if rule.matches(call.name, arguments):
                return Deny(f"a rule forbids it: {_shown(rule)}")
        if any(rule.matches(call.name, arguments) for rule in self.allow):
            return Approve()
        return None if self.otherwise is None else await self.otherwise(call)


def _shown(rule: Rule) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in rule.arguments.items())
    return f"{rule.tool}({given})"
