"""Who runs a call: this process for a trusted tool, a sandbox for every other?"""

from __future__ import annotations

import asyncio
import math
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import sniffio
import structlog

from toolrun.tools.masks import Mask, masked
from toolrun.tools.results import cut, failure, shown
from toolrun.tools.threads import abandoned_threads
from toolrun.tools.trusted import returned
from toolrun.values import ToolResult

__all__ = ["Runner", "TrustedRunner", "abandoned_threads"]

if TYPE_CHECKING:
    from toolrun.tools.context import CallContext
    from toolrun.tools.definition import Tool
    from toolrun.tools.listener import Listener
    from toolrun.values import ToolCall


class Runner(Protocol):
    """Something that runs calls whose arguments have been validated."""

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        listener: Listener,
    ) -> ToolResult:
        """Run a call; what the tool does wrong is a result, never an exception.

        Args:
            tool: what to run.
            call: on whose behalf.
            arguments: validated JSON.
            context: the call that the tool serves, for a tool that asks for it.
            listener: hears of it while it runs.

        Raises:
            SandboxUnavailable: nothing was run.
        """
        ...


class TrustedRunner:
    """Runs tools in this process: coroutines on the loop, plain functions in a thread.

    A thread cannot be stopped: a plain function that outlives its time-out or its turn goes on
    until it returns, and its result is dropped. See `toolrun.tools.threads`.
    """

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        listener: Listener,
    ) -> ToolResult:
        """See `Runner.run`; nothing of what the tool prints is caught."""
        began = time.perf_counter()
        result: ToolResult | None = None
        mask = Mask(context.secrets)
        with (
            masked(listener, mask) as heard,
            anyio.move_on_after(tool.options.timeout) as scope,
        ):
            try:
                result = await _called(tool, call, arguments, context, heard, mask, began)
            finally:
                context.cancelled = result is None
        if result is None or (scope.cancel_called and result.outcome == "error"):
            return _timed_out(tool, time.perf_counter() - began)
        return result


async def _called(
    tool: Tool,
    call: ToolCall,
    arguments: dict[str, Any],
    context: CallContext,
    heard: Listener,
    mask: Mask,
    began: float,
) -> ToolResult:
    """Call a trusted tool; only an end of the process or of the scope is an exception."""
    try:
        built = tool.build(arguments)
        if tool.context is not None:
            built = {**built, tool.context: context}
        left = partial(_left_behind, tool, call, context, heard)
        text = await returned(tool, built, heard.output, mask, left)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and _ends_more(error):
            raise
        # As text: a renderer of exceptions may show locals, and takes half a second.
        structlog.get_logger("toolrun").warning(
            "tool raised",
            tool=tool.name,
            call=call.id,
            traceback=mask.text("".join(traceback.format_exception(error))),
        )
        return _failed(tool, error, mask, time.perf_counter() - began)
    return ToolResult(text, "ok", round(time.perf_counter() - began, 6))


def _left_behind(tool: Tool, call: ToolCall, context: CallContext, heard: Listener) -> None:
    """Say that a function runs on in its thread, which nothing can stop."""
    if heard.left is not None:
        heard.left()
    structlog.get_logger("toolrun").warning(
        "tool left behind in its thread",
        session=context.session,
        call=call.id,
        tool=tool.name,
        threads=abandoned_threads(),
    )


def _ends_more(error: BaseException) -> bool:
    """Whether this is not the tool's own: the process ends, or the scope that it runs in."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_ends_more, error.exceptions))
    if isinstance(error, KeyboardInterrupt):
        return True
    if not isinstance(error, anyio.get_cancelled_exc_class()):
        return False
    if anyio.current_effective_deadline() == -math.inf:
        return True
    if sniffio.current_async_library() != "asyncio":
        return False
    # asyncio's own cancellation of the task, which no scope of anyio knows of.
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _timed_out(tool: Tool, seconds: float) -> ToolResult:
    reason = f"it did not finish within {tool.options.timeout:g} s and was stopped"
    return ToolResult(failure(tool.name, "timeout", reason), "timeout", round(seconds, 6))


def _failed(tool: Tool, error: BaseException, mask: Mask, seconds: float) -> ToolResult:
    reason = cut(mask.text(f"{type(error).__name__}: {shown(error)}"), tool.options.max_output)
    return ToolResult(failure(tool.name, "error", reason), "error", round(seconds, 6))
