"""What is measured of turns, steps and calls as they end?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.integrations.otel import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import Histogram, Meter
    from opentelemetry.util.types import AttributeValue

    from toolrun.values import Usage

    Attributes = Mapping[str, AttributeValue]

TOKENS: Final = tuple(4**power for power in range(14))
"""Bounds of the buckets of tokens, as the conventions have them."""
SECONDS: Final = tuple(0.01 * 2**power for power in range(14))
"""Those of durations: 10 ms to 82 s, as the conventions have them."""
QUICK: Final = tuple(0.0005 * 2**power for power in range(15))
"""Those of writes to a store: half a millisecond to 8 s."""
LONG: Final = (*SECONDS, 163.84, 327.68, 655.36, 1310.72)
"""Those of turns, which take minutes."""


class Instruments:
    """Records measurements.

    Args:
        meter: makes the instruments.
    """

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, description: str, bounds: tuple[float, ...] = SECONDS) -> Histogram:
            return meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=bounds
            )

        self._usage = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._step = seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
        self._first = seconds(
            "gen_ai.client.operation.time_to_first_chunk", "Time to receive the first chunk."
        )
        self._turn = seconds("gen_ai.invoke_agent.duration", "Duration of a turn.", LONG)
        self._tool = seconds("gen_ai.execute_tool.duration", "Duration of a tool call.", LONG)
        self._stored = seconds("toolrun.store.duration", "Until a durable event is stored.", QUICK)
        self._cached = meter.create_counter(
            "toolrun.tokens.cached", "{token}", "Input tokens that the server had in its cache."
        )
        self._reasoning = meter.create_counter(
            "toolrun.tokens.reasoning", "{token}", "Output tokens that were reasoning."
        )
        self._approvals = meter.create_counter(
            "toolrun.approvals", "{decision}", "Decisions on calls that asked for approval."
        )

    def turn(self, seconds: float, attributes: Attributes) -> None:
        """A turn ended."""
        self._turn.record(seconds, attributes)

    def step(self, seconds: float, attributes: Attributes) -> None:
        """A step ended, whatever came of it."""
        self._step.record(seconds, attributes)

    def first_chunk(self, seconds: float, attributes: Attributes) -> None:
        """The first token of a streamed step came."""
        self._first.record(seconds, attributes)

    def usage(self, usage: Usage, attributes: Attributes) -> None:
        """A step took tokens, where the server counted them."""
        if usage.total_tokens:
            input_, output = {names.TOKEN_TYPE: "input"}, {names.TOKEN_TYPE: "output"}
            self._usage.record(usage.prompt_tokens, {**attributes, **input_})
            self._usage.record(usage.completion_tokens, {**attributes, **output})
        if usage.cached_tokens:
            self._cached.add(usage.cached_tokens, attributes)
        if usage.reasoning_tokens:
            self._reasoning.add(usage.reasoning_tokens, attributes)

    def tool(self, seconds: float, attributes: Attributes) -> None:
        """A call that ran has ended."""
        self._tool.record(seconds, attributes)

    def stored(self, seconds: float) -> None:
        """A durable event is stored."""
        self._stored.record(seconds)

    def approval(self, decision: str) -> None:
        """Somebody decided."""
        self._approvals.add(1, {names.DECISION: decision})
