"""Does this call fit, and may it run? A `Toolbox` holds the tools of a session."""

from __future__ import annotations

import difflib
import traceback
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import structlog
from msgspec import structs

from toolrun.errors import ConfigError, ToolDefinitionError
from toolrun.sandbox.later import later
from toolrun.sandbox.resolve import label
from toolrun.shortening import RECALL
from toolrun.tools.builtin.recall import RECALLING, recalling
from toolrun.tools.checked import Checked, Ready, Undecided, Wrong
from toolrun.tools.definition import Tool, define
from toolrun.tools.gates import Gates
from toolrun.tools.repair import Mend, flaw_of, mend_arguments, mend_bare, plain_name
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.validation import ArgumentsInvalid, Validator, edited, parse
from toolrun.tools.violations import said_again
from toolrun.values import OnCrash, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import ApprovalDecided
    from toolrun.state import State
    from toolrun.tools.runners import Runner

MAX_NAMES = 50
"""Names that the model is told when it calls a tool that is not there."""


class Toolbox:
    """The tools of a session, in order.

    Args:
        tools: functions, marked by `@tool` or not, or tools that were defined before.
        trusted: runs the trusted ones.
        sandboxed: runs all others.
        gates: hold the tools' own limits, over all toolboxes that share them.
    """

    def __init__(
        self,
        tools: Sequence[Callable[..., Any] | Tool],
        *,
        trusted: Runner,
        sandboxed: Runner,
        gates: Gates | None = None,
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
        self.tools: tuple[Tool, ...] = tuple(self._tools.values())
        """In the order in which the model sees them."""
        self._validators: dict[str, Validator] = {}
        self._trusted = trusted
        self._sandboxed = sandboxed
        self._gates = Gates() if gates is None else gates
        self.schemas: list[dict[str, Any]] = [tool.to_openai() for tool in self._tools.values()]
        """The tools in the form of Chat Completions."""
        self.repeatables: tuple[str, ...] = tuple(
            n for n, tool in self._tools.items() if tool.options.repeatable
        )
        """The names of those that may be called again and again."""
        self.builtins: tuple[str, ...] = tuple(n for n, tool in self._tools.items() if tool.builtin)
        """The names of those that gpt-oss knows from its training."""

    @cached_property
    def with_recall(self) -> list[dict[str, Any]]:
        """`schemas`, and the tool that reads trimmed results; one of the user's own stands for it.

        It is offered from the first trimmed result on, and never taken back: a prompt's prefix,
        and with it a server's cache, changes then anyway, and only then.
        """
        own = RECALL in self._tools
        return self.schemas if own else [*self.schemas, RECALLING.to_openai()]

    @cached_property
    def on_crash(self) -> dict[str, OnCrash]:
        """What becomes of a call of each whose process died while it ran; see `toolrun.tool`.

        Raises:
            ConfigError: a profile that does not exist.
        """
        return {name: self._on_crash(tool) for name, tool in self._tools.items()}

    def _on_crash(self, tool: Tool) -> OnCrash:
        if tool.options.on_crash is not None:
            return tool.options.on_crash
        if tool.options.trusted or not isinstance(self._sandboxed, SandboxRunner):
            return "ask"
        return "rerun" if self._sandboxed.changes_nothing(tool) else "ask"

    async def prepare(self) -> list[str]:
        """Open the sandboxes that the tools need, so that a session refuses at its start.

        Returns:
            What to warn of: that another backend than the first makes them, and why.

        Raises:
            SandboxUnavailable: there is none that holds.
            ConfigError: a profile that does not exist.
        """
        told: dict[str, None] = {}
        if isinstance(self._sandboxed, SandboxRunner):
            for tool in self._tools.values():
                if tool.options.trusted:
                    continue
                if (fallback := await self._sandboxed.prepare(tool)) is not None:
                    told[fallback] = None
        return list(told)

    def warm(self, name: str, tenant: str | None) -> None:
        """Start what a call will need whose arguments are still being written.

        Args:
            name: what the model calls.
            tenant: who its box is kept for, see `toolrun.tools.context.whose`.
        """
        tool = self._tool(name)
        if tool is None or tool.options.trusted or not isinstance(self._sandboxed, SandboxRunner):
            return
        later(partial(self._sandboxed.warm, tool, tenant))

    def mend(self, call: ToolCall) -> tuple[ToolCall, list[Mend]]:
        """The call as far as it can be mended without a guess, and what was mended."""
        tool = self._tool(call.name)
        if tool is None:
            return call, []
        mends: list[Mend] = []
        if call.name != tool.name:
            mends.append(Mend("name", call.name, tool.name))

        def fits(arguments: dict[str, Any]) -> bool:
            try:
                self._validator(tool).check(arguments)
            except ArgumentsInvalid:
                return False
            return True

        arguments = mend_arguments(tool.name, call.arguments, fits)
        if arguments is None and tool.bare is not None:
            arguments = mend_bare(call.arguments, *tool.bare)
        if arguments is not None:
            mends.append(Mend("arguments", call.arguments, arguments))
        if not mends:
            return call, []
        return ToolCall(call.id, tool.name, arguments or call.arguments), mends

    def flaw(self, call: ToolCall) -> Literal["truncated", "garbled"] | None:
        """What sampling again may better.

        "truncated": the arguments end in mid-JSON. "garbled": they are no JSON otherwise, or the
        name is empty or has markup and fits no tool. None also for what the model has to correct:
        unknown plain names, JSON that does not fit.
        """
        if self._tool(call.name) is None and ("<|" in call.name or not plain_name(call.name)):
            return "garbled"
        return flaw_of(call.arguments)

    def check(self, call: ToolCall, state: State) -> Checked:
        """Name, arguments, schema, approval, in this order."""
        tool = self._tool(call.name)
        if tool is RECALLING:
            tool = recalling(state) if state.recalls else None
        if tool is None:
            return Wrong(self._unknown(call.name))
        decided = state.decided.get(call.id)
        try:
            arguments = self._arguments(tool, call, decided)
        except ArgumentsInvalid as error:
            times = state.repeats(call.id)
            text = (
                str(error)
                if times <= 1
                else said_again(tool.name, tool.parameters, str(error), error.parameters, times)
            )
            return Wrong(ToolResult(text, "invalid"))
        if decided is not None and decided.decision == "deny":
            reason = f": {decided.reason}" if decided.reason else ""
            return Wrong(
                ToolResult(f"{tool.name} was not run: the user denied it{reason}", "denied")
            )
        asks = decided is None and not state.approves(tool.name, arguments)
        if asks and self._asks(tool, call, arguments):
            return Undecided(tool.name, arguments, f"{tool.name} asks for approval")
        return Ready(
            tool,
            structs.replace(call, name=tool.name),
            arguments,
            self.profile(tool),
            self._trusted if tool.options.trusted else self._sandboxed,
            self._gates,
            state,
        )

    def name_of(self, call: ToolCall) -> str:
        """The name of the tool that a call is of; "" where there is none."""
        tool = self._tool(call.name)
        return "" if tool is None else tool.name

    def repeatable(self, call: ToolCall) -> bool:
        """Whether the call's tool may be called again and again."""
        tool = self._tool(call.name)
        return tool is not None and tool.options.repeatable

    def check_edit(self, name: str, arguments: dict[str, Any]) -> None:
        """Pass where edited arguments fit.

        Raises:
            ConfigError: they do not; the message lists every violation.
        """
        try:
            self._edited(self._tools[name], arguments)
        except ArgumentsInvalid as error:
            raise ConfigError(str(error)) from error

    def profile(self, tool: Tool) -> str | None:
        """The sandbox profile that a tool runs under; None for a trusted one."""
        if tool.options.trusted:
            return None
        if isinstance(self._sandboxed, SandboxRunner):
            return self._sandboxed.profile_of(tool)
        return None if tool.options.profile is None else label(tool.options.profile)

    def _asks(self, tool: Tool, call: ToolCall, arguments: dict[str, Any]) -> bool:
        """Whether a tool wants a decision on these arguments, where it runs here."""
        return not self._harmless.get(tool.name, False) and _asks(tool, call, arguments)

    @cached_property
    def _harmless(self) -> dict[str, bool]:
        """Of the tools that ask only where they can change something, whether they cannot."""
        if not isinstance(self._sandboxed, SandboxRunner):
            return {}
        asking = (tool for tool in self._tools.values() if tool.asks_to_change)
        return {tool.name: self._sandboxed.changes_nothing(tool) for tool in asking}

    def _arguments(
        self, tool: Tool, call: ToolCall, decided: ApprovalDecided | None
    ) -> dict[str, Any]:
        if decided is not None and decided.arguments is not None:
            return self._edited(tool, decided.arguments)
        arguments = parse(tool.name, call.arguments)
        self._validator(tool).check(arguments)
        return arguments

    def _edited(self, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments that a user wrote, under the same rules as the model's."""
        return edited(tool.name, self._validator(tool), arguments)

    def _tool(self, name: str) -> Tool | None:
        plain = plain_name(name)
        found = self._tools.get(name) or self._tools.get(plain)
        return RECALLING if found is None and plain == RECALL else found

    def _validator(self, tool: Tool) -> Validator:
        if (ready := self._validators.get(tool.name)) is None:
            ready = self._validators[tool.name] = Validator(tool.name, tool.parameters)
        return ready

    def _unknown(self, name: str) -> ToolResult:
        """Says the nearest names, then others, at most 50 of them all."""
        shown = plain_name(name)[:64]
        near = difflib.get_close_matches(shown, self._tools, n=3)
        hint = f" Did you mean {near[0]}?" if near else ""
        others = islice((each for each in self._tools if each not in near), MAX_NAMES - len(near))
        names = ", ".join([*near, *others]) or "none"
        more = len(self._tools) - MAX_NAMES
        rest = f", and {more} more" if more > 0 else ""
        return ToolResult(
            f"There is no tool {shown!r}.{hint} The tools are: {names}{rest}.", "invalid"
        )


def _asks(tool: Tool, call: ToolCall, arguments: dict[str, Any]) -> bool:
    """Whether a tool wants a decision on these arguments; one whose function raises does."""
    approve = tool.options.approve
    if isinstance(approve, bool):
        return approve
    try:
        return bool(approve(arguments))
    except Exception:  # noqa: BLE001 - the user's code; when in doubt somebody decides
        structlog.get_logger("toolrun").error(
            "approve raised", call=call.id, tool=tool.name, traceback=traceback.format_exc()
        )
        return True
