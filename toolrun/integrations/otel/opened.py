"""What has every span, and how does whoever is asked inside learn of it?

A span begins and ends with its scope, so none stays open, whatever ends a session. It is current
inside: for the spans of trusted tools, and for the server that a step asks.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, ClassVar, Final

import anyio
from opentelemetry import context as contexts
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from toolrun.errors import ServerError
from toolrun.integrations.otel import names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from toolrun.integrations.otel.content import Content
    from toolrun.integrations.otel.instruments import Instruments
    from toolrun.scopes import Scope

    Attributes = dict[str, AttributeValue]

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Kit:
    """What all spans of a sink are made with.

    Attributes:
        tracer: makes them.
        instruments: measure what they are there for.
        agent: the name of the agent; "" where it has none.
        content: writes what was said; None: nobody does.
        providers: the kinds of servers, by base URL, as far as they were seen.
    """

    def __init__(
        self, tracer: Tracer, instruments: Instruments, agent: str, content: Content | None
    ) -> None:
        self.tracer = tracer
        self.instruments = instruments
        self.agent = agent
        self.content = content
        self.providers: dict[str, str] = {}

    def provider(self, settings: Mapping[str, object]) -> str:
        """The kind of server that a session samples from, as far as it is known."""
        seen = self.providers.get(names.base_url(settings))
        return seen or names.provider_of(str(settings.get("dialect") or ""))


class Open:
    """A span that is there while something is; a context manager that gives its traceparent.

    Args:
        kit: what it is made with.
        scope: what is under way.
    """

    kind: ClassVar[SpanKind] = SpanKind.INTERNAL

    def __init__(self, kit: Kit, scope: Scope) -> None:
        self.kit = kit
        self.scope = scope

    def __enter__(self) -> str:
        name, attributes = self.begin()
        scope = self.scope
        attributes[names.CONVERSATION] = scope.session
        attributes[names.TURN] = scope.turn
        self.began: float = time.perf_counter()
        self.span: Span = self.kit.tracer.start_span(
            name, kind=self.kind, attributes=attributes, links=_links(scope.after)
        )
        self._token: Token[Context] = contexts.attach(set_span_in_context(self.span))
        self.entered()
        return traceparent(self.span)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(error, time.perf_counter() - self.began)
        self.span.end()
        # A coroutine that is thrown away is closed in somebody else's context.
        if kind is not GeneratorExit:
            self.left()
            contexts.detach(self._token)

    def begin(self) -> tuple[str, Attributes]:
        """The name of the span, and what is known of it at its beginning."""
        raise NotImplementedError

    def entered(self) -> None:
        """The span is current from now on."""

    def left(self) -> None:
        """It will not be any more."""

    def end(self, error: BaseException | None, seconds: float) -> None:
        """Say what came of it."""
        raise NotImplementedError

    def failed(self, kind: str) -> None:
        """Say which class of error it ended with; the text of one may quote what was said."""
        self.span.set_attribute(names.ERROR, kind)
        self.span.set_status(Status(StatusCode.ERROR))


def traceparent(span: Span) -> str:
    """What W3C Trace Context calls a span; "" where there is none."""
    context = span.get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def headers(span: Span) -> Mapping[str, str] | None:
    """What a request carries of a span; nothing else of the context, such as baggage, leaves."""
    if not (parent := traceparent(span)):
        return None
    state = span.get_span_context().trace_state.to_header()
    return {"traceparent": parent, "tracestate": state} if state else {"traceparent": parent}


def error_type(error: BaseException | None) -> str:
    """Which class of error it is: the code of a server's, else the name of its type."""
    if isinstance(error, ServerError) and error.code != ServerError.code:
        return error.code
    return type(error).__name__ if error is not None else names.OTHER


def is_cancellation(error: BaseException) -> bool:
    """Whether something was stopped rather than failed."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_cancellation, error.exceptions))
    if isinstance(error, GeneratorExit):  # there may be no event loop any more
        return True
    return isinstance(error, anyio.get_cancelled_exc_class())


def _links(after: str) -> list[Link]:
    """The end of a turn that another goes on from, in this process or another."""
    if (found := _TRACEPARENT.fullmatch(after)) is None:
        return []
    trace, span, flags = (int(each, 16) for each in found.groups())
    return [Link(SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags)))]
