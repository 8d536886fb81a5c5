"""What is asked of a server's `/v1/completions`, and what comes of all that it may answer?

The server is one of the test's own; real ones are in `tests/integration/test_harmony.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.models.raw_server import TIMES, Received, server
from toolrun import (
    CompletionsSampler,
    ConfigError,
    ContextTooLong,
    MalformedOutput,
    ModelNotFound,
    Sampled,
    Sampling,
    ServerError,
    ServerStatus,
    TokenRequest,
    ToolrunError,
)
from toolrun.models.harmony.completions import MAX_TOKENS
from toolrun.models.harmony.tokens import CALL, RETURN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

MODELS = {"data": [{"id": "m", "max_model_len": 100}, {"id": "unsaid"}]}
ASKED = TokenRequest([1, 2, 3], stop=(RETURN, CALL), model="m")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 2}}


def http(body: bytes, *, status: int = 200, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def reply(**choice: Any) -> dict[str, Any]:
    whole = {"token_ids": [7, RETURN], "finish_reason": "stop", **choice}
    return {"id": "cmpl-1", "choices": [whole], "usage": USAGE}


def events(*payloads: object, done: bool = True) -> bytes:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in payloads]
    return "".join(f"data: {text}\n\n" for text in [*texts, *["[DONE]"] * done]).encode()


def answers(
    body: bytes | dict[str, Any], *, status: int = 200, kind: str = "application/json"
) -> Callable[[Received], bytes]:
    said = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request: Received) -> bytes:
        if request.target.endswith("/models"):
            return http(json.dumps(MODELS).encode())
        return http(said, status=status, kind=kind)

    return answer


async def sample(
    answer: Callable[[Received], bytes | AsyncGenerator[bytes, None]],
    asked: TokenRequest = ASKED,
    *,
    streamed: bool = False,
) -> tuple[Sampled, dict[str, Any], list[Sequence[int]]]:
    """What was sampled, the body that was sent, and the ids as they came."""
    seen: list[Received] = []
    told: list[Sequence[int]] = []
    async with server(answer, seen=seen) as port:
        sampler = CompletionsSampler.at(f"http://127.0.0.1:{port}/v1", timeouts=TIMES)
        sampled: Sampled | Exception
        try:
            sampled = await sampler.sample(asked, told.append if streamed else None)
        except ToolrunError as error:  # out of the server's task group it would be in a group
            sampled = error
        await sampler.aclose()
    if isinstance(sampled, Exception):
        raise sampled
    return sampled, json.loads(seen[-1].body), told


async def test_ids_go_out_and_ids_come_back() -> None:
    sampled, body, _ = await sample(answers(reply()))

    assert sampled == Sampled((7, RETURN), None, "stop", 3, 2, "cmpl-1")
    assert body == {
        "model": "m",
        "prompt": [1, 2, 3],
        "max_tokens": 97,  # all that the context leaves; the server's own default is 16
        "stop_token_ids": [RETURN, CALL],
        "return_token_ids": True,
        "skip_special_tokens": False,
    }


async def test_what_the_user_asks_for_goes_along() -> None:
    asked = TokenRequest(
        [1],
        Sampling(temperature=0.5, seed=3, max_tokens=10, stop=("x",)),
        (RETURN,),
        logprobs=True,
        model="m",
        extra={"vllm_xargs": {"a": 1}},
    )
    said = reply(logprobs={"token_logprobs": [-0.5, None]})
    sampled, body, _ = await sample(answers(said), asked)

    assert sampled.logprobs == (-0.5, -9999.0)
    assert body["logprobs"] == 0
    assert body["max_tokens"] == 10
    assert (body["temperature"], body["seed"], body["stop"]) == (0.5, 3, ["x"])
    assert body["vllm_xargs"] == {"a": 1}
    assert body["ignore_eos"] is True  # <|call|> is among vLLM's own stop ids


@pytest.mark.parametrize("name", ["max_tokens", "prompt", "stop_token_ids"])
async def test_a_field_that_a_step_sets_by_itself_is_not_overwritten_in_silence(name: str) -> None:
    asked = TokenRequest([1], Sampling(), (RETURN,), model="m", extra={name: 1})
    with pytest.raises(ConfigError, match=f"extra_body: '{name}' is set by toolrun"):
        await sample(answers(reply()), asked)


async def test_a_stream_is_told_as_it_comes() -> None:
    chunks = [
        {"choices": [{"token_ids": [7]}]},
        {"choices": [{"token_ids": []}]},
        {"choices": [{"token_ids": [8, RETURN], "finish_reason": "stop"}]},
        {"choices": [], "usage": USAGE},
    ]
    stream = answers(events(*chunks), kind="text/event-stream")
    sampled, body, told = await sample(stream, streamed=True)

    assert told == [[7], [8, RETURN]]
    assert sampled == Sampled((7, 8, RETURN), None, "stop", 3, 2, None)
    assert body["stream"] is True


async def test_a_server_that_does_not_stream_is_told_at_once() -> None:
    sampled, _, told = await sample(answers(reply()), streamed=True)

    assert told == [[7, RETURN]]
    assert sampled.tokens == (7, RETURN)


@pytest.mark.parametrize("model", ["unsaid", "unlisted"])
async def test_where_no_context_is_known_a_step_has_a_bound(model: str) -> None:
    asked = TokenRequest([1], stop=(RETURN, CALL), model=model)
    _, body, _ = await sample(answers(reply()), asked)

    assert body["max_tokens"] == 8192


async def test_a_prompt_that_leaves_no_room_is_not_sent() -> None:
    asked = TokenRequest([1] * 100, stop=(RETURN,), model="m")

    with pytest.raises(ContextTooLong, match=r"has 100 tokens, and m at .* takes 100"):
        await sample(answers(reply()), asked)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_without_ids_is_none_to_sample_from(*, streamed: bool) -> None:
    with pytest.raises(ServerError, match=r"needs: vLLM does from 0\.10\.2 on") as caught:
        await sample(answers(reply(token_ids=None)), streamed=streamed)
    assert caught.value.code == "no-token-ids"


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (events({"choices": [{"token_ids": [7]}]}), "broken-stream"),
        (events({"choices": [{"token_ids": [7]}]}, done=False), "broken-stream"),
        (events("{"), "malformed-reply"),
        (events({"error": {"message": "Out of memory", "code": 500}}), "http-500"),
        (b'{"error":{"message":"Out of memory","code":500}}', "http-500"),
    ],
)
async def test_what_is_no_whole_stream_is_an_error_as_chat_completions_has_it(
    stream: bytes, code: str
) -> None:
    with pytest.raises(ServerError) as caught:
        await sample(answers(stream, kind="text/event-stream"), streamed=True)
    assert caught.value.code == code


@pytest.mark.parametrize("last", ["data: [DONE]", f"data: {json.dumps(reply())}"])
async def test_the_end_of_a_stream_may_lack_its_line_feed(last: str) -> None:
    chunks = [reply()] if "DONE" in last else [{"choices": [{"token_ids": [6]}]}]
    body = events(*chunks, done=False) + last.encode()
    sampled, _, told = await sample(answers(body, kind="text/event-stream"), streamed=True)

    assert sampled.tokens == ((7, RETURN) if "DONE" in last else (6, 7, RETURN))
    assert [each for ids in told for each in ids] == list(sampled.tokens)


async def test_a_server_that_breaks_off_is_named_once() -> None:
    async def cut() -> AsyncGenerator[bytes, None]:
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{"

    def answer(received: Received) -> bytes | AsyncGenerator[bytes, None]:
        listed = received.target.endswith("/models")
        return http(json.dumps(MODELS).encode()) if listed else cut()

    with pytest.raises(MalformedOutput) as caught:
        await sample(answer)
    assert str(caught.value).count("http://127.0.0.1") == 1


async def test_a_server_that_lists_no_models_is_sampled_from_within_a_bound() -> None:
    def answer(received: Received) -> bytes:
        if received.target.endswith("/models"):
            return http(b"{}", status=404)
        return answers(reply())(received)

    sampled, body, _ = await sample(answer)

    assert sampled.tokens == (7, RETURN)
    assert body["max_tokens"] == 8192


async def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    said = {"error": {"message": "The model `x` does not exist.", "code": 404}}

    with pytest.raises(ModelNotFound, match="It serves: m, unsaid") as caught:
        await sample(answers(said, status=404))
    assert caught.value.available == ("m", "unsaid")


async def test_a_refusal_says_why() -> None:
    said = {"error": {"message": "temperature must be non-negative", "code": 400}}

    with pytest.raises(ServerStatus, match="temperature must be non-negative"):
        await sample(answers(said, status=400))


async def test_log_probabilities_that_are_missing_are_an_error() -> None:
    asked = TokenRequest([1], stop=(RETURN,), logprobs=True, model="m")

    with pytest.raises(MalformedOutput, match="0 log-probabilities for 2 tokens"):
        await sample(answers(reply()), asked)


@pytest.mark.parametrize("streamed", [True, False])
async def test_tokens_without_end_fill_no_memory(*, streamed: bool) -> None:
    many = {"choices": [{"token_ids": [7] * (MAX_TOKENS // 4)}]}
    body = events(*[many] * 5, done=False)
    if not streamed:
        body = json.dumps(reply(token_ids=[7] * (MAX_TOKENS + 1))).encode()
    kind = "text/event-stream" if streamed else "application/json"
    with pytest.raises(MalformedOutput, match="more than"):
        await sample(answers(body, kind=kind), streamed=streamed)


async def test_what_a_listener_raises_ends_the_step() -> None:
    def refuse(ids: Sequence[int]) -> None:
        raise ZeroDivisionError(ids)

    stream = answers(events(reply()), kind="text/event-stream")
    async with server(stream) as port:
        sampler = CompletionsSampler.at(f"http://127.0.0.1:{port}/v1", timeouts=TIMES)
        with pytest.raises(ZeroDivisionError):
            await sampler.sample(ASKED, refuse)
        await sampler.aclose()


async def test_a_server_that_is_away_is_asked_for_its_context_again() -> None:
    """What it did not list then is listed later; else steps keep a made-up bound."""
    away = True

    def answer(received: Received) -> bytes:
        if received.target.endswith("/models") and away:
            return http(b"{}", status=503)
        return answers(reply())(received)

    seen: list[Received] = []
    async with server(answer, seen=seen) as port:
        sampler = CompletionsSampler.at(f"http://127.0.0.1:{port}/v1", timeouts=TIMES)
        with pytest.raises(ServerStatus) as caught:
            await sampler.sample(ASKED)
        assert caught.value.status == 503
        away = False
        await sampler.sample(ASKED)
        await sampler.aclose()

    assert json.loads(seen[-1].body)["max_tokens"] == 100 - len(ASKED.prompt)
