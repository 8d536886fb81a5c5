"""Which span is there while a turn, a step or a call is under way, and what does it say?"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from toolrun.events import ApprovalRequested, ToolCallFinished, ToolCallStarted
from toolrun.integrations.otel import names
from toolrun.integrations.otel.opened import Open, error_type, headers, is_cancellation
from toolrun.scopes import carried
from toolrun.values import Usage

if TYPE_CHECKING:
    from toolrun.events import (
        ApprovalDecided,
        AssistantMessage,
        RequestSent,
        StepFinished,
        TurnFinished,
    )
    from toolrun.integrations.otel.opened import Attributes


class OpenTurn(Open):
    """The span of a turn, or of what was left of it: `invoke_agent`."""

    def begin(self) -> tuple[str, Attributes]:
        """See `Open.begin`."""
        kit, settings = self.kit, self.scope.settings
        self.calls: dict[str, OpenCall] = {}
        self.usage: Usage = Usage()
        self._finished: TurnFinished | None = None
        self._about: Attributes = {
            names.OPERATION: "invoke_agent",
            names.PROVIDER: kit.provider(settings),
            names.MODEL: settings.get("model", ""),
        }
        if kit.agent:
            self._about[names.AGENT] = kit.agent
        attributes = dict(self._about)
        if settings.get("tenant"):
            attributes[names.TENANT] = settings["tenant"]
        if kit.content is not None and settings.get("instructions"):
            attributes[names.INSTRUCTIONS] = kit.content.instructions(settings["instructions"])
        return f"invoke_agent {kit.agent}".strip(), attributes

    def entered(self) -> None:
        """See `Open.entered`."""
        self._here = turn_here.set(self)

    def left(self) -> None:
        """See `Open.left`."""
        turn_here.reset(self._here)

    def finished(self, event: TurnFinished) -> None:
        """The turn has ended."""
        self._finished = event

    def end(self, error: BaseException | None, seconds: float) -> None:
        """See `Open.end`."""
        finished = self._finished
        status = "cancelled" if finished is None else finished.status
        self._about[names.STATUS] = status
        self.span.set_attribute(names.STATUS, status)
        if self.usage.total_tokens:
            self.span.set_attribute(names.INPUT_TOKENS, self.usage.prompt_tokens)
            self.span.set_attribute(names.OUTPUT_TOKENS, self.usage.completion_tokens)
        if status == "failed":
            kind = self._about[names.ERROR] = error_type(error)
            self.failed(kind)
        self.kit.instruments.turn(seconds, self._about)


class OpenStep(Open):
    """The span of a step, with all its attempts: `chat`."""

    kind = SpanKind.CLIENT

    def begin(self) -> tuple[str, Attributes]:
        """See `Open.begin`."""
        settings = self.scope.settings
        self._url = names.base_url(settings)
        self._about: Attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: self.kit.provider(settings),
            names.MODEL: self.scope.name,
            **names.server_of(self._url),
        }
        self._retries = 0
        self._first: float | None = None
        attributes = {**self._about, **names.asked_of(settings), names.STEP: self.scope.step}
        return f"chat {self.scope.name}", attributes

    def entered(self) -> None:
        """See `Open.entered`; requests carry the span from now on."""
        self._here = step_here.set(self)
        self._carried = carried.set(headers(self.span))

    def left(self) -> None:
        """See `Open.left`."""
        step_here.reset(self._here)
        carried.reset(self._carried)

    def sent(self, event: RequestSent) -> None:
        """A request went out."""
        provider = names.provider_of(event.dialect)
        if event.dialect and provider != self._about[names.PROVIDER]:
            self._about[names.PROVIDER] = provider
            self.span.set_attribute(names.PROVIDER, provider)
            if self._url:
                self.kit.providers[self._url] = provider
        if not self.span.is_recording():
            return
        self.span.set_attribute(names.STREAM, event.stream)
        self.span.set_attribute(names.VIA, event.via or "chat")
        if self.kit.content is not None and event.adds:
            self.span.set_attribute(names.INPUT, self.kit.content.sent(event.adds))

    def retried(self) -> None:
        """The same step is sampled again."""
        self._retries += 1

    def sampled(self, event: StepFinished) -> None:
        """A server has sampled it, and says so before the message is judged."""
        self._first = event.first_token
        if event.server:
            where = names.server_of(event.server)
            self._about.update(where)
            self.span.set_attributes(where)

    def said(self, message: AssistantMessage) -> None:
        """The message is there, and will do."""
        usage = message.usage
        self.kit.instruments.usage(usage, self._about)
        if not self.span.is_recording():
            return
        attributes: Attributes = {names.FINISH_REASONS: [message.finish_reason or "stop"]}
        if message.response_id:
            attributes[names.RESPONSE_ID] = message.response_id
        if usage.total_tokens:
            attributes[names.INPUT_TOKENS] = usage.prompt_tokens
            attributes[names.OUTPUT_TOKENS] = usage.completion_tokens
            attributes[names.CACHED_TOKENS] = usage.cached_tokens
        if usage.reasoning_tokens:
            attributes[names.REASONING_TOKENS] = usage.reasoning_tokens
        if self.kit.content is not None:
            attributes[names.OUTPUT] = self.kit.content.said(message)
        self.span.set_attributes(attributes)

    def end(self, error: BaseException | None, seconds: float) -> None:
        """See `Open.end`."""
        if self._retries:
            self.span.set_attribute(names.RETRIES, self._retries)
        if self._first is not None:
            self.span.set_attribute(names.FIRST_CHUNK, self._first)
            self.kit.instruments.first_chunk(self._first, self._about)
        about = self._about
        if error is not None:
            kind = "cancelled" if is_cancellation(error) else error_type(error)
            about = {**about, names.ERROR: kind}
            self.failed(kind)
        self.kit.instruments.step(seconds, about)


class OpenCall(Open):
    """The span of a call, from the wait for its approval to its outcome: `execute_tool`."""

    def begin(self) -> tuple[str, Attributes]:
        """See `Open.begin`."""
        tool = self.scope.name
        self._about: Attributes = {
            names.OPERATION: "execute_tool",
            names.TOOL: tool or names.OTHER,
        }
        self._outcome = ""
        self._seconds: float | None = None
        more: Attributes = {
            names.TOOL_TYPE: "function",
            names.CALL_ID: self.scope.call_id,
            names.STEP: self.scope.step,
        }
        return f"execute_tool {tool}".strip(), {**self._about, **more}

    def entered(self) -> None:
        """See `Open.entered`."""
        self._turn = turn_here.get()
        if self._turn is not None:
            self._turn.calls[self.scope.call_id] = self

    def left(self) -> None:
        """See `Open.left`."""
        if self._turn is not None:
            self._turn.calls.pop(self.scope.call_id, None)

    def heard(
        self,
        event: ToolCallStarted | ToolCallFinished | ApprovalRequested | ApprovalDecided,
    ) -> None:
        """Take note of what happened to it."""
        match event:
            case ToolCallStarted():
                self._started(event)
            case ToolCallFinished():
                self._finished(event)
            case ApprovalRequested():
                self.span.add_event("toolrun.approval.requested")
            case _:
                said = {names.DECISION: event.decision}
                self.span.add_event("toolrun.approval.decided", said)

    def _started(self, event: ToolCallStarted) -> None:
        self._seconds = 0.0
        profile = event.profile or names.TRUSTED
        self._about[names.PROFILE] = profile
        self.span.set_attribute(names.PROFILE, profile)
        if self.kit.content is not None:
            self.span.set_attribute(names.ARGUMENTS, self.kit.content.json(event.arguments))

    def _finished(self, event: ToolCallFinished) -> None:
        self._outcome = event.result.outcome
        if self._seconds is not None:
            self._seconds = event.result.seconds
        if self.kit.content is not None:
            self.span.set_attribute(names.RESULT, self.kit.content.text(event.content))

    def end(self, error: BaseException | None, seconds: float) -> None:  # noqa: ARG002 - as above
        """See `Open.end`; its own seconds are those that the tool ran."""
        cut_off = error is not None and not self._outcome
        outcome = self._outcome or ("cancelled" if cut_off else "parked")
        about = {**self._about, names.OUTCOME: outcome}
        self.span.set_attribute(names.OUTCOME, outcome)
        if outcome not in names.NO_ERROR:
            about[names.ERROR] = outcome
            self.failed(outcome)
        if self._seconds is not None:
            self.span.set_attribute(names.SECONDS, self._seconds)
            if not cut_off:
                self.kit.instruments.tool(self._seconds, about)


turn_here: ContextVar[OpenTurn | None] = ContextVar("toolrun-otel-turn", default=None)
step_here: ContextVar[OpenStep | None] = ContextVar("toolrun-otel-step", default=None)
