"""Who runs a call: this process for a trusted tool, a sandbox for every other?"""

from __future__ import annotations

import inspect
import time
import traceback
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio
import msgspec
import structlog

from toolrun.events import Outcome, ToolResult
from toolrun.sandbox import Job, Sandbox, load_profile
from toolrun.tools.context import KEY_VARIABLE
from toolrun.tools.results import cut, shown, to_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun.events import ToolCall
    from toolrun.tools.context import CallContext
    from toolrun.tools.definition import Tool

    Output = Callable[[Literal["stdout", "stderr", "progress"], str], None]


class Runner(Protocol):
    """Something that runs calls whose arguments have been validated."""

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        output: Output | None,
    ) -> ToolResult:
        """Run a call; what the tool does wrong is a result, never an exception.

        Args:
            tool: what to run.
            call: on whose behalf.
            arguments: validated JSON.
            context: the call that the tool serves, for a tool that asks for it.
            output: is told ("stdout" or "stderr", text) as the tool prints, and ("progress", text)
                of each value that it yields; None: nobody listens.

        Raises:
            SandboxUnavailable: nothing was run.
        """
        ...


class TrustedRunner:
    """Runs tools in this process: coroutines on the loop, plain functions in a thread.

    A thread cannot be stopped: a plain function that outlives its time-out or its turn goes on
    until it returns, and its result is dropped.
    """

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,  # noqa: ARG002 - the protocol's
        output: Output | None,  # noqa: ARG002 - the protocol's
    ) -> ToolResult:
        """See `Runner.run`; nothing of what the tool prints is caught."""
        began = time.perf_counter()
        result: ToolResult | None = None
        with anyio.move_on_after(tool.options.timeout):
            result = await self._called(tool, call, arguments, began)
        return result or _timed_out(tool, time.perf_counter() - began)

    async def _called(
        self, tool: Tool, call: ToolCall, arguments: dict[str, Any], began: float
    ) -> ToolResult:
        try:
            built = tool.build(arguments)
            if inspect.iscoroutinefunction(tool.function):
                value = await tool.function(**built)
            else:
                # In a tuple: trio refuses a coroutine as what a thread returns.
                (value,) = await anyio.to_thread.run_sync(
                    lambda: (tool.function(**built),), abandon_on_cancel=True
                )
                if inspect.isawaitable(value):  # a plain function around a coroutine function
                    value = await value
            text = cut(to_text(value), tool.options.max_output)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a tool does is a result
            # As text: a renderer of exceptions may show locals, and takes half a second.
            structlog.get_logger("toolrun").warning(
                "tool raised", tool=tool.name, call=call.id, traceback=traceback.format_exc()
            )
            return _failed(tool, error, time.perf_counter() - began)
        return ToolResult(text, "ok", round(time.perf_counter() - began, 6))


class SandboxRunner:
    """Runs tools in boxes of the profile that the tool, else the session, names."""

    def __init__(self, sandboxes: Sandboxes, profile: str, workspace: Path | None) -> None:
        self._sandboxes = sandboxes
        self._profile = profile
        self._workspace = workspace

    def profile_of(self, tool: Tool) -> str:
        """The name of the profile that a tool runs under."""
        return tool.options.profile or self._profile

    async def prepare(self, tool: Tool) -> None:
        """Open the sandbox of a tool before it is needed.

        Raises:
            SandboxUnavailable: there is none that holds.
        """
        await self._sandboxes.opened(self.profile_of(tool), self._workspace)

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        output: Output | None,
    ) -> ToolResult:
        """See `Runner.run`."""
        assert tool.source is not None
        sandbox = await self._sandboxes.opened(self.profile_of(tool), self._workspace)
        source = tool.source
        outcome = await sandbox.call(
            Job(
                file=source.file,
                module=source.module,
                qualname=source.qualname,
                arguments=msgspec.json.encode(arguments),
            ),
            timeout=tool.options.timeout,
            env={KEY_VARIABLE: context.idempotency_key},
            on_output=output,
        )
        seconds = round(outcome.seconds, 6)
        if outcome.status == "ok":
            value = None if outcome.value is None else msgspec.json.decode(outcome.value)
            return ToolResult(cut(to_text(value), tool.options.max_output), "ok", seconds)
        if outcome.traceback:
            structlog.get_logger("toolrun").warning(
                "tool raised", tool=tool.name, call=call.id, traceback=outcome.traceback
            )
        kind = _OUTCOMES.get(outcome.status, "crash")
        reason = cut(outcome.error or outcome.status, tool.options.max_output)
        return ToolResult(_said(tool, kind, reason), kind, seconds)


class Sandboxes:
    """The sandboxes of a runtime, one for each profile and workspace, opened when first needed."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Path | None], Sandbox] = {}
        self._lock: anyio.Lock | None = None

    async def opened(self, profile: str, workspace: Path | None) -> Sandbox:
        """The sandbox for a profile, probed.

        Raises:
            SandboxUnavailable: it does not hold; nothing may run.
            ConfigError: no such profile, or no such workspace.
        """
        key = (profile, workspace)
        if (ready := self._open.get(key)) is not None:
            return ready
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            if key not in self._open:
                sandbox = Sandbox(load_profile(profile), workspace=workspace)
                await sandbox.open()
                self._open[key] = sandbox
        return self._open[key]

    async def aclose(self) -> None:
        """Close all of them."""
        while self._open:
            await self._open.popitem()[1].aclose()


_OUTCOMES: dict[str, Outcome] = {"exception": "error", "timeout": "timeout"}


def _timed_out(tool: Tool, seconds: float) -> ToolResult:
    reason = f"it did not finish within {tool.options.timeout:g} s and was stopped"
    return ToolResult(_said(tool, "timeout", reason), "timeout", round(seconds, 6))


def _failed(tool: Tool, error: BaseException, seconds: float) -> ToolResult:
    reason = cut(f"{type(error).__name__}: {shown(error)}", tool.options.max_output)
    return ToolResult(_said(tool, "error", reason), "error", round(seconds, 6))


def _said(tool: Tool, outcome: Outcome, reason: str) -> str:
    """A failure in words that the model can act on."""
    match outcome:
        case "timeout":
            return f"{tool.name} gave no result: {reason}. Try smaller input, or another way."
        case "error":
            return f"{tool.name} failed: {reason}"
        case _:
            return f"{tool.name} gave no result: {reason}. It may not work; consider another way."
