"""How does a tool run in a sandbox, and what comes of it?"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import structlog

from toolrun.errors import ConfigError, ToolrunError
from toolrun.sandbox import Job, Made, Sandbox
from toolrun.sandbox.resolve import label, over
from toolrun.tools.command import Refused
from toolrun.tools.context import KEY_VARIABLE, CallContext, whose
from toolrun.tools.listener import heard_by
from toolrun.tools.masks import Mask, masked
from toolrun.tools.results import cut, failure, to_text
from toolrun.tools.where import changes_nothing, chosen_for, needed, shows_workspace
from toolrun.values import Outcome, ToolResult

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.sandbox.profile import Chosen
    from toolrun.tools.callables import Source
    from toolrun.tools.definition import Tool
    from toolrun.tools.listener import Listener, Output
    from toolrun.tools.living import Living
    from toolrun.tools.sandboxes import Sandboxes
    from toolrun.tools.work import Need
    from toolrun.values import ToolCall

_TAIL_CHARACTERS = 4_000
_OUTCOMES: dict[str, Outcome] = {"exception": "error", "timeout": "timeout"}


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
        self._needed: dict[Need, Chosen] = {}

    @property
    def living(self) -> Living:
        """What holds a box between calls, of all sessions of the runtime."""
        return self._sandboxes.living

    def profile_of(self, tool: Tool) -> str:
        """What the profile that a tool runs under is called: "pure", "pure, narrowed"."""
        return label(chosen_for(tool, self._profile))

    def changes_nothing(self, tool: Tool) -> bool:
        """See `toolrun.tools.where.changes_nothing`."""
        return changes_nothing(tool, self._profile)

    async def prepare(self, tool: Tool) -> str | None:
        """Open the sandbox of a tool before it is needed.

        Returns:
            Why another backend than the first makes it, if so.

        Raises:
            SandboxUnavailable: there is none that holds.
        """
        if tool.work is None:
            return (await self._opened(tool)).fallback
        told = [(await self.sandbox(tool, need)).fallback for need in tool.work.needs]
        return next((each for each in told if each is not None), None)

    async def sandbox(self, tool: Tool, need: Need) -> Sandbox:
        """The sandbox that a built-in tool needs, probed.

        Raises:
            SandboxUnavailable: there is none that holds.
            ConfigError: it works on the workspace, and there is none.
        """
        if (chosen := self._needed.get(need)) is None:
            chosen = self._needed[need] = needed(need, self._profile)
        workspace = need.workspace or self._workspace
        if workspace is None and shows_workspace(chosen):
            raise ConfigError(
                f"tool {tool.name} works on a folder, and the session has none: name one "
                "(--workspace . on the command line, Session(workspace=...))"
            )
        return await self._sandboxes.opened(
            chosen,
            workspace,
            f"of tool {tool.name}",
            self._backend,
        )

    async def warm(self, tool: Tool, tenant: str | None) -> None:
        """Have a box ready for a call that is being written; a failure is the call's own to tell.

        Args:
            tool: what will be called.
            tenant: who its box is kept for, see `whose`.
        """
        if tool.work is not None:  # which box it will be, its arguments say
            return
        with contextlib.suppress(ToolrunError, OSError):
            sandbox = await self._opened(tool)
            await sandbox.warm(
                None if tool.source is None else _job(tool.source, python=tool.options.python),
                tenant=tenant,
                env=tool.options.secrets,
            )

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
        tenant = whose(context.tenant, context.session)
        if tool.command is not None:
            return await _completed(tool, sandbox, arguments, env, tenant, listener, mask)
        assert tool.source is not None
        outcome = await sandbox.call(
            _job(
                tool.source,
                arguments=msgspec.json.encode(arguments),
                objects=_shown_to_box(tool.context, context),
                python=tool.options.python,
            ),
            timeout=tool.options.timeout,
            env=env,
            tenant=tenant,
            **heard_by(listener),
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
        return ToolResult(failure(tool.name, kind, reason), kind, seconds, note)

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
    """The call's context as a box gets it, and where it goes.

    Without the user's own object, and whether somebody waits: what runs in a box is killed.
    """
    if parameter is None:
        return {}
    names = [name for name in CallContext.__slots__ if name not in ("context", "cancelled")]
    attributes = {name: getattr(context, name) for name in names}
    attributes["secrets"] = dict(context.secrets)
    return {parameter: Made(CallContext.__module__, CallContext.__name__, attributes)}


def _cutting(listener: Listener, limit: int) -> Listener:
    if listener.output is None:
        return listener
    return msgspec.structs.replace(listener, output=partial(_told, listener.output, limit))


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
        python=tool.options.python,
        **heard_by(listener),
    )
    seconds, limit, note = (
        round(done.seconds, 6),
        tool.options.max_output,
        mask.text(done.kept.note),
    )
    if done.status != "ok":
        kind = _OUTCOMES.get(done.status, "crash")
        return ToolResult(failure(tool.name, kind, done.error or done.status), kind, seconds, note)
    printed = mask.text(done.stdout.decode(errors="replace"))
    if done.exit == 0:
        return ToolResult(cut(printed, limit), "ok", seconds, note)
    said = (mask.text(done.stderr.decode(errors="replace")) or printed).strip()[-_TAIL_CHARACTERS:]
    reason = f"{argv[0]} ended with status {done.exit}" + (f": {said}" if said else "")
    return ToolResult(cut(failure(tool.name, "error", reason), limit), "error", seconds, note)
