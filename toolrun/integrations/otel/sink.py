"""How do the events of sessions become spans and metrics?"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics, trace

from toolrun import events as ev
from toolrun._version import __version__
from toolrun.integrations.otel import names
from toolrun.integrations.otel.content import Content
from toolrun.integrations.otel.counted import Counted
from toolrun.integrations.otel.instruments import Instruments
from toolrun.integrations.otel.opened import Kit
from toolrun.integrations.otel.spans import OpenCall, OpenStep, OpenTurn, step_here, turn_here

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from toolrun.events import Durable, Event
    from toolrun.integrations.otel.opened import Open
    from toolrun.runs import Run
    from toolrun.runtime import Runtime
    from toolrun.scopes import Scope
    from toolrun.trace.recording import Find

_IDLE: Final = ("opentelemetry.trace", "opentelemetry.metrics")
"""Where the providers of the API live, which make nothing."""
_OPENS: dict[str, type[Open]] = {"turn": OpenTurn, "step": OpenStep, "call": OpenCall}


class OpenTelemetry:
    """A sink that makes spans and metrics; one serves any number of sessions and runtimes.

    Where no SDK is set up, or none is given, nothing is made, and next to nothing is spent.

    Args:
        agent: the name of the agent, in the names of spans and in metrics; none by default.
        content: whether spans hold what was said: messages, reasoning, arguments, results.
        secrets: values that content must not have, beside keys of well-known forms and the secrets
            that tools declare, which never have left them.
        patterns: as a `Recording` takes them.
        find: as a `Recording` takes it.
        tracer_provider: the global one by default.
        meter_provider: the global one by default.

    Raises:
        ConfigError: a pattern does not fit.
    """

    def __init__(
        self,
        *,
        agent: str = "",
        content: bool = False,
        secrets: Iterable[str] = (),
        patterns: Iterable[str] = (),
        find: Find | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        meter = metrics.get_meter("toolrun", __version__, meter_provider, names.SCHEMA)
        tracer = trace.get_tracer("toolrun", __version__, tracer_provider, names.SCHEMA)
        told = Content(secrets, patterns, find) if content else None
        self._tracers, self._meters = tracer_provider, meter_provider
        self._instruments = Instruments(meter)
        self._counted = Counted(meter)
        self._kit = Kit(tracer, self._instruments, agent, told)

    @property
    def observes(self) -> bool:
        """Internal: whether something comes of it, see `Sink.observes`; a new session asks."""
        found = (
            self._tracers or trace.get_tracer_provider(),
            self._meters or metrics.get_meter_provider(),
        )
        return any(not type(each).__module__.startswith(_IDLE) for each in found)

    def watch(self, runtime: Runtime) -> None:
        """Internal: measure what a runtime counts and holds; may be said again."""
        self._counted.watch(runtime)

    def within(self, scope: Scope) -> AbstractContextManager[str]:
        """Internal: see `Sink.observe`."""
        return _OPENS[scope.kind](self._kit, scope) if self.observes else nullcontext("")

    def stored(self, seconds: float) -> None:
        """Internal: see `Sink.observe`."""
        self._instruments.stored(seconds)

    async def record(self, event: Durable) -> None:
        """Internal: see `Sink.record`."""
        turn, step = turn_here.get(), step_here.get()
        match event:
            case ev.AssistantMessage():
                if turn is not None:
                    turn.usage += event.usage
                if step is not None:
                    step.said(event)
            case (
                ev.ToolCallStarted()
                | ev.ToolCallFinished()
                | ev.ApprovalRequested()
                | ev.ApprovalDecided()
            ):
                if isinstance(event, ev.ApprovalDecided):
                    self._instruments.approval(event.decision)
                if call := _call(turn, event.call_id):
                    call.heard(event)
            case ev.LimitReached() if turn is not None:
                turn.span.set_attribute(names.LIMIT, event.limit)
            case ev.TurnFinished() if turn is not None:
                turn.finished(event)
            case _:
                pass

    def observe(self, event: Event) -> None:
        """Internal: see `Sink.observe`."""
        turn, step = turn_here.get(), step_here.get()
        match event:
            case ev.RequestSent() if step is not None:
                step.sent(event)
            case ev.StepFinished() if step is not None:
                step.sampled(event)
            case ev.Retried() if step is not None:
                step.retried()
                where = names.server_of(event.server) if event.server else {}
                step.span.add_event(
                    "toolrun.retried",
                    {"toolrun.wait": event.wait, names.ERROR: event.code or names.OTHER, **where},
                )
            case ev.Repaired() if step is not None:
                step.span.add_event("toolrun.repaired", {"toolrun.repair": event.what})
            case ev.EgressDecided() if call := _call(turn, event.call_id):
                decision = "allowed" if event.allowed else "refused"
                call.span.add_event(
                    "toolrun.egress",
                    {names.ADDRESS: event.host, names.PORT: event.port, names.DECISION: decision},
                )
            case ev.Warned() if (span := _span(turn, step)) is not None:
                span.add_event("toolrun.warned", {"toolrun.warning": event.code})
            case _:
                pass

    def observe_run(self, run: Run) -> None:
        """Internal: see `Sink.observe`: pieces of texts are nothing to it."""


def _call(turn: OpenTurn | None, call_id: str) -> OpenCall | None:
    return None if turn is None else turn.calls.get(call_id)


def _span(turn: OpenTurn | None, step: OpenStep | None) -> Span | None:
    under_way = step or turn
    return None if under_way is None else under_way.span
