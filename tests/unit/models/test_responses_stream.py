"""Do the events of a streamed response add up, cut anywhere, and is what does not an error?"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun import (
    AssistantMessage,
    MalformedOutput,
    ReasoningDelta,
    ServerStatus,
    ServerToolCalled,
    TextDelta,
    ToolCall,
    ToolrunError,
)
from toolrun.events import Event
from toolrun.models.faults import MAX_CALL, MAX_CALLS
from toolrun.models.responses_reply import message_of, read_response
from toolrun.models.responses_stream import ResponseReader
from toolrun.models.sse import EventSplitter

SHAPES = Path(__file__).resolve().parents[2] / "rig" / "shapes"
VERSIONS = ("0.28.0", "0.32.0")
NAMES = sorted(
    path.name.removesuffix("-stream.body")
    for path in (SHAPES / "0.32.0").glob("responses-*-stream.body")
)
CALL: dict[str, Any] = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
DONE: dict[str, Any] = {"type": "response.completed", "response": {"id": "r", "output": [CALL]}}


def shape(version: str, name: str) -> bytes:
    return (SHAPES / version / f"{name}.body").read_bytes()


def whole(body: bytes) -> AssistantMessage:
    response = read_response(body)
    return message_of(response, response.output or [])


def without_ids(message: AssistantMessage) -> tuple[Any, ...]:
    calls = [(call.name, call.arguments) for call in message.tool_calls]
    return message.content, message.reasoning, calls, message.finish_reason


def fed(*events: dict[str, Any], told: list[Event] | None = None) -> AssistantMessage:
    reader = ResponseReader(None if told is None else told.append)
    reader.feed([json.dumps(event).encode() for event in events])
    return reader.message()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
@given(cuts=st.lists(st.integers(1, 400), max_size=30))
@settings(max_examples=3, deadline=None)
def test_a_recorded_stream_is_the_reply_that_came_whole_wherever_it_is_cut(
    version: str, name: str, cuts: list[int]
) -> None:
    stream = shape(version, f"{name}-stream")
    splitter, told, named = EventSplitter(), list[Event](), list[str]()
    reader = ResponseReader(told.append, named.append)
    at = 0
    for size in [*cuts, len(stream)]:
        reader.feed(splitter.feed(stream[at : at + size]))
        at += size
    message = reader.message()

    assert without_ids(message) == without_ids(whole(shape(version, name)))
    # What was shown piece by piece is what the message holds.
    for kind, text in ((ReasoningDelta, message.reasoning), (TextDelta, message.content)):
        shown = "".join(event.text for event in told if isinstance(event, kind))
        assert shown == (text or "") or name == "responses-python"
    # vLLM announces no call without arguments (seen on both versions).
    assert named == [call.name for call in message.tool_calls if call.arguments]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_stream_that_stops_early_is_broken(version: str) -> None:
    events = shape(version, "responses-call-stream").split(b"\n\n")
    reader = ResponseReader(None)
    reader.feed(EventSplitter().feed(b"\n\n".join(events[:-2]) + b"\n\n"))

    with pytest.raises(MalformedOutput) as caught:
        reader.message()
    assert caught.value.code == "broken-stream"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "kinds"),
    [("python", ["code_interpreter_call"]), ("browser", ["mcp_call"])],  # so vLLM streams them
)
def test_tools_of_the_server_are_events_and_nothing_else(
    version: str, name: str, kinds: list[str]
) -> None:
    told: list[Event] = []
    reader = ResponseReader(told.append)
    reader.feed(EventSplitter().feed(shape(version, f"responses-{name}-stream")))
    message = reader.message()

    called = [event for event in told if isinstance(event, ServerToolCalled)]
    assert [event.kind for event in called] == kinds
    assert all(event.call_id and event.status and event.input for event in called)
    assert not message.tool_calls


def test_a_tool_of_the_server_is_told_once_with_what_it_was_asked_and_gave() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    search["action"] = {"query": "x"}  # type: ignore[assignment]
    mcp = {"type": "mcp_call", "id": "m", "arguments": '{"q":1}', "output": "found"}
    told: list[Event] = []

    fed(
        {"type": "response.output_item.done", "output_index": 0, "item": search},
        {"type": "response.output_item.done", "output_index": 1, "item": mcp},
        {"type": "response.completed", "response": {"output": [search, mcp]}},
        told=told,
    )

    assert told == [
        ServerToolCalled("ws", "web_search_call", "completed", '{"query": "x"}'),
        ServerToolCalled("m", "mcp_call", "", '{"q":1}', "found"),
    ]


def test_a_server_that_sends_the_last_event_alone_is_told_of_all_the_same() -> None:
    thought = {"type": "reasoning", "content": [{"text": "Hm."}]}
    answer = {"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}
    told: list[Event] = []

    fed({"type": "response.completed", "response": {"output": [thought, answer]}}, told=told)

    assert told == [ReasoningDelta("Hm."), TextDelta("Hi.")]


def test_items_that_the_last_event_leaves_out_are_taken_from_the_stream() -> None:
    message = fed(
        {"type": "response.output_item.done", "output_index": 0, "item": CALL},
        {"type": "response.completed", "response": {"id": "r"}},
    )

    assert message.tool_calls == (ToolCall("a", "f", "{}"),)
    assert message.finish_reason == "tool_calls"


@pytest.mark.parametrize("field", [{"name": "g"}, {"arguments": '{"x":1}'}])
def test_a_stream_whose_calls_are_not_those_of_its_response_is_garbled(field: Any) -> None:
    other = {"type": "response.output_item.done", "output_index": 0, "item": CALL | field}

    with pytest.raises(MalformedOutput) as caught:
        fed(other, DONE)
    assert caught.value.code == "garbled-call"


def test_a_call_that_the_stream_says_twice_and_its_response_once_is_garbled() -> None:
    done = [
        {"type": "response.output_item.done", "output_index": index, "item": CALL}
        for index in (0, 1)
    ]

    with pytest.raises(MalformedOutput) as caught:
        fed(*done, DONE)
    assert caught.value.code == "garbled-call"


def test_a_call_that_was_cut_off_is_compared_with_nothing() -> None:
    """Why it differs is known: the turn ends by its limit, which sampling again does not mend."""
    part = {"type": "response.output_item.done", "output_index": 0, "item": CALL}
    cut = {"output": [CALL | {"arguments": '{"x'}], "status": "incomplete"}

    message = fed(part, {"type": "response.incomplete", "response": cut})

    assert (message.finish_reason, message.tool_calls[0].arguments) == ("length", '{"x')


def test_pieces_and_items_that_say_nothing_are_passed_over() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    told: list[Event] = []
    message = fed(
        {"type": "response.output_text.delta", "delta": ""},
        {"type": "response.output_text.delta", "delta": {"of": "sheep"}},
        {"type": "response.function_call_arguments.delta", "delta": None},
        {"type": "response.output_item.added"},
        {"type": "response.output_item.done"},
        {"type": "response.output_item.done", "output_index": 0, "item": search},
        {"type": "response.completed", "response": {"output": [search, CALL]}},
        told=told,
    )

    assert message.tool_calls == (ToolCall("a", "f", "{}"),)
    assert told == [ServerToolCalled("ws", "web_search_call", "completed")]


def test_a_search_that_only_the_last_event_has_is_told_of() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    told: list[Event] = []
    fed({"type": "response.completed", "response": {"output": [search, CALL]}}, told=told)

    assert told == [ServerToolCalled("ws", "web_search_call", "completed")]


def test_the_last_event_ends_the_reading() -> None:
    """A server may leave the connection open behind it."""
    reader = ResponseReader(None)
    begun = {"type": "response.output_text.delta", "delta": "Hi"}

    assert not reader.feed([json.dumps(begun).encode()])
    assert reader.feed([json.dumps(DONE).encode(), b"what comes then"])


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "x", "message": "it broke"},
        {"error": {"message": "it broke", "code": 500}},
        {"type": "response.failed", "response": {"error": {"message": "it broke"}}},
    ],
)
def test_an_error_in_mid_stream_is_the_servers(event: dict[str, Any]) -> None:
    with pytest.raises(ServerStatus, match="it broke"):
        fed({"type": "response.output_text.delta", "delta": "Hi"}, event)


def test_a_response_that_failed_without_a_word_is_an_error() -> None:
    with pytest.raises(ServerStatus):
        fed({"type": "response.failed", "response": {"output": []}})


def test_an_error_about_a_header_is_the_models_fault() -> None:
    said = "unexpected tokens remaining in message header: Some(...)"
    with pytest.raises(ServerStatus) as caught:
        fed({"type": "error", "message": said})
    assert caught.value.code == "malformed-header"


def test_an_event_that_is_not_known_is_passed_over_with_a_word_in_the_log() -> None:
    odd = {"type": "response.dreaming", "delta": {"of": "sheep"}}
    with structlog.testing.capture_logs() as logs:
        message = fed(odd, odd, DONE)

    assert message.tool_calls == (ToolCall("a", "f", "{}"),)
    assert [(log["log_level"], log["type"]) for log in logs] == [("debug", "response.dreaming")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_every_type_that_vllm_sends_is_known(version: str, name: str) -> None:
    with structlog.testing.capture_logs() as logs:
        ResponseReader(None).feed(EventSplitter().feed(shape(version, f"{name}-stream")))

    assert logs == []


def test_a_call_without_end_is_stopped() -> None:
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0}
    with pytest.raises(MalformedOutput) as caught:
        fed(*[delta | {"delta": "x" * (MAX_CALL // 4)}] * 5)
    assert caught.value.code == "call-too-long"


def test_calls_without_number_are_stopped() -> None:
    added = {"type": "response.output_item.added", "item": CALL}
    with pytest.raises(MalformedOutput) as caught:
        fed(*[added] * (MAX_CALLS + 1))
    assert caught.value.code == "too-many-calls"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "delta", "item", "output_index", "response", "error", "output"),
                    *("content", "text", "status", "id", "call_id", "name", "arguments"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    sorted(
        set(
            re.findall(
                rb'"type":"(response\.[a-z_.]+)"',
                b"".join(
                    shape(version, f"{name}-stream") for version in VERSIONS for name in NAMES
                ),
            )
        )
    )
)


@given(
    events=st.lists(st.tuples(KINDS, JUNK), max_size=8),
    garbage=st.lists(st.binary(max_size=40), max_size=2),
)
@settings(max_examples=examples(100), deadline=None)
def test_whatever_comes_ends_in_a_message_or_a_named_error(
    events: list[tuple[bytes, Any]], garbage: list[bytes]
) -> None:
    reader = ResponseReader(lambda _: None, lambda _: None)
    payloads = [
        json.dumps((junk if isinstance(junk, dict) else {}) | {"type": kind.decode()}).encode()
        for kind, junk in events
    ]
    with contextlib.suppress(ToolrunError):
        reader.feed([*payloads, *garbage])
        assert isinstance(reader.message(), AssistantMessage)


def test_a_stream_that_never_ends_fills_no_memory() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "x" * 1_000_000}]}
    done = {"type": "response.output_item.done", "item": item}
    reader, fed_all = ResponseReader(None), False
    with contextlib.suppress(MalformedOutput):
        for number in range(100):
            reader.feed([json.dumps(done | {"output_index": number}).encode()])
        fed_all = True
    assert not fed_all
    assert len(reader._done) < 20

    delta = {"type": "response.function_call_arguments.delta", "delta": ""}
    with pytest.raises(MalformedOutput, match="calls"):
        fed(*[delta | {"output_index": number} for number in range(MAX_CALLS + 1)])

    reader = ResponseReader(None)
    with structlog.testing.capture_logs() as logs:
        reader.feed([json.dumps({"type": f"made.up.{n}"}).encode() for n in range(1000)])
    assert 0 < len(logs) < 100
