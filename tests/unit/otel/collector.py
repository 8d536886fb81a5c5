"""A collector in this process: every span that began and ended, every metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from toolrun.integrations.otel import OpenTelemetry

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import SpanContext


class Collector(SpanProcessor):
    """Takes what a sink makes."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.begun: list[Span] = []
        self.ended: list[ReadableSpan] = []
        self.tracers = TracerProvider(sampler=sampler)
        self.tracers.add_span_processor(self)
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])
        self.tracer = self.tracers.get_tracer("test")

    def sink(self, **options: Any) -> OpenTelemetry:
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.begun.append(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    def assert_all_ended(self) -> None:
        assert [s.name for s in self.begun if s.end_time is None] == []
        assert len(self.begun) == len(self.ended)

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans whose name begins so, in the order in which they began."""
        return [span for span in self.begun if span.name.startswith(name)]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def points(self, metric: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """The points of a metric, by their attributes: the value, or count and sum."""
        data = self._reader.get_metrics_data()
        found: dict[tuple[tuple[str, Any], ...], Any] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for each in scope.metrics:
                    if each.name == metric:
                        for point in each.data.data_points:
                            key = tuple(sorted((point.attributes or {}).items()))
                            value = getattr(point, "value", None)
                            found[key] = (
                                (getattr(point, "count", None), getattr(point, "sum", None))
                                if value is None
                                else value
                            )
        return found

    def by(self, metric: str, attribute: str) -> dict[Any, Any]:
        """The points of a metric, by one attribute."""
        return {dict(key).get(attribute): value for key, value in self.points(metric).items()}


def told(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span."""
    return dict(span.attributes or {})


def happened(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    """The events of a span."""
    return [(event.name, dict(event.attributes or {})) for event in span.events]


def is_in(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether a span is a child of another."""
    return span.parent is not None and same(span.parent, context_of(parent))


def context_of(span: ReadableSpan) -> SpanContext:
    """Which span it is."""
    context = span.get_span_context()
    assert context is not None
    return context


def same(one: SpanContext, other: SpanContext) -> bool:
    """Whether two say the same span, from here or from elsewhere."""
    return (one.trace_id, one.span_id) == (other.trace_id, other.span_id)
