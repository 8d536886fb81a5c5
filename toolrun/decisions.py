"""Who may say yes to a call, and in which words?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from toolrun.events import ToolCall


class Approve(Struct, frozen=True):
    """Run the call; with `scope="session"` also every later call of that tool."""

    scope: Literal["call", "session"] = "call"


class Deny(Struct, frozen=True):
    """Do not run the call; the model reads the reason."""

    reason: str = ""


class Edit(Struct, frozen=True):
    """Run the call with these arguments instead; they are validated again."""

    arguments: dict[str, Any]


Decision: TypeAlias = Approve | Deny | Edit
Approver: TypeAlias = Callable[[ToolCall], Awaitable[Decision]]
