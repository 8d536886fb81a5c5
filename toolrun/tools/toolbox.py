"""Does this call fit, and may it run? A `Toolbox` holds the tools of a session."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, structs

from toolrun.errors import ConfigError, ToolDefinitionError
from toolrun.events import ToolCall, ToolResult
from toolrun.tools.definition import Tool, define
from toolrun.tools.runners import Runner, SandboxRunner
from toolrun.tools.validation import ArgumentsInvalid, Validator, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import ApprovalDecided
    from toolrun.journal import State
    from toolrun.tools.context import CallContext
    from toolrun.tools.runners import Output


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

    async def run(self, context: CallContext, output: Output | None) -> ToolResult:
        """Run it; see `Runner.run`."""
        return await self.runner.run(self.tool, self.call, self.arguments, context, output)


Checked: TypeAlias = Wrong | Undecided | Ready


class Toolbox:
    """The tools of a session, in order.

    Args:
        tools: functions, marked by `@tool` or not, or tools that were defined before.
        trusted: runs the trusted ones.
        sandboxed: runs all others.
    """

    def __init__(
        self,
        tools: Sequence[Callable[..., Any] | Tool],
        *,
        trusted: Runner,
        sandboxed: Runner,
    ) -> None:
        """Define every tool.

        Raises:
            ToolDefinitionError: one of them cannot be offered; two have one name.
        """
        self._tools: dict[str, Tool] = {}
        for each in tools:
            tool = each if isinstance(each, Tool) else define(each)
            if tool.name in self._tools:
                raise ToolDefinitionError(f"two tools are called {tool.name!r}; rename one")
            self._tools[tool.name] = tool
        self._validators: dict[str, Validator] = {}
        self._trusted = trusted
        self._sandboxed = sandboxed
        self.schemas: list[dict[str, Any]] = [tool.to_openai() for tool in self._tools.values()]
        """The tools in the form of Chat Completions."""

    async def prepare(self) -> None:
        """Open the sandboxes that the tools need, so that a session refuses at its start.

        Raises:
            SandboxUnavailable: there is none that holds.
            ConfigError: a profile that does not exist.
        """
        if isinstance(self._sandboxed, SandboxRunner):
            for tool in self._tools.values():
                if not tool.options.trusted:
                    await self._sandboxed.prepare(tool)

    def check(self, call: ToolCall, state: State) -> Checked:
        """Name, arguments, schema, approval, in this order."""
        tool = self._tools.get(call.name) or self._tools.get(plain_name(call.name))
        if tool is None:
            return Wrong(self._unknown(call.name))
        decided = state.decided.get(call.id)
        try:
            arguments = self._arguments(tool, call, decided)
        except ArgumentsInvalid as error:
            return Wrong(ToolResult(str(error), "invalid"))
        if decided is not None and decided.decision == "deny":
            reason = f": {decided.reason}" if decided.reason else ""
            return Wrong(
                ToolResult(f"{tool.name} was not run: the user denied it{reason}", "denied")
            )
        if tool.options.approve and decided is None and tool.name not in state.standing:
            return Undecided(tool.name, arguments, f"{tool.name} asks for approval")
        runner = self._trusted if tool.options.trusted else self._sandboxed
        return Ready(
            tool, structs.replace(call, name=tool.name), arguments, self.profile(tool), runner
        )

    def check_edit(self, name: str, arguments: dict[str, Any]) -> None:
        """Pass where edited arguments fit.

        Raises:
            ConfigError: they do not; the message lists every violation.
        """
        try:
            self._validator(self._tools[name]).check(arguments)
        except ArgumentsInvalid as error:
            raise ConfigError(str(error)) from error

    def profile(self, tool: Tool) -> str | None:
        """The sandbox profile that a tool runs under; None for a trusted one."""
        if tool.options.trusted:
            return None
        if isinstance(self._sandboxed, SandboxRunner):
            return self._sandboxed.profile_of(tool)
        return tool.options.profile

    def _arguments(
        self, tool: Tool, call: ToolCall, decided: ApprovalDecided | None
    ) -> dict[str, Any]:
        if decided is not None and decided.arguments is not None:
            arguments = decided.arguments
        else:
            arguments = parse(tool.name, call.arguments)
        self._validator(tool).check(arguments)
        return arguments

    def _validator(self, tool: Tool) -> Validator:
        if (ready := self._validators.get(tool.name)) is None:
            ready = self._validators[tool.name] = Validator(tool.name, tool.parameters)
        return ready

    def _unknown(self, name: str) -> ToolResult:
        shown = plain_name(name)[:64]
        near = difflib.get_close_matches(shown, self._tools, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        names = ", ".join(self._tools) or "none"
        return ToolResult(f"There is no tool {shown!r}.{hint} The tools are: {names}.", "invalid")


def plain_name(name: str) -> str:
    """A name without the harmony markup that vLLM lets through (#32587, #31677)."""
    return name.split("<|", 1)[0].strip().removeprefix("functions.")
