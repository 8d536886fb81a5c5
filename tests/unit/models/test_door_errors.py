"""Does each failure of a server, a proxy or a setting say what it is and what to do?"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.mock import MockServer, Step
from toolrun import (
    AssistantMessage,
    ChatModel,
    ConfigError,
    MalformedOutput,
    Request,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
    Timeouts,
)
from toolrun.events import UserMessage
from toolrun.models.dialects import GENERIC
from toolrun.models.door import Door
from toolrun.models.door_errors import message_of, retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TIMES = Timeouts(connect=30, first_token=30, between_tokens=30, step=60)
OK = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'
EVENT = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


async def sampled(
    url: str, *, stream: bool = False, timeouts: Timeouts = TIMES, **options: Any
) -> AssistantMessage:
    chat = ChatModel(url, dialect=GENERIC, timeouts=timeouts, **options)
    messages = [UserMessage("Hello")]
    try:
        with anyio.fail_after(20):
            return await chat.sample(
                Request(model="openai/gpt-oss-20b", messages=messages, stream=stream)
            )
    finally:
        await chat.aclose()


@contextlib.asynccontextmanager
async def server(answer: Callable[[anyio.abc.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """A server of one's own; it has read the request when it answers."""

    async def serve(connection: anyio.abc.SocketStream) -> None:
        async with connection:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                request = b""
                while b"\r\n\r\n{" not in request:
                    request += await connection.receive()
                await answer(connection)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/v1"
        group.cancel_scope.cancel()


def saying(*parts: bytes) -> Callable[[anyio.abc.SocketStream], Awaitable[None]]:
    async def answer(connection: anyio.abc.SocketStream) -> None:
        for part in parts:
            await connection.send(part)

    return answer


def whole(status: int, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "Wed, 99 Foo 2020 00:00:00 GMT"}, None),
        ({"retry-after": formatdate(1, usegmt=True)}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})

    assert seconds is not None
    assert 50 < seconds <= 60


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
async def test_what_a_server_asks_for_is_kept(
    mock: MockServer, status: int, *, streamed: bool
) -> None:
    mock.script(Step(fault=f"http_{status}", retry_after="7"))  # type: ignore[arg-type]
    with pytest.raises(ServerStatus) as caught:
        await sampled(mock.url, stream=streamed)

    assert (caught.value.status, caught.value.code) == (status, f"http-{status}")
    assert caught.value.retry_after == 7


async def test_a_server_that_is_gone_is_told_from_one_that_never_was() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        unused = held.getsockname()[1]
    with pytest.raises(ServerUnreachable, match="Start one with") as never:
        await sampled(f"http://127.0.0.1:{unused}/v1")
    async with server(saying(whole(200, OK))) as url:
        door = Door(url, timeouts=TIMES)
        await door.post("/x", b"{}")
    with pytest.raises(ServerUnreachable, match="answered before, and is gone") as gone:
        await door.post("/x", b"{}")
    await door.aclose()

    assert (never.value.answered, gone.value.answered) == (False, True)


async def test_an_error_is_an_answer_too() -> None:
    async with server(saying(whole(503, b'{"error":"busy"}'))) as url:
        door = Door(url, timeouts=TIMES)
        with pytest.raises(ServerStatus, match="busy"):
            await door.post("/x", b"{}")
    with pytest.raises(ServerUnreachable) as gone:
        await door.stream("/x", b"{}", lambda read: True)
    await door.aclose()

    assert gone.value.answered


