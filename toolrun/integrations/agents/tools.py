"""How do toolrun's tools become the SDK's function tools?

The SDK decides when a call runs, and asks a person where the tool wants that; toolrun checks the
arguments and runs it, in the sandbox or where it is trusted in this process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from agents import FunctionTool
from msgspec import structs

from toolrun.decisions import Approve, Deny
from toolrun.events import AssistantMessage, ToolCallFinished, UserMessage
from toolrun.journal import Journal
from toolrun.limits import Limits
from toolrun.tools.checked import Undecided
from toolrun.turn import run_call
from toolrun.values import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Unpack

    from agents import RunContextWrapper
    from agents import Tool as AnyTool
    from agents.tool_context import ToolContext

    from toolrun.decisions import Decision
    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.runtime import Runtime
    from toolrun.tools.definition import Tool

_UNENDING = Limits(seconds=None)


def function_tools(
    tools: Sequence[Callable[..., object] | str | Path],
    /,
    runtime: Runtime,
    **options: Unpack[Options],
) -> list[AnyTool]:
    """Tools for the `tools` of an SDK's agent, of any of its models.

    A call's arguments are mended where that needs no guess and checked against the tool's schema;
    the model reads what does not fit, and may correct it. The tool runs in a sandbox of the
    runtime's, or in this process where it is `trusted`, with its own `timeout`, `max_output`,
    `concurrency` and `secrets`. A tool with `approve` interrupts the run (`result.interruptions`)
    until `state.approve(...)` or `state.reject(...)` of the SDK; a call is never run without.
    A trusted tool's `CallContext.context` is the `context` of the run.

    Args:
        tools: functions, marked by `@tool` or not (then sandboxed), and paths of manifests.
        runtime: whose sandboxes and options are used; it has to stay open.
        **options: as those of a session: `profile`, `workspace`, `secrets`, `tenant`, `backend`.

    Raises:
        ToolDefinitionError, ConfigError: a tool or an option does not fit.
    """
    chosen: Options = options | {"tools": tools, "trace": None}
    parts = runtime.parts(None, chosen)
    return [_Caller(parts, tool, runtime).function_tool() for tool in parts.toolbox.tools]


class _Caller:
    """Makes the calls of one tool."""

    def __init__(self, parts: Parts, tool: Tool, runtime: Runtime) -> None:
        self._parts = parts
        self._tool = tool
        self._runtime = runtime

    def function_tool(self) -> FunctionTool:
        """The tool as the SDK takes it."""
        return FunctionTool(
            name=self._tool.name,
            description=self._tool.description,
            params_json_schema=self._tool.parameters,
            on_invoke_tool=self.call,
            # A strict schema is another one: all arguments required, nothing open. Ours is checked.
            strict_json_schema=False,
            needs_approval=self.asks,
        )

    async def asks(
        self, context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str
    ) -> bool:
        """Whether a call waits for a person."""
        del context
        text = msgspec.json.encode(arguments).decode()
        call = ToolCall(call_id, self._tool.name, text)
        return isinstance(self._parts.toolbox.check(call, self._journal().state), Undecided)

    async def call(self, context: ToolContext[Any], arguments: str) -> str:
        """Run a call; what the model reads of it.

        Raises:
            SandboxUnavailable: no sandbox holds: the run ends, nothing was run.
        """
        parts, name = self._parts, self._tool.name
        await parts.toolbox.prepare()
        call, _ = parts.toolbox.mend(ToolCall(context.tool_call_id, name, arguments))

        async def decide(_: ToolCall) -> Decision:
            # The SDK asked about the arguments as they came: mended ones may want it, too.
            if context.is_tool_approved(name, call.id) is True:
                return Approve()
            return Deny("nobody approved it")

        journal = self._journal()
        outcome = _Outcome()
        journal.add(outcome)
        turn = structs.replace(
            structs.replace(parts, journal=journal, context=context.context).turn(
                _UNENDING.meter(time.monotonic), None, stream=False
            ),
            approver=decide,
        )
        await journal.record(UserMessage(""))
        await journal.record(AssistantMessage(tool_calls=(call,)))
        await run_call(turn, call, parts.toolbox.check(call, journal.state))
        return outcome.text

    def _journal(self) -> Journal:
        parts = self._parts
        return Journal(parts.journal.session, clock=parts.clock.time, counts=self._runtime.counts)


class _Outcome:
    """Keeps what a call came to."""

    observes = False

    def __init__(self) -> None:
        self.text = ""

    def observe(self, event: object) -> None:
        pass

    async def record(self, event: object) -> None:
        if isinstance(event, ToolCallFinished):
            self.text = event.content
