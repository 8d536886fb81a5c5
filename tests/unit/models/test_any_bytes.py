"""Whatever bytes come for a stream, cut anywhere: does it end, in a message or a named error?"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun import AssistantMessage, ChatModel, Request, Timeouts, ToolrunError
from toolrun.events import UserMessage
from toolrun.models import faults
from toolrun.models.chat_reply import read_reply
from toolrun.models.chat_stream import StreamReader
from toolrun.models.dialects import GENERIC
from toolrun.models.sse import DONE, EventSplitter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEXT = st.text(max_size=20) | st.sampled_from(
    ["<|channel|>final<|message|>", "\0", "\ud800", "[DONE]", "data: ", "\n\n", '{"x":1}']
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def fields(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of these fields, and now and then with junk in one."""
    return st.fixed_dictionaries({}, optional={key: each | JUNK for key, each in known.items()})


CALL = fields(
    index=st.integers(-1, 3),
    id=TEXT,
    type=st.just("function"),
    function=fields(name=TEXT, arguments=TEXT),
)
SAID = fields(content=TEXT, reasoning=TEXT, reasoning_content=TEXT, tool_calls=st.lists(CALL))
CHOICE = fields(
    delta=SAID,
    message=SAID,
    finish_reason=st.sampled_from(["stop", "tool_calls", "length", "abort"]),
    stop_reason=st.sampled_from([None, 200012, "x"]),
    token_ids=st.lists(st.integers(0, 300_000), max_size=3),
)
CHUNK = fields(
    id=TEXT,
    choices=st.lists(CHOICE, max_size=2),
    usage=fields(prompt_tokens=st.integers(), completion_tokens_details=JUNK),
    error=fields(message=TEXT, code=st.integers()),
)
PAYLOAD = st.one_of(
    CHUNK.map(lambda chunk: json.dumps(chunk).encode()),
    JUNK.map(lambda junk: json.dumps(junk).encode()),
    st.binary(max_size=40),
    st.just(DONE),
)
END = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b""])
EVENT = st.tuples(
    st.sampled_from([b"data: ", b"data:", b": ", b"event: x\ndata: ", b""]), PAYLOAD, END
)
STREAM = st.lists(EVENT.map(b"".join), max_size=12).map(b"".join) | st.binary(max_size=200)
CUTS = st.lists(st.integers(1, 60), max_size=20)
OK = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
AFTER_DONE = OK + b"data: [DONE]\n\ndata: {nonsense\n\ndata: [DONE]\n\n"


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    """The stream in reads of these lengths, over and over."""
    reads, at = [], 0
    for size in cuts:
        reads.append(stream[at : at + size])
        at += size
    return [read for read in [*reads, stream[at:]] if read]


def read_all(reads: list[bytes]) -> AssistantMessage:
    splitter, reader = EventSplitter(), StreamReader(lambda event: None)
    for read in reads:
        reader.feed([payload for payload in splitter.feed(read) if payload != DONE])
    reader.feed([payload for payload in splitter.end() if payload != DONE])
    return reader.message()


def outcome(reads: list[bytes]) -> AssistantMessage | str:
    try:
        message = read_all(reads)
        faults.check(message)
    except ToolrunError as error:
        return f"{type(error).__name__}: {error}"
    return message


@pytest.mark.load
@settings(max_examples=1000)
@given(STREAM, CUTS)
def test_any_bytes_are_a_message_or_a_named_error(stream: bytes, cuts: list[int]) -> None:
    assert outcome(cut(stream, cuts)) == outcome([stream])  # and the same one, however it is cut


@pytest.mark.load
@settings(max_examples=500)
@given(PAYLOAD)
def test_any_body_is_a_message_or_a_named_error(body: bytes) -> None:
    with contextlib.suppress(ToolrunError):
        faults.check(read_reply(body))


class Sender:
    """A server that answers each request with the reads that it is given, one packet each."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.reads: list[bytes] = []
        self.framed = True

    async def serve(self, connection: anyio.abc.SocketStream) -> None:
        async with connection:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                request = b""
                while not request.endswith(b'"stop"]}') and b"\r\n\r\n{" not in request:
                    request += await connection.receive()
                if self.framed:
                    await connection.send(
                        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                        b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
                    )
                for read in self.reads:
                    frame = b"%x\r\n%b\r\n" % (len(read), read) if self.framed else read
                    await connection.send(frame)
                if self.framed:
                    await connection.send(b"0\r\n\r\n")


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as group:
        found = Sender(listener.extra(anyio.abc.SocketAttribute.local_port))
        group.start_soon(listener.serve, found.serve)
        yield found
        group.cancel_scope.cancel()


async def sampled(sender: Sender, *, stream: bool) -> AssistantMessage | ToolrunError:
    times = Timeouts(connect=2, first_token=2, between_tokens=2, step=4)
    model = ChatModel(sender.url, dialect=GENERIC, timeouts=times)
    request = Request(model="m", messages=[UserMessage("Hello")], stream=stream)
    try:
        with anyio.fail_after(10):
            return await model.sample(request, lambda event: None)
    except ToolrunError as error:
        return error
    finally:
        await model.aclose()


HTTP = settings(
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)


@HTTP
@given(stream=STREAM, cuts=CUTS, whole=st.booleans())
@example(stream=AFTER_DONE, cuts=[], whole=False)
async def test_any_bytes_over_http(
    sender: Sender, stream: bytes, cuts: list[int], *, whole: bool
) -> None:
    sender.framed, sender.reads = True, cut(stream, cuts)
    found = await sampled(sender, stream=not whole)

    if stream == AFTER_DONE and not whole:
        assert isinstance(found, AssistantMessage)
        assert found.content == "Hi"


@HTTP
@given(answer=st.binary(max_size=200), status=st.booleans(), whole=st.booleans())
async def test_any_bytes_for_an_http_answer(
    sender: Sender, answer: bytes, *, status: bool, whole: bool
) -> None:
    sender.framed = False
    sender.reads = [b"HTTP/1.1 200 OK\r\n" * status + answer]

    assert isinstance(await sampled(sender, stream=not whole), ToolrunError)
