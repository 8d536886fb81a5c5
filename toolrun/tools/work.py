"""What does a tool of the model's own do when it is called, and what may it use for that?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from toolrun.sandbox.profile import Chosen
from toolrun.tools.context import whose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.sandbox import Sandbox
    from toolrun.state import State
    from toolrun.tools.context import CallContext
    from toolrun.tools.definition import Tool
    from toolrun.tools.kept import Kept
    from toolrun.tools.listener import Listener
    from toolrun.tools.sandboxed import SandboxRunner
    from toolrun.values import ToolCall, ToolResult


class Need(Struct, frozen=True, eq=False):
    """A sandbox that the work is done in.

    Attributes:
        profile: of its boxes.
        workspace: the folder that they see, where the profile shows one; the session's where None.
        yields: whether the session's own profile holds instead, where that shows the workspace: so
            what a user allows a session bounds this tool, too.
    """

    profile: Chosen
    workspace: Path | None = None
    yields: bool = False


class Work(Protocol):
    """What a call of a built-in tool does: more than one function in one box.

    Attributes:
        needs: the sandboxes that it uses, which a session opens at its start.
    """

    @property
    def needs(self) -> Sequence[Need]:
        """See above."""
        ...

    async def run(self, serving: Serving) -> ToolResult:
        """Do it; what goes wrong is a result, never an exception.

        Raises:
            SandboxUnavailable: nothing was run.
        """
        ...


class Serving:
    """One call that a built-in tool serves.

    Attributes:
        tool: that is called.
        call: as the model made it.
        arguments: of the call, checked.
        context: what a tool may know of its call.
        state: what the session's events add up to: what was said and read before this call.
    """

    def __init__(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        listener: Listener,
        *,
        state: State,
        kept: Kept,
        runner: SandboxRunner,
    ) -> None:
        """Internal: a call of a built-in tool has one."""
        self.tool = tool
        self.call = call
        self.arguments = arguments
        self.context = context
        self.listener = listener
        """Internal: hears what the tool prints."""
        self.state = state
        self.kept = kept
        """Internal: what the session's tools keep from call to call."""
        self.runner = runner
        """Internal: opens sandboxes."""

    @property
    def tenant(self) -> str | None:
        """Who a box is kept for, see `whose`."""
        return whose(self.context.tenant, self.context.session)

    async def sandbox(self, need: Need) -> Sandbox:
        """The sandbox that is needed, open.

        Args:
            need: one of those that the tool has.

        Raises:
            SandboxUnavailable: it does not hold; nothing may run.
        """
        return await self.runner.sandbox(self.tool, need)
