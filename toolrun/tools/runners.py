"""Who runs a call: this process for a trusted tool, a sandbox for every other?"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio
import msgspec
import sniffio
import structlog

from toolrun.errors import ToolrunError
from toolrun.sandbox import Boxes, Job, Made, Sandbox
from toolrun.sandbox.pool import Pool
from toolrun.sandbox.resolve import label, over, plain, resolve
from toolrun.tools.command import Refused
from toolrun.tools.context import KEY_VARIABLE, CallContext
from toolrun.tools.masks import Mask, masked
from toolrun.tools.results import cut, shown, to_text
from toolrun.tools.threads import abandoned_threads
from toolrun.tools.trusted import returned
from toolrun.values import Outcome, ToolResult

__all__ = ["Runner", "SandboxRunner", "Sandboxes", "TrustedRunner", "abandoned_threads"]

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.sandbox.egress.proxy import Decision
    from toolrun.sandbox.profile import Chosen, Profile
    from toolrun.tools.callables import Source
    from toolrun.tools.definition import Tool
    from toolrun.tools.listener import Listener, Output
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
            result = await _called(tool, call, arguments, context, heard.output, mask, began)
        if result is None or (scope.cancel_called and result.outcome == "error"):
            return _timed_out(tool, time.perf_counter() - began)
        return result


async def _called(
    tool: Tool,
    call: ToolCall,
    arguments: dict[str, Any],
    context: CallContext,
    output: Output | None,
    mask: Mask,
    began: float,
) -> ToolResult:
    """Call a trusted tool; only an end of the process or of the scope is an exception."""
    try:
        built = tool.build(arguments)
        if tool.context is not None:
            built = {**built, tool.context: context}
        text = await returned(tool, built, call, output, mask)
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


class SandboxRunner:
    """Runs tools in boxes of the profile that the tool, else the session, names.

    A tool's table that extends nothing narrows the session's profile.
    """

    def __init__(
        self,
        sandboxes: Sandboxes,
        profile: Chosen,
        workspace: Path | None,
        backend: str | None = None,
    ) -> None:
        self._sandboxes = sandboxes
        self._backend = backend
        self._profile = profile
        self._workspace = workspace

    def profile_of(self, tool: Tool) -> str:
        """What the profile that a tool runs under is called: "pure", "pure, narrowed"."""
        return label(self._chosen(tool))

    async def prepare(self, tool: Tool) -> str | None:
        """Open the sandbox of a tool before it is needed.

        Returns:
            Why another backend than the first makes it, if so.

        Raises:
            SandboxUnavailable: there is none that holds.
        """
        return (await self._opened(tool)).fallback

    async def warm(self, tool: Tool, tenant: str | None) -> None:
        """Have a box ready for a call that is being written; a failure is the call's own to tell.

        Args:
            tool: what will be called.
            tenant: on whose behalf.
        """
        with contextlib.suppress(ToolrunError, OSError):
            sandbox = await self._opened(tool)
            await sandbox.warm(None if tool.source is None else _job(tool.source), tenant=tenant)

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        listener: Listener,
    ) -> ToolResult:
        """See `Runner.run`."""
        mask = Mask(context.secrets)
        with masked(_cutting(listener, tool.options.max_output), mask) as heard:
            return await self._run(tool, call, arguments, context, heard, mask)

    async def _run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,
        listener: Listener,
        mask: Mask,
    ) -> ToolResult:
        sandbox = await self._opened(tool)
        env = {KEY_VARIABLE: context.idempotency_key, **context.secrets}
        tenant = context.tenant or context.session or None
        if tool.command is not None:
            return await _completed(tool, sandbox, arguments, env, tenant, listener, mask)
        assert tool.source is not None
        outcome = await sandbox.call(
            _job(
                tool.source,
                arguments=msgspec.json.encode(arguments),
                objects=_shown_to_box(tool.context, context),
            ),
            timeout=tool.options.timeout,
            env=env,
            tenant=tenant,
            **_heard_by(listener),
        )
        seconds, note = round(outcome.seconds, 6), mask.text(outcome.kept.note)
        if outcome.status == "ok":
            value = None if outcome.value is None else msgspec.json.decode(outcome.value)
            return ToolResult(
                cut(mask.text(to_text(value)), tool.options.max_output), "ok", seconds, note
            )
        if outcome.traceback:
            structlog.get_logger("toolrun").warning(
                "tool raised",
                tool=tool.name,
                call=call.id,
                traceback=mask.text(outcome.traceback, cut="head"),
            )
        kind = _OUTCOMES.get(outcome.status, "crash")
        reason = cut(
            mask.text(outcome.error or outcome.status, cut="tail"), tool.options.max_output
        )
        return ToolResult(_said(tool, kind, reason), kind, seconds, note)

    def _chosen(self, tool: Tool) -> Chosen:
        return over(self._profile, tool.options.profile)

    async def _opened(self, tool: Tool) -> Sandbox:
        source = f"of tool {tool.name}" if tool.options.profile is not None else "of the session"
        return await self._sandboxes.opened(
            self._chosen(tool), self._workspace, source, self._backend
        )


def _job(source: Source, **content: Any) -> Job:
    return Job(file=source.file, module=source.module, qualname=source.qualname, **content)


def _shown_to_box(parameter: str | None, context: CallContext) -> dict[str, Made]:
    """The call's context as a box gets it: all but the user's own object, and where it goes."""
    if parameter is None:
        return {}
    names = [name for name in CallContext.__slots__ if name != "context"]
    attributes = {name: getattr(context, name) for name in names}
    attributes["secrets"] = dict(context.secrets)
    return {parameter: Made(CallContext.__module__, CallContext.__name__, attributes)}


def _cutting(listener: Listener, limit: int) -> Listener:
    if listener.output is None:
        return listener
    return msgspec.structs.replace(listener, output=partial(_told, listener.output, limit))


def _heard_by(listener: Listener) -> dict[str, Any]:
    """Who hears of a call of a sandbox."""

    def egress(decision: Decision) -> None:
        if listener.egress is not None:
            reason = "" if decision.allowed else decision.reason
            listener.egress(decision.host, decision.port, decision.method, reason)

    return {
        "on_output": listener.output,
        "changing": listener.changing,
        "on_egress": egress,
    }


def _told(
    output: Output, limit: int, stream: Literal["stdout", "stderr", "progress"], text: str
) -> None:
    """Tell what a box says; a value that is yielded is cut like one that is returned."""
    output(stream, cut(text, limit) if stream == "progress" else text)


async def _completed(
    tool: Tool,
    sandbox: Sandbox,
    arguments: dict[str, Any],
    env: dict[str, str],
    tenant: str | None,
    listener: Listener,
    mask: Mask,
) -> ToolResult:
    """Run a command; what it prints is the result, and an exit status says whether it failed."""
    assert tool.command is not None
    try:
        argv, stdin = tool.command.argv(arguments), tool.command.input(arguments)
    except Refused as error:
        return ToolResult(f"{tool.name} was not run: {error}.", "invalid")
    done = await sandbox.run(
        argv,
        input=stdin,
        timeout=tool.options.timeout,
        env=env,
        tenant=tenant,
        **_heard_by(listener),
    )
    seconds, limit, note = (
        round(done.seconds, 6),
        tool.options.max_output,
        mask.text(done.kept.note),
    )
    if done.status != "ok":
        kind = _OUTCOMES.get(done.status, "crash")
        return ToolResult(_said(tool, kind, done.error or done.status), kind, seconds, note)
    printed = mask.text(done.stdout.decode(errors="replace"))
    if done.exit == 0:
        return ToolResult(cut(printed, limit), "ok", seconds, note)
    said = (mask.text(done.stderr.decode(errors="replace")) or printed).strip()[-_TAIL_CHARACTERS:]
    reason = f"{argv[0]} ended with status {done.exit}" + (f": {said}" if said else "")
    return ToolResult(cut(_said(tool, "error", reason), limit), "error", seconds, note)


class Sandboxes:
    """The sandboxes of a runtime, one for each profile and workspace, opened when first needed."""

    def __init__(self, boxes: Boxes | None = None) -> None:
        self._pool = Pool(boxes)
        self._open: dict[tuple[Profile, Path | None, str | None], Sandbox] = {}
        self._profiles: dict[bytes, Profile] = {}
        self._lock: anyio.Lock | None = None

    async def opened(
        self,
        chosen: Chosen,
        workspace: Path | None,
        source: str = "given as a table",
        backend: str | None = None,
    ) -> Sandbox:
        """The sandbox for a profile, probed.

        Args:
            chosen: the profile.
            workspace: the folder that it may show.
            source: where a table stands, for messages.
            backend: what makes the boxes; the first that holds where None.

        Raises:
            SandboxUnavailable: it does not hold; nothing may run.
            ConfigError: no such profile, or no such workspace.
        """
        profile = self._profile(chosen, source)
        key = (profile, workspace, backend)
        if (ready := self._open.get(key)) is not None:
            return ready
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            if key not in self._open:
                sandbox = Sandbox(profile, workspace=workspace, pool=self._pool, backend=backend)
                await sandbox.open()
                self._open[key] = sandbox
        return self._open[key]

    def _profile(self, chosen: Chosen, source: str) -> Profile:
        """The profile that is meant, put together once; what it widens is logged."""
        key = msgspec.json.encode(plain(chosen, source), order="sorted")
        if (ready := self._profiles.get(key)) is not None:
            return ready
        found = resolve(chosen, source=source)
        for each in found.widened:
            structlog.get_logger("toolrun").info(
                "sandbox profile widened",
                profile=found.profile.name,
                key=each.key,
                before=each.before,
                after=each.after,
                source=each.source,
            )
        self._profiles[key] = found.profile
        return found.profile

    async def aclose(self) -> None:
        """Close all of them, and see all their boxes gone."""
        await self._pool.aclose()
        self.close()

    def close(self) -> None:
        """The same where no event loop runs any more."""
        self._pool.close()
        while self._open:
            self._open.popitem()[1].close()


_TAIL_CHARACTERS = 4_000
_OUTCOMES: dict[str, Outcome] = {"exception": "error", "timeout": "timeout"}


def _timed_out(tool: Tool, seconds: float) -> ToolResult:
    reason = f"it did not finish within {tool.options.timeout:g} s and was stopped"
    return ToolResult(_said(tool, "timeout", reason), "timeout", round(seconds, 6))


def _failed(tool: Tool, error: BaseException, mask: Mask, seconds: float) -> ToolResult:
    reason = cut(mask.text(f"{type(error).__name__}: {shown(error)}"), tool.options.max_output)
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
