"""Does every way in which a server can fail become an error that says what to do?"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from tests.rig.mock import Call, MockServer, Step
from toolrun import (
    AssistantMessage,
    ChatModel,
    ConfigError,
    Event,
    MalformedOutput,
    ModelNotFound,
    Request,
    RequestSent,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
    StepFinished,
    Timeouts,
    Warned,
)
from toolrun.events import UserMessage
from toolrun.models.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENT = Timeouts(connect=30, first_token=30, between_tokens=30, step=30)


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


@contextlib.asynccontextmanager
async def model(base_url: str, **options: Any) -> AsyncIterator[ChatModel]:
    chat = ChatModel(base_url, **options)
    try:
        yield chat
    finally:
        await chat.aclose()


def request(mock: MockServer, *, stream: bool = False, **more: Any) -> Request:
    return Request(
        **{"model": mock.model, "messages": [UserMessage("Hello")], "stream": stream, **more}
    )


async def sampled(
    mock: MockServer, base_url: str | None = None, *, stream: bool = False, **options: Any
) -> AssistantMessage:
    async with model(base_url or mock.url, **options) as chat:
        return await chat.sample(request(mock, stream=stream))


async def test_a_reply_comes_through(mock: MockServer, *, streamed: bool) -> None:
    mock.script(Step("Why.", "Hello.", (Call("f", '{"x": 1}'),)))
    message = await sampled(mock, stream=streamed)

    assert (message.reasoning, message.content) == ("Why.", "Hello.")
    assert [call.name for call in message.tool_calls] == ["f"]
    assert message.usage.prompt_tokens == 100


async def test_no_server_says_how_to_start_one(
    unused_port: int, mock: MockServer, *, streamed: bool
) -> None:
    with pytest.raises(ServerUnreachable) as caught:
        await sampled(mock, f"http://127.0.0.1:{unused_port}/v1", stream=streamed)

    assert f"no server at http://127.0.0.1:{unused_port}/v1" in str(caught.value)
    assert "vllm serve openai/gpt-oss-20b --tool-call-parser openai" in str(caught.value)
    assert caught.value.__cause__ is not None


async def test_a_name_without_a_host_is_unreachable(mock: MockServer) -> None:
    with pytest.raises(ServerUnreachable, match=r"no server at http://nowhere.invalid/v1"):
        await sampled(mock, "http://nowhere.invalid/v1")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", ""])
def test_a_base_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="must begin with http"):
        Door(url)


async def test_a_wrong_path_asks_for_the_v1(mock: MockServer, *, streamed: bool) -> None:
    with pytest.raises(ServerStatus, match=r"Is /v1 missing at its end\?") as caught:
        await sampled(mock, mock.root, stream=streamed)

    assert caught.value.status == 404


async def test_a_slash_at_the_end_makes_no_difference(mock: MockServer) -> None:
    assert (await sampled(mock, mock.url + "/")).content == "Hello there, friend!"


async def test_a_web_page_is_not_a_server(mock: MockServer, *, streamed: bool) -> None:
    mock.script(Step(fault="html"))
    with pytest.raises(MalformedOutput, match="answered with a web page") as caught:
        await sampled(mock, stream=streamed)

    assert "base_url" in str(caught.value)


# httpx leaves its own generators half read where the body cannot be decompressed.
@pytest.mark.filterwarnings("ignore:.*PoolByteStream")
@pytest.mark.parametrize("fault", ["gzip_garbage", "empty_body", "truncated_json"])
async def test_what_is_no_reply_is_malformed(
    mock: MockServer, fault: Any, *, streamed: bool
) -> None:
    mock.script(Step("Why.", "Hello there.", fault=fault))
    with pytest.raises(MalformedOutput):
        await sampled(mock, stream=streamed)


async def test_a_refused_key_says_which_option(mock: MockServer, *, streamed: bool) -> None:
    mock.settings(api_key="right")
    with pytest.raises(ServerStatus, match="Check api_key") as caught:
        await sampled(mock, stream=streamed, api_key="wrong")
    assert caught.value.status == 401
    assert "wrong" not in str(caught.value)
    assert (await sampled(mock, stream=streamed, api_key="right")).content


async def test_a_key_may_be_asked_for_at_each_request(mock: MockServer) -> None:
    keys = iter(f"key-{number}" for number in range(10))

    async def key() -> str:
        return next(keys)

    async with model(mock.url, api_key=key) as chat:
        await chat.sample(request(mock))
        await chat.sample(request(mock))
    sent = [each.headers["authorization"] for each in mock.requests()]
    assert len(set(sent)) == 2


async def test_a_wrong_model_is_answered_with_the_right_ones(
    mock: MockServer, *, streamed: bool
) -> None:
    async with model(mock.url) as chat:
        with pytest.raises(ModelNotFound, match=f"It serves: {mock.model}") as caught:
            await chat.sample(request(mock, model="gpt-4", stream=streamed))

    assert caught.value.available == (mock.model,)


async def test_a_request_that_does_not_fit_keeps_the_servers_words(
    mock: MockServer, *, streamed: bool
) -> None:
    async with model(mock.url) as chat:
        with pytest.raises(ServerStatus, match="validation error") as caught:
            await chat.sample(request(mock, effort="extreme", stream=streamed))

    assert caught.value.status == 400


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_status_is_kept(mock: MockServer, status: int, *, streamed: bool) -> None:
    mock.script(Step(fault=f"http_{status}"))  # type: ignore[arg-type]
    with pytest.raises(ServerStatus, match=f"The mock says {status}") as caught:
        await sampled(mock, stream=streamed)

    assert caught.value.status == status
    assert len(mock.requests()) == 1  # the SDK does not try again by itself


async def test_an_error_in_mid_stream_keeps_its_words(mock: MockServer, *, streamed: bool) -> None:
    mock.script(Step("Why.", "Hello there.", fault="sse_error"))
    with pytest.raises(ServerStatus, match="unexpected tokens remaining") as caught:
        await sampled(mock, stream=streamed)

    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("step", "stream", "phase", "wait"),
    [
        (Step(fault="hang_early"), False, "step", "step"),
        (Step(fault="hang_early"), True, "first token", "first_token"),
        (Step("Why.", "Hello there.", fault="hang_midway"), False, "step", "step"),
        (
            Step("Why.", "Hello there.", fault="hang_midway"),
            True,
            "between tokens",
            "between_tokens",
        ),
    ],
)
async def test_silence_names_its_phase(
    mock: MockServer, step: Step, phase: str, wait: str, *, stream: bool
) -> None:
    mock.script(step)
    with anyio.fail_after(20):
        times = structs.replace(PATIENT, **{wait: 0.2})
        with pytest.raises(ServerTimeout) as caught:
            await sampled(mock, stream=stream, timeouts=times)

    assert caught.value.phase == phase
    assert mock.url in str(caught.value)


@pytest.mark.parametrize("fault", ["closed_early", "closed_midway", "cut"])
async def test_a_connection_that_ends_early_is_no_missing_server(
    mock: MockServer, fault: Any, *, streamed: bool
) -> None:
    mock.script(Step("Why.", "Hello there, friend.", fault=fault))
    with pytest.raises(MalformedOutput) as caught:
        await sampled(mock, stream=streamed)

    assert "vllm serve" not in str(caught.value)


async def test_nothing_of_openais_environment_reaches_a_server(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch, *, streamed: bool
) -> None:
    leaks = {
        "OPENAI_API_KEY": "leak-key",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/leak",
        "OPENAI_ORG_ID": "leak-org",
        "OPENAI_PROJECT_ID": "leak-project",
        "OPENAI_ADMIN_KEY": "leak-admin",
        "OPENAI_CUSTOM_HEADERS": "X-Leak: leak-header",
    }
    for name, value in leaks.items():
        monkeypatch.setenv(name, value)
    await sampled(mock, stream=streamed)
    (received,) = mock.requests()

    assert received.headers["authorization"] == "Bearer EMPTY"
    assert "leak" not in str(received.headers)


async def test_headers_go_with_each_request(mock: MockServer) -> None:
    await sampled(mock, headers={"X-Team": "red"})

    assert mock.requests()[0].headers["x-team"] == "red"


async def test_the_version_is_asked_for_once(mock: MockServer) -> None:
    mock.settings(version="0.12.0")
    heard: list[Event] = []
    async with model(mock.url) as chat:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(chat.sample, request(mock), heard.append)
        assert (await chat.dialect()).name == "vLLM 0.12.0"

    assert len(mock.requests("/version")) == 1
    warned = [each for each in heard if isinstance(each, Warned)]
    assert [each.code for each in warned] == ["reasoning-not-returned"] * 5  # once a session
    assert "0.13" in warned[0].message


async def test_a_server_that_is_no_vllm_is_generic(mock: MockServer) -> None:
    mock.settings(version=None)
    async with model(mock.url) as chat:
        assert (await chat.dialect()).name == "generic"


async def test_what_is_told_of_a_step(mock: MockServer, *, streamed: bool) -> None:
    heard: list[Event] = []
    async with model(mock.url) as chat:
        await chat.sample(request(mock, stream=streamed), heard.append)
    (received,) = mock.requests()

    sent, finished = heard[0], heard[-1]
    assert isinstance(sent, RequestSent)
    assert sent.size == len(received.body.encode())
    assert sent.adds == [{"role": "user", "content": "Hello"}]
    assert isinstance(finished, StepFinished)
    assert finished.usage.completion_tokens > 0
    assert (finished.first_token is not None) == streamed


async def test_a_connection_is_used_again(mock: MockServer, *, streamed: bool) -> None:
    async with model(mock.url) as chat:
        for _ in range(3):
            await chat.sample(request(mock, stream=streamed))
            assert open_connections(mock) == 1


async def test_a_connection_is_used_again_after_an_error(
    mock: MockServer, *, streamed: bool
) -> None:
    mock.script(Step(fault="http_500"))
    async with model(mock.url) as chat:
        for _ in range(3):
            with pytest.raises(ServerError):
                await chat.sample(request(mock, stream=streamed))
        assert open_connections(mock) == 1


def open_connections(mock: MockServer) -> int:
    """The connections of this process to the mock."""
    port = int(mock.root.rpartition(":")[2])
    links = Path("/proc/self/fd").iterdir()
    found = [int(link.name) for link in links if "socket:" in os.path.realpath(link)]
    return [peer_port(descriptor) for descriptor in found].count(port)


def peer_port(descriptor: int) -> int | None:
    """The port that a socket is connected to, if it is to one."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family == socket.AF_INET:
            port: int = connection.getpeername()[1]
            return port
    return None


async def test_a_cancelled_stream_frees_the_server(mock: MockServer) -> None:
    mock.script(Step(content="word " * 400, chunk_delay_s=0.01, chunks_per_write=1))
    heard = anyio.Event()
    async with model(mock.url) as chat, anyio.create_task_group() as group:

        def observe(event: Event) -> None:
            if type(event).__name__ == "TextDelta":
                heard.set()

        group.start_soon(chat.sample, request(mock, stream=True), observe)
        with anyio.fail_after(5):
            await heard.wait()
        group.cancel_scope.cancel()
    with anyio.fail_after(5):
        while mock.running():  # noqa: ASYNC110 - another process: there is no event to wait for
            await anyio.sleep(0.01)


async def test_a_model_that_was_closed_opens_again(mock: MockServer) -> None:
    chat = ChatModel(mock.url)
    for _ in range(2):
        assert (await chat.sample(request(mock))).content
        await chat.aclose()
    await chat.aclose()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port
