"""What do users hold? A `Session` is one conversation: ask, stream, decide, go on, undo, fork."""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING, Self

import anyio
from msgspec import structs, to_builtins

from toolrun.answer import Answer, answer_of
from toolrun.approvals import decided, waiting
from toolrun.beginning import Beginning
from toolrun.cancel import check_token
from toolrun.compacting import compacted
from toolrun.decisions import Edit
from toolrun.errors import ConfigError, ServerError
from toolrun.events import NOT_RESTORED, SettingsChanged, TurnUndone, UserMessage, Warned
from toolrun.forking import forked, options_of_fork
from toolrun.models.lengths import length_of
from toolrun.opening import id_of, open_new
from toolrun.running import Running, Until
from toolrun.step import Proving
from toolrun.stream import EventStream
from toolrun.transcript import to_openai
from toolrun.turn import run_turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Unpack

    from toolrun.blocking import BlockingSession
    from toolrun.cancel import CancelToken
    from toolrun.decisions import Decision
    from toolrun.errors import LeaseLost
    from toolrun.events import AssistantMessage, Compacted
    from toolrun.journal import Journal
    from toolrun.limits import Meter
    from toolrun.models.proof import Proof
    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.runtime import Runtime
    from toolrun.state import State
    from toolrun.transcript import Message
    from toolrun.values import Json, Rule


CLOSING = 5.0
"""Seconds that a session which is closed waits for the turn that it cancelled."""


