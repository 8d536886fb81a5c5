"""What do runtimes count and hold, read where somebody collects metrics?

`Runtime.counts` has each kind of event already: it costs nothing to hand that on.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.metrics import CallbackOptions, Meter

    from toolrun.runtime import Runtime

    Callback = Callable[[CallbackOptions], Iterable[Observation]]


class Count(Struct, frozen=True):
    """A metric of events.

    Attributes:
        name: of the metric.
        unit: what is counted.
        description: for whoever looks at it.
        attribute: what tells its series apart.
        values: the keys of `Runtime.counts` that it has, with the attribute's value of each; a key
            that ends in "." stands for all that begin with it, and the rest is the value.
    """

    name: str
    unit: str
    description: str
    attribute: str
    values: dict[str, str]


COUNTS: Final = (
    Count(
        "toolrun.turns", "{turn}", "Turns that ended.", "toolrun.turn.status", {"TurnFinished.": ""}
    ),
    Count(
        "toolrun.tool.calls",
        "{call}",
        "Tool calls that have an outcome, run or not.",
        "toolrun.tool.outcome",
        {"ToolCallFinished.": ""},
    ),
    Count(
        "toolrun.retries", "{attempt}", "Samplings of a step again.", "error.type", {"Retried.": ""}
    ),
    Count(
        "toolrun.repairs",
        "{repair}",
        "Parts of calls that were mended.",
        "toolrun.repair",
        {"Repaired.": ""},
    ),
    Count("toolrun.warnings", "{warning}", "Warnings.", "toolrun.warning", {"Warned.": ""}),
    Count(
        "toolrun.limits",
        "{turn}",
        "Limits that turns reached.",
        "toolrun.limit",
        {"LimitReached.": ""},
    ),
    Count(
        "toolrun.egress",
        "{request}",
        "Requests of sandboxed tools to hosts.",
        "toolrun.decision",
        {"EgressDecided.": ""},
    ),
    Count(
        "toolrun.files",
        "{file}",
        "Files that tools changed.",
        "toolrun.change",
        {"FileChanged.": ""},
    ),
    Count(
        "toolrun.fleet",
        "{event}",
        "What happened among several servers.",
        "toolrun.event",
        {
            "FailedOver": "failed-over",
            "SpilledOver": "spilled-over",
            "BreakerOpened": "breaker-opened",
            "BreakerClosed": "breaker-closed",
        },
    ),
    Count(
        "toolrun.proofs",
        "{proof}",
        "Looks for the reasoning in the server's own prompt.",
        "toolrun.reasoning",
        {"ReasoningProved": "there", "ReasoningDropped": "dropped"},
    ),
    Count(
        "toolrun.store.failures",
        "{failure}",
        "What went wrong with the store.",
        "error.type",
        {"LeaseLost": "LeaseLost", "StoreError": "StoreError"},
    ),
)

GAUGES: Final = {
    "sessions": ("toolrun.sessions.open", "{session}", "Sessions that are open."),
    "turns": ("toolrun.turns.running", "{turn}", "Turns that run."),
    "boxes_running": ("toolrun.sandboxes.running", "{box}", "Sandboxes that run a call."),
    "boxes_idle": ("toolrun.sandboxes.idle", "{box}", "Sandboxes that wait for a call."),
    "calls_waiting": ("toolrun.sandboxes.waiting", "{call}", "Calls that wait for a sandbox."),
    "threads_left": ("toolrun.threads.left", "{thread}", "Tools' threads that were left behind."),
}
"""What `Runtime.gauges` has, and what each is called."""


class Counted:
    """Reads runtimes when metrics are collected.

    Args:
        meter: makes the instruments.
    """

    def __init__(self, meter: Meter) -> None:
        self._runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()
        self._past: Counter[str] = Counter()
        # A collector has a thread of its own. Reentrant: a runtime may die while we look.
        self._lock = threading.RLock()
        for each in COUNTS:
            meter.create_observable_counter(
                each.name, [self._counts(each)], each.unit, each.description
            )
        for key, (name, unit, description) in GAUGES.items():
            meter.create_observable_up_down_counter(name, [self._gauge(key)], unit, description)

    def watch(self, runtime: Runtime) -> None:
        """Read this one, too; what it counted stays counted when it is gone."""
        with self._lock:
            if runtime not in self._runtimes:
                self._runtimes.add(runtime)
                weakref.finalize(runtime, self._keep, runtime.counts).atexit = False

    def _counts(self, count: Count) -> Callback:
        def read(options: CallbackOptions) -> Iterator[Observation]:  # noqa: ARG001 - as it is asked
            found: Counter[str] = Counter()
            for key, number in self._all().items():
                kind, dot, rest = key.partition(".")
                value = count.values.get(key) or (rest if kind + dot in count.values else "")
                if value:
                    found[value] += number
            for value, number in found.items():
                yield Observation(number, {count.attribute: value})

        return read

    def _keep(self, counts: Counter[str]) -> None:
        with self._lock:
            self._past.update(counts)

    def _all(self) -> Counter[str]:
        """What all runtimes have counted, those that are gone too."""
        with self._lock:
            total = Counter(self._past)
            for runtime in self._runtimes:
                total.update(dict(runtime.counts))
        return total

    def _gauge(self, key: str) -> Callback:
        def read(options: CallbackOptions) -> Iterator[Observation]:  # noqa: ARG001 - as it is asked
            with self._lock:
                yield Observation(sum(each.gauges()[key] for each in self._runtimes))

        return read
