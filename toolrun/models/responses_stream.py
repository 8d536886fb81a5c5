"""How do the events of a streamed response add up to one message?

The last event holds the whole response, and that is believed; the pieces before it are for whoever
listens. Where a call of the stream is not the one of the response, the step is sampled again,
unstreamed (`garbled-call`), as over Chat Completions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from toolrun.errors import MalformedOutput
from toolrun.events import ReasoningDelta, TextDelta
from toolrun.models import faults
from toolrun.models.chat_reply import error_of
from toolrun.models.chat_stream import MAX_TEXT
from toolrun.models.piece_stream import Pieces
from toolrun.models.responses_reply import (
    Item,
    Response,
    check_call,
    decoded,
    message_of,
    server_tools,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import AssistantMessage
    from toolrun.models.model import Observe

_ABSENT = (b"", b"null")
_MOST_KINDS = 64
"""Unknown types of events that are told of: a server that makes them up is not listened to."""
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_SILENT = (
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.content_part.",
    "response.reasoning_part.",  # vLLM 0.28; 0.32 says content_part
    "response.reasoning_text.done",
    "response.reasoning_summary_",
    "response.output_text.",
    "response.function_call_arguments.done",
    "response.web_search_call.",
    "response.code_interpreter_call",
    "response.mcp_call",
)
"""Types, or their beginnings, of events that say what a later event says whole."""


class _Event(Struct):
    type: str = ""
    delta: Any = None
    item: Item | None = None
    output_index: int | None = None
    response: Response | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Event)


class ResponseReader:
    """Adds the events of a streamed response up to one message."""

    def __init__(
        self, observe: Observe | None, on_call: Callable[[str], None] | None = None
    ) -> None:
        self._gathered = None if observe is None else Pieces(observe)
        self._on_call = on_call
        self._fed = False
        self._size = 0
        self._call_sizes: dict[int | None, int] = {}
        self._calls = 0
        self._done: dict[int, Item] = {}
        self._pieces: dict[type[ReasoningDelta | TextDelta], int | None] = {}
        self._tools_told = False
        self._logged: set[str] = set()
        self._response: Response | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come yet."""
        return not self._fed

    @property
    def response(self) -> Response | None:
        """The response as its last event holds it."""
        return self._response

    def feed(self, payloads: Sequence[bytes]) -> bool:
        """Take the payloads of one read.

        Returns:
            Whether the last event was among them.

        Raises:
            MalformedOutput: a payload is no event, or the message grows beyond any bound.
            ServerStatus: the server reports an error in mid-stream, after its HTTP 200.
        """
        self._fed = self._fed or bool(payloads)
        try:
            for payload in payloads:
                event = decoded(_decode, payload)
                if event.type == "error" or bytes(event.error) not in _ABSENT:
                    said = bytes(event.error)
                    raise error_of(payload if said in _ABSENT else said)
                if event.item is not None:  # what is kept of it is no piece of a text
                    self._size += len(payload)
                self._take(event)
                if self._response is not None:
                    return True
        finally:
            if self._gathered is not None:
                self._gathered.tell()
        if self._size > MAX_TEXT:
            raise MalformedOutput(f"the reply has more than {MAX_TEXT} characters")
        return False

    def message(self) -> AssistantMessage:
        """The whole message, after the last event.

        Raises:
            MalformedOutput: the stream stopped before its end, or its calls do not add up.
            ServerStatus: the server failed.
        """
        response = self._response
        if response is None:
            raise MalformedOutput("the stream stopped without a last event", "broken-stream")
        done = [item for _, item in sorted(self._done.items())]
        items = response.output or done
        message = message_of(response, items)
        if message.finish_reason != "length":
            _check_calls(done, items)
        if self._gathered is not None:
            self._tell_rest(message, items, self._gathered)
        return message

    def _take(self, event: _Event) -> None:
        match event.type:
            case "response.output_text.delta":
                self._piece(TextDelta, event)
            case "response.reasoning_text.delta":
                self._piece(ReasoningDelta, event)
            case "response.function_call_arguments.delta":
                self._arguments(event)
            case "response.output_item.added":
                self._added(event.item or Item())
            case "response.output_item.done":
                self._finished(event)
            case kind if kind in _ENDS:
                self._end(event)
            case kind if not kind.startswith(_SILENT):
                self._unknown(kind)

    def _piece(self, kind: type[ReasoningDelta | TextDelta], event: _Event) -> None:
        if not isinstance(event.delta, str) or not event.delta:
            return
        self._size += len(event.delta)
        if self._gathered is None:
            return
        before = self._pieces.get(kind, event.output_index)
        self._pieces[kind] = event.output_index
        # The message joins its items by a line feed, and so do the pieces that are shown.
        parted = "" if before == event.output_index else "\n"
        self._gathered.add(kind, parted + event.delta)

    def _arguments(self, event: _Event) -> None:
        if isinstance(event.delta, str):
            size = self._call_sizes.get(event.output_index, 0) + len(event.delta)
            self._call_sizes[event.output_index] = size
            check_call(size)
            if len(self._call_sizes) > faults.MAX_CALLS:
                raise faults.too_many_calls()

    def _added(self, item: Item) -> None:
        if item.type != "function_call":
            return
        self._calls += 1
        if self._calls > faults.MAX_CALLS:
            raise faults.too_many_calls()
        if self._on_call is not None and item.name:
            self._on_call(item.name)

    def _finished(self, event: _Event) -> None:
        if (item := event.item) is None:
            return
        index = len(self._done) if event.output_index is None else event.output_index
        self._done[index] = item
        if self._gathered is not None:
            for called in server_tools([item]):
                self._tools_told = True
                self._gathered.event(called)

    def _end(self, event: _Event) -> None:
        response = event.response or Response()
        if (said := bytes(response.error)) not in _ABSENT:
            raise error_of(said)
        # The event's own name says it where the response does not.
        if response.status is None:
            response = structs.replace(response, status=event.type.partition(".")[2])
        self._response = response

    def _unknown(self, kind: str) -> None:
        if kind not in self._logged and len(self._logged) < _MOST_KINDS:
            self._logged.add(kind)
            import structlog

            structlog.get_logger("toolrun").debug("unknown event of a response", type=kind)

    def _tell_rest(self, message: AssistantMessage, items: Sequence[Item], told: Pieces) -> None:
        """What no piece has told: a server may send the last event alone."""
        if message.reasoning and ReasoningDelta not in self._pieces:
            told.event(ReasoningDelta(message.reasoning))
        if message.content and TextDelta not in self._pieces:
            told.event(TextDelta(message.content))
        if not self._tools_told:
            for called in server_tools(items):
                told.event(called)


def _check_calls(done: Sequence[Item], items: Sequence[Item]) -> None:
    """Refuse a response whose calls are others than its stream said."""
    whole = [(item.name, text_of(item.arguments)) for item in items if item.type == "function_call"]
    for item in done:
        if item.type != "function_call":
            continue
        if (call := (item.name, text_of(item.arguments))) not in whole:
            raise MalformedOutput(
                f"the stream says a call of {item.name!r} that its response does not have",
                "garbled-call",
            )
        whole.remove(call)
