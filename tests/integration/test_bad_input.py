"""What do users read when the server, its address or what is said is wrong, and is nothing lost?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.integration.raw_server import raw_server, reply, said
from tests.rig.mock import Call, Step
from toolrun import (
    Answer,
    ConfigError,
    MalformedOutput,
    Retries,
    ServerError,
    ServerStatus,
    ServerUnreachable,
    Session,
    tool,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer

GOOD = reply(said("Hello there."))
SHAPE = r"an OpenAI-compatible server"
PAGE = "<!DOCTYPE html><html><body>Sign in</body></html>"
DEEP = 100_000

# httpx leaves its own generators half read where a body cannot be decompressed.
pytestmark = pytest.mark.filterwarnings("ignore:.*PoolByteStream")


@pytest.fixture(params=["unstreamed", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


@tool(trusted=True)
async def count(text: str) -> int:
    """Count the letters of a text."""
    return len(text)


def session(url: str, **options: Any) -> Session:
    once = Retries(attempts=0)
    return Session(**{"base_url": url, "tools": [count], "retries": once, **options})


async def ask(chat: Session, text: str | None, *, stream: bool) -> Answer:
    """Ask, or go on where there is nothing to say."""
    with anyio.fail_after(20):
        if not stream:
            return await (chat.go_on() if text is None else chat.ask(text))
        async with chat.stream_on() if text is None else chat.stream(text) as events:
            async for _ in events:
                pass
    assert events.answer is not None
    return events.answer


ANSWERS: dict[str, tuple[bytes, type[ServerError], str]] = {
    "a web page": (reply(PAGE.encode(), "text/html"), MalformedOutput, "a web page: this does not"),
    "an unnamed page": (reply(PAGE.encode(), "text/plain"), MalformedOutput, SHAPE),
    "a login": (reply(PAGE.encode(), "text/html", status=403), ServerStatus, "set api_key"),
    "a proxy": (reply(b"upstream gone", "text/plain", status=502), ServerStatus, "a proxy's"),
    "gzip garbage": (
        reply(b"\x1f\x8b no gzip", headers="content-encoding: gzip\r\n"),
        MalformedOutput,
        "cannot be unpacked.* Does a proxy change it",
    ),
    "another API": (
        reply({"type": "message", "content": [{"type": "text", "text": "Hello."}]}),
        MalformedOutput,
        f"the reply has no message.*{SHAPE}",
    ),
    "completions": (
        reply({"object": "text_completion", "choices": [{"text": "Hello.", "index": 0}]}),
        MalformedOutput,
        f"the reply has no message.*{SHAPE}",
    ),
    "a list": (reply([1, 2]), MalformedOutput, f"not a reply .*{SHAPE}"),
    "nothing": (reply(b""), MalformedOutput, "http"),
    "UTF-16": (reply(PAGE.encode("utf-16"), "text/plain"), MalformedOutput, SHAPE),
    "a deep reply": (
        reply(b'{"choices":[{"message":{"content":"x","y":' + b"[" * DEEP + b"]" * DEEP + b"}}]}"),
        MalformedOutput,
        SHAPE,
    ),
    "a deep error": (
        reply(b'{"error":' + b"[" * DEEP + b"]" * DEEP + b"}", status=400),
        ServerStatus,
        "answered 400",
    ),
    "an endless redirect": (
        reply(b"", status=307, headers="location: /v1/chat/completions\r\n"),
        ServerError,
        SHAPE,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none_is_named_and_the_session_goes_on(name: str) -> None:
    answer, error, words = ANSWERS[name]
    async with raw_server(answer) as server, session(server.url) as chat:
        for stream, text in ((False, "Hi."), (True, None)):
            with pytest.raises(error, match=f"(?s){words}") as caught:
                await ask(chat, text, stream=stream)
            assert server.sent >= len(answer) * (1 + stream)
            assert server.url in str(caught.value)
            assert len(str(caught.value)) < 1000
        server.answer = GOOD
        assert (await ask(chat, None, stream=False)).text == "Hello there."
        assert [message["role"] for message in chat.messages()] == ["user", "assistant"]


async def test_a_deep_answer_to_the_question_which_server_it_is(mock: MockServer) -> None:
    """`/version` of another kind of server may be anything."""

    async def serve(connection: anyio.abc.SocketStream) -> None:
        async with connection:
            request = await connection.receive()
            deep = reply(b'{"version":' + b"[" * DEEP + b"]" * DEEP + b"}")
            await connection.send(deep if request.startswith(b"GET") else GOOD)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with session(f"http://127.0.0.1:{port}/v1") as chat:
            assert (await ask(chat, "Hi.", stream=False)).text == "Hello there."
        group.cancel_scope.cancel()


async def test_a_missing_key_and_a_wrong_one(mock: MockServer, *, stream: bool) -> None:
    mock.settings(api_key="sesame")
    wrong = "tomato-123"
    for key, words in ((None, "none was given: set api_key"), (wrong, "Check api_key")):
        async with session(mock.url, api_key=key) as chat:
            with pytest.raises(ServerStatus, match=rf"{mock.url} answered 401.*{words}") as caught:
                await ask(chat, "Hi.", stream=stream)
            assert caught.value.status == 401
            assert wrong not in str(caught.value)
            assert chat.state.finished is not None
            assert wrong not in str(chat.state.finished.error)
    async with session(mock.url, api_key="sesame") as chat:
        assert (await ask(chat, "Hi.", stream=stream)).status == "finished"


@pytest.mark.parametrize("path", ["", "/", "/v2", "/v1/chat/completions", "/v1/v1"])
async def test_a_wrong_path_is_told_where_and_what_to_check(
    mock: MockServer, path: str, *, stream: bool
) -> None:
    async with session(f"{mock.root}{path}") as chat:
        with pytest.raises(ServerStatus, match=r"answered 404.*Check base_url") as caught:
            await ask(chat, "Hi.", stream=stream)
    forgotten = "Is /v1 missing at its end?" in str(caught.value)
    assert forgotten is not path.endswith("/v1")


async def test_slashes_at_the_end_of_a_base_url_make_no_difference(mock: MockServer) -> None:
    async with session(f"{mock.url}//") as chat:
        assert (await ask(chat, "Hi.", stream=False)).status == "finished"


@pytest.mark.parametrize("url", ["{}?api_key=sesame", "http://bob:sesame@{}", "sesame@{}"])
async def test_a_secret_in_a_base_url_is_refused_before_anything_is_sent_or_written(
    mock: MockServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], url: str
) -> None:
    trace = tmp_path / "t.jsonl"
    given = url.format(mock.url if url.startswith("{") else mock.url.removeprefix("http://"))
    with pytest.raises(ConfigError, match="base_url must") as caught:
        session(given, trace=trace)
    assert "sesame" not in "".join([str(caught.value), *capfd.readouterr()])
    assert not trace.exists()
    assert mock.requests() == []


async def test_credentials_in_headers_reach_the_server_and_nothing_else(
    mock: MockServer, tmp_path: Path
) -> None:
    trace = tmp_path / "t.jsonl"
    secret = "Basic c2VzYW1l"  # base64
    async with session(
        mock.url, headers={"Authorization": secret}, api_key="tomato-123", trace=trace
    ) as chat:
        await ask(chat, "Hi.", stream=False)
    (request,) = mock.requests()
    assert request.headers["authorization"] == secret
    assert "c2VzYW1l" not in trace.read_text()
    assert "tomato-123" not in trace.read_text()


async def test_https_to_an_http_port(*, stream: bool) -> None:
    async def serve(connection: anyio.abc.SocketStream) -> None:
        async with connection:
            await connection.receive()
            await connection.send(reply(b"Invalid HTTP request received.", status=400))

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with session(f"https://127.0.0.1:{port}/v1") as chat:
            with pytest.raises(ServerUnreachable, match=r"does not speak TLS.*Is it http://"):
                await ask(chat, "Hi.", stream=stream)
        group.cancel_scope.cancel()


async def test_a_server_without_parser_flags_is_found_and_the_flags_named(
    mock: MockServer, *, stream: bool
) -> None:
    mock.settings(tool_parser=False)
    mock.script(
        Step("Look.", tool_calls=(Call("count", '{"text":"abc"}'),)), Step("Got it.", "Three.")
    )
    async with session(mock.url, model=mock.model, retries=Retries()) as chat:
        with pytest.raises(MalformedOutput) as caught:
            await ask(chat, "Hi.", stream=stream)
        assert caught.value.code == "no-tool-parser"
        assert "--tool-call-parser openai --enable-auto-tool-choice" in str(caught.value)
        mock.settings(tool_parser=True)  # it was started again
        assert (await ask(chat, None, stream=stream)).text == "Three."
