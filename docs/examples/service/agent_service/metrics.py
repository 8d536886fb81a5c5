"""What can be counted of a worker, for Prometheus?"""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily

from agent_service.takeover import TakeOver
from agent_service.work import Work

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)


class Metrics:
    """The metrics of one worker; each worker is scraped by itself.

    Args:
        counts: of the runtime: how often each kind of event happened.
        work: has the turns that run.
        take_over: knows how many were taken over.

    Attributes:
        requests: that have ended, by route and status.
        seconds: that they took, streams aside.
        streams: that are open, by kind.
    """

    def __init__(self, counts: Mapping[str, int], work: Work, take_over: TakeOver) -> None:
        registry = self._registry = CollectorRegistry()
        registry.register(_Events(counts, take_over))
        self.requests = Counter(
            "service_requests", "Requests that have ended.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "service_request_seconds",
            "Seconds that a request took, streams aside.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.streams = Gauge(
            "service_streams", "Streams that are open.", ["kind"], registry=registry
        )
        turns = Gauge("service_turns", "Turns that this worker drives.", registry=registry)
        turns.set_function(lambda: len(work.lives))
        ends = Gauge("service_draining", "1 while this worker shuts down.", registry=registry)
        ends.set_function(lambda: float(work.draining))

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Events:
    """What toolrun counts, read at each scrape."""

    def __init__(self, counts: Mapping[str, int], take_over: TakeOver) -> None:
        self._counts = counts
        self._take_over = take_over

    def collect(self) -> Iterator[CounterMetricFamily]:
        events = CounterMetricFamily(
            "toolrun_events", "Events of the sessions, by kind.", labels=["event"]
        )
        for name, count in sorted(self._counts.items()):
            events.add_metric([name], count)
        yield events
        taken = CounterMetricFamily("service_turns_taken_over", "Turns that others left behind.")
        taken.add_metric([], self._take_over.count)
        yield taken
