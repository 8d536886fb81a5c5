"""What comes of the check of a call, and how does one that may run, run?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from toolrun.state import State
from toolrun.tools.definition import Tool
from toolrun.tools.gates import Gates
from toolrun.tools.kept import Kept
from toolrun.tools.runners import Runner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.work import Serving
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Hashable
    from contextlib import AbstractAsyncContextManager

    from toolrun.tools.context import CallContext
    from toolrun.tools.listener import Listener


class Wrong(Struct, frozen=True):
    """The call cannot run; the model reads why."""

    result: ToolResult


class Undecided(Struct, frozen=True):
    """The call fits, and waits for a decision; `name` is the tool's."""

    name: str
    arguments: dict[str, Any]
    reason: str


class Ready(Struct, frozen=True):
    """The call fits and may run."""

    tool: Tool
    call: ToolCall
    arguments: dict[str, Any]
    profile: str | None
    runner: Runner
    gates: Gates
    state: State

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold one of the tool's own places (`concurrency`) while inside; wait for it in line."""
        limit = self.tool.options.concurrency
        if limit is None:
            return contextlib.nullcontext()
        return self.gates.slot(_identity(self.tool), limit)

    async def run(
        self, context: CallContext, listener: Listener, kept: Kept | None = None
    ) -> ToolResult:
        """Run it; see `Runner.run`.

        Args:
            context: see there.
            listener: see there.
            kept: what the session's tools keep from call to call.
        """
        if self.tool.work is not None and isinstance(self.runner, SandboxRunner):
            serving = Serving(
                self.tool,
                self.call,
                self.arguments,
                context,
                listener,
                state=self.state,
                kept=Kept() if kept is None else kept,
                runner=self.runner,
            )
            return await self.tool.work.run(serving)
        return await self.runner.run(self.tool, self.call, self.arguments, context, listener)


Checked: TypeAlias = Wrong | Undecided | Ready


def _identity(tool: Tool) -> Hashable:
    """What a tool's limit belongs to: the same for a tool that is defined or loaded anew."""
    words = None if tool.command is None else tool.command.words
    return tool.name, tool.function, tool.source, words