class Session:
    """One conversation with a model that may call tools.

    Use it as an asynchronous context manager. Without a `Runtime` it makes one for itself.

    Args:
        runtime: what it shares with other sessions; `Runtime.session` gives it.
        id: its name in journals and logs; a random one where None.
        **options: see `Options`.

    Raises:
        ConfigError, ToolDefinitionError: an option or a tool does not fit.
    """

    def __init__(
        self,
        runtime: Runtime | None = None,
        id: str | None = None,  # noqa: A002 - what users call it
        **options: Unpack[Options],
    ) -> None:
        self._private: Runtime | None = None
        if runtime is None:
            from toolrun.runtime import Runtime
            from toolrun.sandbox.pool import Boxes

            # One tenant: no box is kept ready for others.
            runtime = self._private = Runtime(**options, boxes=Boxes())
            options = {}
        self._runtime = runtime.hold()
        self._options = options
        self._parts = parts = runtime.assemble(id, options)
        self._journal = parts.journal
        self._opened = self._closed = False
        self._running = Running(parts.journal, parts.settings.limits, runtime.turns)
        self._beginning = Beginning(parts.journal, self._running)
        if parts.stops is not None:
            parts.stops(self._running)
        self.id: str = parts.journal.session
        self._opening: Callable[[Parts], Awaitable[None]] = open_new

    @staticmethod
    def sync(
        id: str | None = None,  # noqa: A002 - what users call it
        *,
        resume: str | None = None,
        adopt: bool = False,
        wait: float | None = None,
        **options: Unpack[Options],
    ) -> BlockingSession:
        """The same, blocking, for code without an event loop; a context manager.

        Args:
            id: its name; a random one where None.
            resume: the id of a session in the `store` to go on with; see `Runtime.resume`, also for
                `adopt` and `wait`.
            adopt: see there.
            wait: see there.
            **options: see `Options`.
        """
        from toolrun.blocking import BlockingSession

        return BlockingSession(id, resume=resume, adopt=adopt, wait=wait, **options)

    @property
    def tenant(self) -> str | None:
        """On whose behalf it runs."""
        return self._parts.settings.tenant

    @property
    def state(self) -> State:
        """What the session's events add up to."""
        return self._journal.state

    @property
    def transcript(self) -> list[Message]:
        """The messages so far, in order."""
        return list(self._journal.state.transcript)

    @property
    def trace_path(self) -> Path | None:
        """Where the trace is written; None where there is none."""
        return self._parts.trace_path

    async def context_length(self) -> int | None:
        """Tokens that its model takes, prompt and reply together; None where nobody says."""
        settings = self._parts.settings
        return settings.context_length or await length_of(self._parts.model, settings.model)

    def messages(self) -> list[dict[str, Json]]:
        """The transcript as Chat Completions messages, with its instructions and reasoning."""
        return to_openai(self.state.transcript, instructions=self._parts.settings.instructions)

    async def __aenter__(self) -> Self:
        """Open the session: the sandboxes that its tools need are probed.

        Raises:
            SandboxUnavailable: no sandbox holds; nothing has run.
            ConfigError: `messages`, `profile` or `workspace` do not fit; a secret that a tool
                declares is not there; it was closed.
            Draining: the process is about to end.
        """
        self._running.check_not_closed()
        self._runtime.turns.check()
        self._runtime.turns.sessions.add(self)
        if self._opened:  # `await runtime.resume(...)` gives one that is
            return self
        try:
            await self._opening(self._parts)
        except BaseException:
            await self.aclose()
            raise
        self._opened = True
        if self._parts.stored is not None:
            # Weakly: the store outlives a session that nobody closes.
            told = weakref.WeakMethod(self._told)
            self._parts.stored.watch(
                lambda error: None if (tell := told()) is None else tell(error)
            )
        return self

    def _told(self, error: LeaseLost | None) -> None:
        """Stop what runs: another process asks for it, or has taken the session over."""
        if error is not None:
            self._journal.lose(error)
        self._running.cancel("another process asked for it" if error is None else str(error))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel a turn that runs, and let go of what the session holds."""
        self._running.close()
        with anyio.CancelScope(shield=True):
            # Its end belongs into the trace. A tool that closes its own session waits in vain.
            with anyio.move_on_after(CLOSING):
                await self._running.wait()
            await self._parts.kept.aclose()
            await self._parts.aclose()
            if not self._closed:
                self._closed = True
                self._runtime.turns.sessions.discard(self)
                await self._runtime.release(last=self._private is not None)

    def __del__(self) -> None:
        """Say which session nobody closed; a turn that runs keeps its session alive."""
        if getattr(self, "_closed", True):  # also where its making failed
            return
        if self.state.opened is not None:
            warnings.warn(
                f"session {self.id} was never closed; use `async with`, or await its aclose()",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
        self._parts.kept.close()
        self._parts.close()
        if self._parts.stored is not None:
            self._parts.stored.forget()
        self._runtime.forget(last=self._private is not None)

    async def ask(
        self,
        text: str,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> Answer:
        """Say something and run the turn to its end.

        Args:
            text: what the user says.
            output: what the answer has to be: a pydantic model, a dataclass, any type that pydantic
                has a schema for, or a JSON Schema; `Answer.output` then holds it. The model may
                call tools first; an answer that does not fit is said once more, without tools.
            seconds: wall time that the turn may take, where that is less than `limits.seconds`;
                it then ends as "limited".
            cancel: stops the turn from anywhere; it then ends as "cancelled".

        Returns:
            What the turn came to; its `status` says how it ended.

        Raises:
            ConfigError: an argument does not fit: the text cannot be sent, `output` has no schema.
            SessionBusy: a turn runs.
            Draining: the process is about to end.
            ServerError: a step could not be sampled; `go_on` samples it again.
            OutputInvalid: the model gives no answer that fits; `go_on` tries again.
            SandboxUnavailable: a tool's sandbox stopped holding.
        """
        return await self._turn(self._beginning.saying(text, output), _until(seconds, cancel))

    async def go_on(
        self,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> Answer:
        """Go on with a turn that was parked, limited, cancelled or failed.

        Args:
            output: as for `ask`; what was asked for, as JSON, where None.
            seconds: as for `ask`.
            cancel: as for `ask`.

        Returns:
            What the turn came to, as of `ask`.

        Raises:
            ConfigError: there is nothing to go on with.
            SessionBusy, Draining, ServerError, OutputInvalid: as for `ask`.
        """
        return await self._turn(self._beginning.going_on(output), _until(seconds, cancel))

    def stream(
        self,
        text: str,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> EventStream:
        """Say something and hear of the turn as it happens.

        An asynchronous context manager of an iterator over events; leaving it early cancels the
        turn. What `ask` raises, the iterator raises after the last event.

        Args:
            text: as for `ask`.
            output: as for `ask`.
            seconds: as for `ask`.
            cancel: as for `ask`.

        Returns:
            The events of the turn.
        """
        return self._watched(self._beginning.saying(text, output), _until(seconds, cancel))

    def stream_on(
        self,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> EventStream:
        """`go_on`, as a stream.

        Args:
            output: as for `go_on`.
            seconds: as for `go_on`.
            cancel: as for `go_on`.
        """
        return self._watched(self._beginning.going_on(output), _until(seconds, cancel))

    def _watched(self, begin: Callable[[], Awaitable[None]], until: Until) -> EventStream:
        return EventStream(
            self._journal, lambda: self._turn(begin, until, stream=True), self._answer
        )

    async def undo(self) -> str:
        """Take the last turn back, and return what the user had said.

        The transcript is what it was before, and so are the files of the workspace that sandboxed
        tools changed, but for those that somebody else has changed since: a Warned event names
        each. What tools have done elsewhere stays done, and the tokens stay used.

        Raises:
            ConfigError: there is no turn to take back.
            OSError: the workspace is gone, or held by another process.
            SessionBusy: a turn runs.
        """
        self._running.check_idle()
        if not self.state.turns_from:
            raise ConfigError("there is no turn to take back")
        said = self.state.transcript[self.state.turn_from]
        assert isinstance(said, UserMessage)
        # Files first: after a crash in between, undoing once more finds them as they were.
        left = await self._parts.restored(self.state.changes[-1])
        await self._journal.record(TurnUndone(left))
        for each in left:
            self._journal.report(Warned(NOT_RESTORED, f"not restored: {each}"))
        return said.content

    async def compact(self, *, keep_turns: int | None = None) -> Compacted | None:
        """Have the model summarise what lies before the last turns, now.

        By itself a session does so where the context fills up and `compaction` says "summarise".
        The transcript stays whole; the summary is sent in the place of what it covers.

        Args:
            keep_turns: turns at the end that stay as they are, a turn that may be gone on with
                always; `compaction.keep_turns` where None.

        Returns:
            What was done; None where a summary would be no shorter than what lies there, or
            `cancel` came first.

        Raises:
            ConfigError: it is no number of turns; the session's budget is spent.
            ServerError, ContextTooLong: the model gives no summary.
            SessionBusy: a turn runs.
            Draining: the process is about to end.
        """
        found: Compacted | None = None

        async def work() -> None:
            nonlocal found
            found = await compacted(self._parts, keep_turns)

        await self._running.between(work)
        return found

    def fork(self, id: str | None = None, **options: Unpack[Options]) -> Session:  # noqa: A002 - as above
        """A new session that begins where this one stands; enter it with `async with`.

        Where this session's trace is a file that was named, the fork's lies beside it, with the
        fork's id behind its name.

        Args:
            id: its name; a random one where None.
            **options: what shall differ from this session's: another model, effort, tools.

        Raises:
            ConfigError, ToolDefinitionError: an option or a tool does not fit; it shall write to
                this session's trace.
            SessionBusy: a turn runs.
        """
        self._running.check_idle()
        id = id_of(id)  # noqa: A001 - as above
        whole = options_of_fork(self._parts, self._options, id, options)
        other = Session(self._runtime, id, **whole)
        other._private = self._private
        other._begin_as(self._journal)
        return other

    def _begin_as(self, journal: Journal) -> None:
        """Begin where another session stands, by its journal; not open yet."""
        history = forked(journal, self._parts.toolbox.schemas)
        self._parts = structs.replace(self._parts, history=history)
        self._running.unended = journal.state.running

    async def decide(self, call_id: str, decision: Decision) -> None:
        """Decide on a call that waits; `go_on` then goes on.

        Args:
            call_id: of the call.
            decision: whether it runs, and how.

        Raises:
            ConfigError: no such call waits, or it has waited for too long (`approvals`); edited
                arguments do not fit the schema.
            SessionBusy: a turn runs.
        """
        self._running.check_idle()
        approvals = self._parts.settings.approvals
        request = waiting(self.state, call_id, approvals, self._journal.clock())
        if isinstance(decision, Edit):
            self._parts.toolbox.check_edit(request.name, decision.arguments)
        await self._journal.record(decided(call_id, request.name, decision))

    @property
    def allowed(self) -> list[Rule]:
        """Which calls run without anybody being asked, though their tools ask for approval."""
        return list(self.state.standing)

    async def allow(self, *rules: Rule) -> None:
        """Let calls run from now on that would be asked about, as `Approve(scope=Rule(...))` does.

        A call that waits already still waits.

        Args:
            *rules: the calls that are meant.

        Raises:
            SessionBusy: a turn runs.
        """
        new = [rule for rule in rules if rule not in self.state.standing]
        await self._stand([*self.state.standing, *new])

    async def disallow(self, *rules: Rule) -> None:
        """Ask about such calls again.

        Args:
            *rules: of those of `allowed`.

        Raises:
            ConfigError: there is no such rule among those of `allowed`.
            SessionBusy: a turn runs.
        """
        for rule in rules:
            if rule not in self.state.standing:
                raise ConfigError(f"no such call is allowed: {rule}; see Session.allowed")
        await self._stand([rule for rule in self.state.standing if rule not in rules])

    async def _stand(self, rules: list[Rule]) -> None:
        self._running.check_idle()
        if rules != self.state.standing:
            await self._journal.record(SettingsChanged({"standing": to_builtins(rules)}))

    def cancel(self, reason: str = "") -> None:
        """Stop the turn that runs, if any: its tools are killed, and `ask` returns "cancelled".

        From any thread, and from a tool of the turn; a signal handler needs a `CancelToken`.

        Args:
            reason: for people: it stands in the TurnFinished event and in `Answer.reason`.
        """
        self._running.cancel(reason)

    async def prove(self, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Look for the reasoning of a step in the prompt that a later one was sampled from.

        Needs `extra_body={"return_token_ids": True}` and a vLLM (0.10.2 and later).

        Args:
            step: whose reasoning is looked for.
            later: in whose prompt it is looked for.

        Returns:
            Where it stands there, or that it does not.

        Raises:
            ServerError: the server gives no token ids, or is not sampled over Chat Completions.
        """
        parts = self._parts
        if not isinstance(parts.model, Proving):
            raise ServerError("only a server's own token ids prove anything: model is not a server")
        return await parts.model.prove(parts.settings.model, step, later)

    def _answer(self) -> Answer:
        output = self._beginning.output
        return answer_of(self.state, output.parse if output else None)

    async def _turn(
        self, begin: Callable[[], Awaitable[None]], until: Until = Until(), *, stream: bool = False
    ) -> Answer:
        async def drive(meter: Meter) -> None:
            output, parking = self._beginning.output, self._running.parking
            await run_turn(self._parts.turn(meter, output, stream=stream, parking=parking))

        await self._running.run(begin, drive, until)
        return self._answer()


def _until(seconds: float | None, cancel: CancelToken | None) -> Until:
    return Until(seconds, check_token(cancel))
