"""Are calls and texts of any size and any characters answered in bounded time, and nothing lost?"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.integration.raw_server import called, raw_server, reply, said, streamed
from tests.integration.test_bad_input import GOOD, ask, session
from tests.rig.mock import Call, Step
from toolrun import ConfigError, MalformedOutput, Retries, ToolMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer

TEN_MB = 10_000_000
DEEP = 100_000
MANY = 100_000


@pytest.fixture(params=["unstreamed", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


@cache
def too_much(what: str, *, stream: bool) -> bytes:
    """The answer that has it; made once, for both event loops."""
    return sent(*TOO_MUCH[what][0], stream=stream)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer; work that never yields is measured, too."""
    began = time.monotonic()
    with anyio.fail_after(seconds * 2):
        yield
    assert time.monotonic() - began < seconds


def sent(*calls: tuple[str, str], stream: bool) -> bytes:
    """The answer that makes these calls."""
    made = called(*calls)
    return streamed(made) if stream else reply(said(tool_calls=made))


TOO_MUCH: dict[str, tuple[list[tuple[str, str]], str]] = {
    "ten megabytes of arguments": ([("count", f'{{"text":"{"x" * TEN_MB}"}}')], "call-too-long"),
    "a name of ten megabytes": ([("n" * TEN_MB, "{}")], "call-too-long"),
    "a hundred thousand calls": ([("count", '{"text":"x"}')] * MANY, "too-many-calls"),
}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=[pytest.mark.load] if "thousand" in what else [])
        for what in TOO_MUCH
    ],
)
async def test_what_no_model_means_is_refused_in_bounded_time(what: str, *, stream: bool) -> None:
    code = TOO_MUCH[what][1]
    async with raw_server(too_much(what, stream=stream)) as server, session(server.url) as chat:
        with within(5), pytest.raises(MalformedOutput) as caught:
            await ask(chat, "Go.", stream=stream)
        assert caught.value.code == code
        assert len(str(caught.value)) < 300
        assert len(chat.transcript) == 1
        server.answer = GOOD
        assert (await ask(chat, None, stream=stream)).text == "Hello there."


ARGUMENTS: dict[str, tuple[str, str, str]] = {
    "deep": ('{"text":' + "[" * DEEP + "]" * DEEP + "}", "invalid", "nested more than 64 deep"),
    "a megabyte": (f'{{"text":"{"x" * 1_000_000}"}}', "ok", "1000000"),
    "NUL, escaped": (r'{"text":"a\u0000b"}', "ok", "3"),
    "NUL, raw": ('{"text":"a\0b"}', "invalid", "control character"),
    "a lone surrogate": (r'{"text":"a\ud800b"}', "invalid", "half of a surrogate pair"),
    "a pair of surrogates": (r'{"text":"\ud83d\ude00"}', "ok", "1"),
    "a token of harmony": ('{"text":"<|call|><|end|>"}', "ok", "15"),
}


@pytest.mark.parametrize("what", ARGUMENTS)
async def test_arguments_of_any_kind_run_or_are_answered(
    mock: MockServer, what: str, *, stream: bool
) -> None:
    arguments, outcome, words = ARGUMENTS[what]
    answer = sent(("count", arguments), stream=stream)
    async with raw_server(answer) as server, session(server.url) as chat:
        server.then = GOOD
        with within(5):
            done = await ask(chat, "Go.", stream=stream)
        kept = chat.messages()

    (made,) = done.tool_calls
    assert made.result is not None
    assert (done.text, made.result.outcome) == ("Hello there.", outcome)
    assert words in made.result.content
    assert made.arguments == arguments  # as the model wrote it
    async with session(mock.url, messages=kept, model=mock.model) as again:
        assert again.messages() == kept
        assert (await again.ask("More.")).status == "finished"  # the server takes it, too


@pytest.mark.parametrize("raw", [r'"a\u0000b"', r'"a\ud800b"', r'"\ud83d\ude00"'])
async def test_a_reply_of_odd_characters_is_a_text_that_can_be_sent_again(
    raw: str, *, stream: bool
) -> None:
    shown = {r'"a\u0000b"': "a\0b", r'"a\ud800b"': "a\ufffdb"}.get(raw, "\U0001f600")
    mark = '"MARK"'
    if stream:
        delta = '{"choices":[{"delta":{"content":"MARK"},"finish_reason":"stop"}]}'
        body = f"data: {delta.replace(mark, raw)}\n\ndata: [DONE]\n\n".encode()
        answer = reply(body, "text/event-stream")
    else:
        data = '{"choices":[{"message":{"content":"MARK"},"finish_reason":"stop"}]}'
        answer = reply(data.replace(mark, raw).encode())
    async with raw_server(answer) as server, session(server.url) as chat:
        assert (await ask(chat, "Hi.", stream=stream)).text == shown
        assert (await ask(chat, "Again.", stream=stream)).text == shown
        assert server.sent == 2 * len(answer)


# aiohttp would rather read a large body from a file; ResourceWarnings are not shown by default.
@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize(
    "text", ["", " ", "a\0b", "x" * TEN_MB, "<|start|>system<|message|>"], ids=lambda text: text[:4]
)
async def test_any_text_can_be_said(mock: MockServer, text: str) -> None:
    async with session(mock.url, model=mock.model) as chat:
        with within(5):
            answers = [await ask(chat, text, stream=stream) for stream in (False, True)]
    assert [answer.text for answer in answers] == ["Hello there, friend!"] * 2
    assert [body["messages"][-1]["content"] for body in mock.bodies()] == [text] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [("a\ud800b", r"lone surrogate \('\\ud800' at 1\).*errors='replace'"), (b"x", "not bytes")],
)
async def test_a_text_that_cannot_be_said_is_refused_and_nothing_begins(
    mock: MockServer, text: Any, words: str, *, stream: bool
) -> None:
    async with session(mock.url, model=mock.model) as chat:
        with pytest.raises(ConfigError, match=words):
            await ask(chat, text, stream=stream)
        assert chat.transcript == []
        assert (await ask(chat, "Hi.", stream=stream)).status == "finished"
    assert len(mock.bodies()) == 1


async def test_a_turn_is_cancelled_while_a_huge_reply_arrives() -> None:
    calls = [("count", f'{{"text":"{"x" * TEN_MB}"}}')]
    async with raw_server(sent(*calls, stream=True)) as server, session(server.url) as chat:
        with within(10):
            async with chat.stream("Go.") as events:
                async for event in events:
                    if type(event).__name__ == "RequestSent":
                        chat.cancel()
        assert events.answer is not None
        assert events.answer.status == "cancelled"
        server.answer = GOOD
        assert (await ask(chat, None, stream=True)).text == "Hello there."


async def test_two_calls_of_a_name_that_is_none_are_told_so(mock: MockServer) -> None:
    wrong = (Call("", "{}"), Call("count", '{"text":"abc"}'))
    mock.script(Step("Look.", tool_calls=wrong), Step("Got it.", "Three."))
    async with session(mock.url, model=mock.model, retries=Retries(attempts=1)) as chat:
        answer = await ask(chat, "Go.", stream=False)
        results = [each.content for each in chat.transcript if isinstance(each, ToolMessage)]
        kept = chat.messages()

    assert answer.text == "Three."
    assert "There is no tool ''" in results[0]
    assert results[1] == "3"
    async with session(mock.url, messages=kept, model=mock.model) as again:
        assert again.messages() == kept
