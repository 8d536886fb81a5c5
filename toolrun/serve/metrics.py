"""What can be counted of a server, in the text format of Prometheus?"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
"""Seconds of the histogram's buckets: a refusal takes milliseconds, a turn minutes."""


class Metrics:
    """Counts the requests of a server."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int, str]] = Counter()
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[str, _Histogram] = {}

    def request(self, route: str, status: int, key: str, seconds: float) -> None:
        """Count a request that has ended.

        Args:
            route: one of the server's own, so that no client makes new series.
            status: of HTTP; 499 where the client went.
            key: the name of the key.
            seconds: that it took.
        """
        self._requests[route, status, key] += 1
        self._seconds.setdefault(route, _Histogram()).add(seconds)

    def tokens(self, key: str, prompt: int, completion: int) -> None:
        """Count the tokens of a request."""
        self._tokens[key, "prompt"] += prompt
        self._tokens[key, "completion"] += completion

    def text(
        self, gauges: Mapping[str, int], reasoning: Mapping[str, int], events: Mapping[str, int]
    ) -> bytes:
        """All that is counted.

        Args:
            gauges: values of this moment, by name.
            reasoning: steps of clients that run their own tools, by what became of them.
            events: `Runtime.counts`.
        """
        lines = [*self._own()]
        for name, value in gauges.items():
            lines += [*_head(name, "gauge"), f"toolrun_{name} {value}"]
        lines += _head("reasoning_steps_total", "counter")
        lines += [_sample("reasoning_steps_total", n, outcome=k) for k, n in reasoning.items()]
        lines += _head("events_total", "counter")
        lines += [_sample("events_total", n, event=k) for k, n in sorted(events.items())]
        return "".join(f"{line}\n" for line in lines).encode()

    def _own(self) -> Iterator[str]:
        yield from _head("requests_total", "counter")
        for (route, status, key), count in self._requests.items():
            yield _sample("requests_total", count, route=route, status=str(status), key=key)
        yield from _head("tokens_total", "counter")
        for (key, kind), count in self._tokens.items():
            yield _sample("tokens_total", count, key=key, kind=kind)
        yield from _head("request_seconds", "histogram")
        for route, histogram in self._seconds.items():
            yield from histogram.samples(route)


class _Histogram:
    """How often a request took how long."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def samples(self, route: str) -> Iterator[str]:
        total = 0
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], self._counts, strict=True):
            total += count
            yield _sample("request_seconds_bucket", total, route=route, le=bound)
        yield _sample("request_seconds_sum", round(self._sum, 6), route=route)
        yield _sample("request_seconds_count", total, route=route)


_HELP = {
    "requests_total": "Requests that have ended.",
    "tokens_total": "Tokens of prompts and completions, by key.",
    "request_seconds": "Seconds from a request to the end of its answer.",
    "requests_in_flight": "Requests at work.",
    "reasoning_kept": "Steps whose reasoning is kept for clients that run their own tools.",
    "reasoning_steps_total": "Steps of clients that run their own tools: remembered, put back, "
    "missing.",
    "events_total": "Events of the sessions, by kind.",
}


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP toolrun_{name} {_HELP[name]}", f"# TYPE toolrun_{name} {kind}"]


def _sample(name: str, value: float, **labels: str) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"toolrun_{name}{{{said}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