async def test_a_full_server_is_a_time_out_of_the_connection(*, streamed: bool) -> None:
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):  # the backlog is full: a SYN is left without an answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003
            waiting.connect_ex(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        began = time.monotonic()
        with pytest.raises(ServerTimeout, match="no connection within 1 s") as caught:
            await sampled(url, stream=streamed, timeouts=Timeouts(connect=1))

    assert caught.value.phase == "connect"
    assert time.monotonic() - began < 10


async def dribble(connection: anyio.abc.SocketStream) -> None:
    """A stream that never falls silent, and never ends."""
    await connection.send(STREAM_HEAD)
    for _ in range(600):
        await connection.send(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
        await anyio.sleep(0.05)


async def test_a_step_has_an_end_though_tokens_come(*, streamed: bool) -> None:
    async with server(dribble) as url:
        began = time.monotonic()
        with pytest.raises(ServerTimeout, match=r"took more than 0\.6 s") as caught:
            await sampled(url, stream=streamed, timeouts=Timeouts(between_tokens=5, step=0.6))

    assert caught.value.phase == "step"
    assert caught.value.code == "timeout-step"
    assert time.monotonic() - began < 10


async def test_silence_after_the_headers_is_that_of_the_first_token() -> None:
    async def silent(connection: anyio.abc.SocketStream) -> None:
        await connection.send(STREAM_HEAD)
        await anyio.sleep(20)

    async with server(silent) as url:
        with pytest.raises(ServerTimeout) as caught:
            await sampled(url, stream=True, timeouts=Timeouts(first_token=0.3))

    assert caught.value.phase == "first token"


@pytest.mark.parametrize("chatty", [False, True])
async def test_a_stream_that_stays_open_after_its_end_holds_nobody_up(*, chatty: bool) -> None:
    async def lingering(connection: anyio.abc.SocketStream) -> None:
        await connection.send(STREAM_HEAD + EVENT + b"data: [DONE]\n\n")
        for _ in range(400):
            if chatty:
                await connection.send(b": still here\n\n")
            await anyio.sleep(0.05)

    async with server(lingering) as url:
        began = time.monotonic()
        message = await sampled(url, stream=True, timeouts=Timeouts(step=30))

    assert message.content == "Hi"
    assert time.monotonic() - began < 10


async def test_a_stream_that_comes_whole_is_read_all_the_same() -> None:
    async with server(saying(whole(200, OK))) as url:
        assert (await sampled(url, stream=True)).content == "Hi"


async def test_a_connection_that_ends_before_and_in_a_reply(*, streamed: bool) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + EVENT
    for parts in ([], [half]):
        async with server(saying(*parts)) as url:
            with pytest.raises(MalformedOutput, match="ended before the reply was whole") as caught:
                await sampled(url, stream=streamed)
        assert caught.value.code == "broken-stream"


@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp.example.com ESMTP\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",  # TLS, which does not like plain HTTP
        b"HTTP/1.1 99999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nabc",
        b"HTTP/1.1 307 X\r\nlocation: ftp://x/\r\ncontent-length: 0\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_no_vllm(answer: bytes, *, streamed: bool) -> None:
    async with server(saying(answer)) as url:
        with pytest.raises(MalformedOutput, match="Check base_url") as caught:
            await sampled(url, stream=streamed)

    assert caught.value.code == "malformed-reply"
    assert url in str(caught.value)


async def test_the_page_of_a_proxy_is_told_from_a_wrong_url(*, streamed: bool) -> None:
    page = b"<html><h1>502 Bad Gateway</h1></html>"
    async with server(saying(whole(502, page, "text/html"))) as url:
        with pytest.raises(ServerStatus, match="a proxy's before it") as caught:
            await sampled(url, stream=streamed)

    assert caught.value.code == "http-502"


async def test_a_missing_key_is_told_from_a_wrong_one(mock: MockServer, *, streamed: bool) -> None:
    mock.settings(api_key="right")
    with pytest.raises(ServerStatus, match="none was given: set api_key"):
        await sampled(mock.url, stream=streamed)
    with pytest.raises(ServerStatus, match="Check api_key"):
        await sampled(mock.url, stream=streamed, api_key="wrong")


async def test_a_tool_choice_that_needs_a_flag_names_it() -> None:
    text = b'"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    body = b'{"error":{"message":"' + text.replace(b'"', b'\\"') + b'","code":400}}'
    async with server(saying(whole(400, body))) as url:
        with pytest.raises(ServerStatus, match="Start vLLM with --tool-call-parser openai"):
            await sampled(url)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_header_that_harmony_cannot_parse_has_its_code(
    status: int, *, streamed: bool
) -> None:
    body = b'{"error":{"message":"Unexpected token 200005 while expecting start token 200006"}}'
    async with server(saying(whole(status, body))) as url:
        with pytest.raises(ServerStatus) as caught:
            await sampled(url, stream=streamed)

    assert (caught.value.status, caught.value.code) == (status, "malformed-header")


async def test_a_function_that_gives_no_key_is_named(mock: MockServer, *, streamed: bool) -> None:
    async def missing() -> str:
        raise FileNotFoundError("/run/secrets/key")

    async def none() -> Any:
        return None

    with pytest.raises(ConfigError, match="api_key: the function") as caught:
        await sampled(mock.url, stream=streamed, api_key=missing)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(ConfigError, match="api_key must be"):
        await sampled(mock.url, stream=streamed, api_key=none)
    with pytest.raises(ConfigError, match="api_key: the function"):
        await sampled(mock.url, stream=streamed, api_key=lambda: "not awaitable")


@pytest.mark.parametrize("key", ["s3cr\net", "s3cret\n", " s3cret", "schlüssel", "s3cr\x00et"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="api_key must be of printable ASCII") as caught:
        Door("http://localhost:8000/v1", api_key=key)
    assert key.strip() not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ConfigError, match="headers"):
        Door("http://localhost:8000/v1", headers={"X-Team": "red\r\nX-Admin: 1"})


@pytest.mark.parametrize(
    "url",
    ["http://", "http:///v1", "http://host:99999/v1", "http://[::1/v1", "http://a b/v1", "/v1"],
)
def test_a_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url must begin with http"):
        Door(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://bob:sesame@host/v1", "must not hold a user or a password"),
        ("https://sesame@host/v1", "must not hold a user or a password"),
        ("http://bob:ses/ame@host/v1", "name a host, not '...@host/v1'"),
        ("bob:sesame@host/v1", "name a host, not '...@host/v1'"),
        ("http://host/v1?key=sesame", "'http://host/v1', without what follows it"),
        ("http://host/v1#sesame", "'http://host/v1', without what follows it"),
    ],
)
def test_a_url_that_may_hold_a_secret_is_refused_and_the_secret_not_shown(
    url: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        Door(url)
    assert "ame" not in str(caught.value).replace("name a", "")


async def test_a_server_without_tls_is_told_from_none(*, streamed: bool) -> None:
    refuses = whole(400, b"Invalid HTTP request received.", "text/plain")

    async def answer(connection: anyio.abc.SocketStream) -> None:
        async with connection:
            await connection.receive()
            await connection.send(refuses)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, answer)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with pytest.raises(ServerUnreachable, match=r"does not speak TLS .* Is it http://"):
            await sampled(f"https://127.0.0.1:{port}/v1", stream=streamed)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 100_000])
async def test_a_list_of_models_that_is_none(body: bytes) -> None:
    async def answer(connection: anyio.abc.SocketStream) -> None:
        await connection.send(whole(200, body))

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)

    async def serve(connection: anyio.abc.SocketStream) -> None:
        async with connection:
            await connection.receive()
            await answer(connection)

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        door = Door(f"http://127.0.0.1:{port}/v1", timeouts=TIMES)
        with pytest.raises(MalformedOutput, match="is the path right"):
            await door.models()
        await door.aclose()
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"error": {"message": "a"}}, "a"),
        ({"error": "b"}, "b"),
        ({"object": "error", "message": "c"}, "c"),
        ({"detail": "d"}, "d"),
        ({"error": {"message": "e" * 10_000}}, "e" * 2000 + "..."),
        ("text", "raw" * 50),
        (None, "raw" * 50),
    ],
)
def test_the_words_of_an_error_whatever_its_form(body: object, shown: str) -> None:
    assert message_of(body, "raw" * 50) == shown


async def test_deep_json_for_an_error_is_an_error() -> None:
    async with server(saying(whole(500, b'{"error":' + b"[" * 200_000))) as url:
        with pytest.raises(ServerError) as caught:
            await sampled(url)
    assert caught.value.code == "http-500"
