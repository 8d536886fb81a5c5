"""How do the pieces of a step become the events that the SDK streams?

They are those of the Responses API. An item is opened by its first piece and closed where another
begins; calls come whole, once they have passed their checks.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from agents import Usage
from agents.models.fake_id import FAKE_RESPONSES_ID
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseFunctionToolCall,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseReasoningTextDeltaEvent,
    ResponseReasoningTextDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from toolrun.events import ReasoningDelta, Retried, TextDelta
from toolrun.integrations.agents.items import message_item, reasoning_item, text_part, to_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.items import TResponseStreamEvent

    from toolrun.events import AssistantMessage, Event
    from toolrun.values import Usage as OurUsage


def usage_of(usage: OurUsage) -> Usage:
    """The tokens of a step as the SDK counts them."""
    counted = response_usage(usage)
    return Usage(
        requests=1,
        input_tokens=counted.input_tokens,
        output_tokens=counted.output_tokens,
        total_tokens=counted.total_tokens,
        input_tokens_details=counted.input_tokens_details,
        output_tokens_details=counted.output_tokens_details,
    )


def response_usage(usage: OurUsage) -> ResponseUsage:
    """The same in a streamed response."""
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        input_tokens_details=InputTokensDetails.model_validate(
            {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0}
        ),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=usage.reasoning_tokens),
    )


class Stream:
    """The events of one streamed step.

    Args:
        model: its name.
    """

    def __init__(self, model: str) -> None:
        self._number = itertools.count()
        self._index = -1
        self._open: type[ReasoningDelta | TextDelta] | None = None
        self._text: list[str] = []
        self._response = Response(
            id=FAKE_RESPONSES_ID,
            created_at=time.time(),
            model=model,
            object="response",
            output=[],
            tool_choice="auto",
            tools=[],
            parallel_tool_calls=False,
        )

    def created(self) -> TResponseStreamEvent:
        """The first event."""
        return ResponseCreatedEvent(
            response=self._response, type="response.created", sequence_number=next(self._number)
        )

    def heard(self, event: Event) -> Iterator[TResponseStreamEvent]:
        """What a piece of the step adds."""
        match event:
            case ReasoningDelta() | TextDelta():
                if self._open is not type(event):
                    yield from self._close()
                    yield from self._begin(type(event))
                self._text.append(event.text)
                yield self._delta(event)
            case Retried():
                yield from self._close()
            case _:
                pass

    def ended(self, message: AssistantMessage) -> Iterator[TResponseStreamEvent]:
        """What is left once the step is whole: the calls, and the response with all items."""
        yield from self._close()
        items = to_items(message)
        for item in items:
            if isinstance(item, ResponseFunctionToolCall):
                yield from self._call(item)
        whole = self._response.model_copy(
            update={"output": items, "usage": response_usage(message.usage)}
        )
        yield ResponseCompletedEvent(
            response=whole, type="response.completed", sequence_number=next(self._number)
        )

    def _begin(self, kind: type[ReasoningDelta | TextDelta]) -> Iterator[TResponseStreamEvent]:
        self._open = kind
        self._text = []
        self._index += 1
        thinks = kind is ReasoningDelta
        yield self._added(reasoning_item(None) if thinks else message_item(None))
        if not thinks:
            yield ResponseContentPartAddedEvent(
                part=text_part(""), type="response.content_part.added", **self._place()
            )

    def _delta(self, event: ReasoningDelta | TextDelta) -> TResponseStreamEvent:
        if isinstance(event, ReasoningDelta):
            return ResponseReasoningTextDeltaEvent(
                delta=event.text, type="response.reasoning_text.delta", **self._place()
            )
        return ResponseTextDeltaEvent(
            delta=event.text, logprobs=[], type="response.output_text.delta", **self._place()
        )

    def _close(self) -> Iterator[TResponseStreamEvent]:
        if self._open is None:
            return
        text, kind, self._open = "".join(self._text), self._open, None
        if kind is ReasoningDelta:
            yield ResponseReasoningTextDoneEvent(
                text=text, type="response.reasoning_text.done", **self._place()
            )
            yield self._done(reasoning_item(text))
            return
        yield ResponseTextDoneEvent(
            text=text, logprobs=[], type="response.output_text.done", **self._place()
        )
        yield ResponseContentPartDoneEvent(
            part=text_part(text), type="response.content_part.done", **self._place()
        )
        yield self._done(message_item(text))

    def _call(self, item: ResponseFunctionToolCall) -> Iterator[TResponseStreamEvent]:
        self._index += 1
        yield self._added(item.model_copy(update={"arguments": ""}))
        place = self._place()
        del place["content_index"]
        yield ResponseFunctionCallArgumentsDeltaEvent(
            delta=item.arguments, type="response.function_call_arguments.delta", **place
        )
        yield ResponseFunctionCallArgumentsDoneEvent(
            arguments=item.arguments,
            type="response.function_call_arguments.done",
            **(place | {"sequence_number": next(self._number)}),
        )
        yield self._done(item)

    def _added(self, item: Any) -> TResponseStreamEvent:
        return ResponseOutputItemAddedEvent(
            item=item,
            output_index=self._index,
            type="response.output_item.added",
            sequence_number=next(self._number),
        )

    def _done(self, item: Any) -> TResponseStreamEvent:
        return ResponseOutputItemDoneEvent(
            item=item,
            output_index=self._index,
            type="response.output_item.done",
            sequence_number=next(self._number),
        )

    def _place(self) -> dict[str, Any]:
        """Where an event belongs, and its number."""
        return {
            "item_id": FAKE_RESPONSES_ID,
            "output_index": self._index,
            "content_index": 0,
            "sequence_number": next(self._number),
        }
