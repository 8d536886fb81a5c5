"""How is a step of an SDK's Agent sampled, with the retries and repairs of a session?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from agents import AgentOutputSchemaBase
from agents.exceptions import ModelBehaviorError
from msgspec import Struct, structs

from toolrun.errors import MalformedOutput, OutputInvalid
from toolrun.events import AssistantMessage, Durable, Event, Retried, Warned
from toolrun.integrations.agents.request import format_of
from toolrun.journal import Journal
from toolrun.limits import Limits
from toolrun.models.model import Observe, Request
from toolrun.parts import Parts
from toolrun.step import Sampler
from toolrun.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from toolrun.limits import Meter

_UNENDING = Limits(seconds=None)
"""The SDK has limits of its own (`max_turns`, `ModelSettings.timeout`)."""


class Step(Struct, frozen=True, eq=False):
    """A step that is about to be sampled.

    Attributes:
        parts: of the runtime: its model, retries and clock.
        toolbox: mends and judges calls; the SDK makes them.
        request: what stays the same, however often it is sampled.
        messages: the conversation so far, in the form of Chat Completions.
        history: the same as events.
        schema: of the agent's output type, if it has one.
        counts: what happens is counted here.
    """

    parts: Parts
    toolbox: Toolbox
    request: Request
    messages: list[dict[str, Any]]
    history: Sequence[Durable]
    schema: AgentOutputSchemaBase | None
    counts: Counter[str]

    async def sample(self, tell: Observe | None = None) -> AssistantMessage:
        """Sample it.

        Args:
            tell: is told of the pieces as they come, and of each new beginning (`Retried`).

        Raises:
            ServerError: there is no message to be had within the retry budget.
            OutputInvalid: there is none of the agent's output type.
        """
        parts = self.parts
        listener = _Listener(tell)
        journal = Journal(
            self.request.session, [listener], clock=parts.clock.time, counts=self.counts
        )
        for event in self.history:
            journal.state.apply(event)
        sampler = Sampler(
            parts.model, self.toolbox, parts.settings.retries, parts.clock, parts.gate
        )
        meter = _UNENDING.meter(time.monotonic)
        wanted = format_of(self.schema)
        if wanted is None or not self.request.tools:
            request = structs.replace(self.request, response_format=wanted)
            return await sampler.sample(journal, request, meter)
        message = await sampler.sample(journal, self.request, meter)
        if message.tool_calls or self._misfit(message) is None:
            return message
        listener.observe(Retried(1, "the answer does not fit the agent's output type"))
        last = await self._shaped(sampler, journal, meter, wanted)
        return structs.replace(last, usage=message.usage + last.usage)

    async def _shaped(
        self, sampler: Sampler, journal: Journal, meter: Meter, wanted: dict[str, Any]
    ) -> AssistantMessage:
        """The answer once more, in its shape: servers take no `response_format` beside tools."""
        shape = msgspec.json.encode(wanted["json_schema"]["schema"]).decode()
        request = structs.replace(
            self.request,
            tools=(),
            tool_choice=None,
            response_format=wanted,
            nudge=f"Give your answer as one JSON value, and nothing else, by this schema: {shape}",
        )

        def fits(message: AssistantMessage) -> None:
            if (error := self._misfit(message)) is not None:
                raise MalformedOutput(str(error), "output-invalid") from error

        try:
            return await sampler.sample(journal, request, meter, fits)
        except MalformedOutput as error:
            if error.code == "output-invalid":
                raise OutputInvalid(str(error)) from error
            raise

    def _misfit(self, message: AssistantMessage) -> ModelBehaviorError | None:
        """Why an answer is none of the agent's output type."""
        assert self.schema is not None
        try:
            self.schema.validate_json(message.content or "")
        except ModelBehaviorError as error:
            return error
        return None


class _Listener:
    """Hears of a step: passes on what happens, logs warnings."""

    def __init__(self, tell: Observe | None) -> None:
        self.observes = True
        self._tell = tell

    def observe(self, event: Event) -> None:
        if isinstance(event, Warned):
            structlog.get_logger("toolrun").warning(event.message, code=event.code)
        elif self._tell is not None:
            self._tell(event)

    async def record(self, event: Durable) -> None:
        pass
