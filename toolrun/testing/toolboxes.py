"""Who answers the calls of a session that a trace plays to: the trace, or the tools themselves?

Calls are checked as ever, against the session's own tools. The trace gives results, or is what the
tools' own results are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import msgspec
from msgspec import Struct, structs

from toolrun.errors import ReplayMismatch
from toolrun.events import EgressDecided
from toolrun.state import State
from toolrun.tools.checked import Ready
from toolrun.tools.secrets import NONE, Secrets
from toolrun.tools.toolbox import Toolbox
from toolrun.trace.calls import RecordedCall, RecordedCalls
from toolrun.trace.miss import Misses
from toolrun.trace.normal import Normal
from toolrun.trace.runs import Recorded
from toolrun.trace.shown import first_difference
from toolrun.trace.stepwise import StepClock, Stops
from toolrun.values import Json, OnCrash, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.tools.checked import Checked
    from toolrun.tools.context import CallContext, Hidden
    from toolrun.tools.definition import Tool
    from toolrun.tools.kept import Kept
    from toolrun.tools.listener import Listener
    from toolrun.tools.runners import Runner


class Unrecorded(Struct, frozen=True):
    """A call that a trace holds no result of; it was answered so, as an error.

    Attributes:
        turn: of the session, from 1.
        step: of the turn, from 1.
        call: as the model made it.
        arguments: that it was checked to have.
    """

    turn: int
    step: int
    call: ToolCall
    arguments: dict[str, Json]


class Replies(Struct, frozen=True, eq=False):
    """What a trace says of the calls of one session.

    Attributes:
        calls: that it holds.
        events: of the trace.
        state: of the session.
        misses: makes the errors.
        keep: keeps the first of them, and gives it back to be raised.
        normal: takes out of results what is not compared.
        clock: is moved on; None where time is this machine's.
        stops: ends turns as they ended; None where the model is live, whose turns are its own.
        exact: whether calls and results have to be the recorded ones.
        unrecorded: takes the calls that it does not hold.
    """

    calls: RecordedCalls
    events: Sequence[Recorded]
    state: State
    misses: Misses
    keep: Callable[[ReplayMismatch], ReplayMismatch]
    normal: Normal
    clock: StepClock | None
    stops: Stops | None
    exact: bool
    unrecorded: list[Unrecorded]

    def find(self, name: str, call: ToolCall, arguments: dict[str, Any]) -> RecordedCall | None:
        """The recorded call that a call is; of one that should be recorded, the difference."""
        found = self.calls.take(name, call.id, arguments)
        if found is not None or self.stops is None:
            return found
        # The model's step is recorded, so that its calls are the same ones, whatever came of them.
        by_id = self.calls.of(name, call.id)
        if not self.exact or (by_id is not None and by_id.cut):
            return by_id
        if by_id is None:
            raise self.keep(
                self.misses.plain(f"the call of {name} ({call.id}) did not run when recorded")
            )
        where = first_difference(by_id.arguments, arguments)
        where = structs.replace(where, field=f"arguments.{where.field}")
        raise self.keep(self.misses.called(by_id.begin, name, where))

    def compare(self, found: RecordedCall, result: ToolResult) -> None:
        """Have a tool's own result be the recorded one, but for the time that it took."""
        if not self.exact or found.result is None or found.end is None:
            return
        before, after = (self._meant(each) for each in (found.result, result))
        if before != after:
            where = first_difference(before, after)
            raise self.keep(self.misses.result(found.end, found.name, where))

    def _meant(self, result: ToolResult) -> Any:
        plain = msgspec.to_builtins(result)
        plain.pop("seconds", None)
        plain.setdefault("outcome", "ok")
        return self.normal.value(plain)

    async def stopped(self, found: RecordedCall) -> None:
        """End the turn where the recorded one was stopped while this call ran."""
        if found.cut and self.stops is not None:
            await self.stops.stop(len(self.events) if found.end is None else found.end)


class CallRunner:
    """Gives the results that a trace holds of calls. See `tools.runners.Runner`."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies

    async def run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, Any],
        context: CallContext,  # noqa: ARG002 - nothing runs that could ask
        listener: Listener,
    ) -> ToolResult:
        """The recorded result, with what was told on the way; or that there is none."""
        replies = self._replies
        await anyio.lowlevel.checkpoint()
        found = replies.find(tool.name, call, arguments)
        if found is None:
            state = replies.state
            replies.unrecorded.append(Unrecorded(state.turn, state.step, call, arguments))
            return ToolResult(
                f"{tool.name} was not run: tools are answered from a recording, which has no "
                f"{tool.name} with these arguments.",
                "error",
            )
        await self._tell(found, listener)
        await replies.stopped(found)
        end = replies.events[found.end] if found.end is not None else None
        if end is not None and replies.clock is not None:
            await replies.clock.reach(end.time)
        return found.result or ToolResult(f"{tool.name} gave no result.", "cancelled")

    async def _tell(self, found: RecordedCall, listener: Listener) -> None:
        clock = self._replies.clock
        for event in found.told:
            if clock is not None:
                await clock.reach(event.time)
            if isinstance(event, EgressDecided):
                if listener.egress is not None:
                    listener.egress(event.host, event.port, event.method, event.reason)
            elif listener.output is not None:
                listener.output(event.stream, event.text)
        if found.changes and listener.changing is not None:
            await listener.changing(found.changes)


class RecordedToolbox(Toolbox):
    """The session's own tools, whose calls are checked as ever and answered by the trace."""

    def __init__(self, live: Toolbox, runner: Runner, fallbacks: list[str]) -> None:
        super().__init__(live.tools, trusted=runner, sandboxed=runner)
        self._live = live
        self._fallbacks = fallbacks

    async def prepare(self) -> list[str]:
        """See `Toolbox.prepare`; no sandbox is opened, what was warned of is the trace's."""
        return self._fallbacks

    def profile(self, tool: Tool) -> str | None:
        """See `Toolbox.profile`."""
        return self._live.profile(tool)

    @cached_property
    def on_crash(self) -> dict[str, OnCrash]:
        """See `Toolbox.on_crash`."""
        return self._live.on_crash


class ComparedToolbox(Toolbox):
    """The session's own tools, which run, and whose results are compared with the trace's."""

    def __init__(self, live: Toolbox, replies: Replies) -> None:
        vars(self).update(vars(live))  # the same toolbox, with all that it holds open
        self._replies = replies

    def check(self, call: ToolCall, state: State) -> Checked:
        """See `Toolbox.check`."""
        checked = super().check(call, state)
        if not isinstance(checked, Ready):
            return checked
        fields = {name: getattr(checked, name) for name in Ready.__struct_fields__}
        return _ComparedReady(**fields, replies=self._replies)


class _ComparedReady(Ready, frozen=True, kw_only=True):
    """A call that may run, and whose result is compared."""

    replies: Replies

    async def run(
        self, context: CallContext, listener: Listener, kept: Kept | None = None
    ) -> ToolResult:
        """See `Ready.run`."""
        found = self.replies.find(self.tool.name, self.call, self.arguments)
        if found is not None:
            await self.replies.stopped(found)
        result = await super().run(context, listener, kept)
        if found is not None:
            self.replies.compare(found, result)
        return result


class NoSecrets(Secrets):
    """Nothing runs that could use a secret, and so none need be there."""

    async def check(self, tools: Iterable[Tool]) -> None:
        """See `Secrets.check`."""

    async def of(self, tool: Tool) -> Hidden:  # noqa: ARG002 - as above
        """See `Secrets.of`."""
        return NONE
