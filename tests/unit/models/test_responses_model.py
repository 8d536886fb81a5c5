"""Does a Responses model follow what a server has stored, and do without where it has not?"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from tests.unit.models.raw_server import TIMES, Received, server, whole
from toolrun import (
    AssistantMessage,
    Event,
    MalformedOutput,
    Message,
    ModelNotFound,
    Request,
    RequestSent,
    ResponsesModel,
    ServerError,
    ServerStatus,
    ServerToolCalled,
    StepFinished,
    TextDelta,
    ToolCall,
    ToolMessage,
    Warned,
)
from toolrun.events import UserMessage
from toolrun.models.dialects import Dialect, vllm
from toolrun.models.proof import ANALYSIS_HEADER, END
from toolrun.models.responses_body import encode_body
from toolrun.transcript import reasoning_kept_from

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

VLLM = vllm("0.32.0")
ASKED: list[Message] = [UserMessage("Go.")]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def reply(number: int, *, prompt: int | None = None, call: bool = True) -> bytes:
    called = {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"}
    answer = {"type": "message", "content": [{"text": "Done."}]}
    body = {
        "id": f"resp_{number}",
        "status": "completed",
        "output": [{"type": "reasoning", "content": [{"text": "Hm."}]}, called if call else answer],
        "usage": {"input_tokens": 100 * number if prompt is None else prompt},
    }
    return whole(json.dumps(body).encode(), headers="content-type: application/json\r\n")


def refused(status: int, message: str) -> bytes:
    body = json.dumps({"error": {"message": message, "code": status}}).encode()
    return whole(body, status=f"{status} X", headers="content-type: application/json\r\n")


GONE = refused(404, "Response with id 'resp_1' not found.")


@contextlib.asynccontextmanager
async def model(
    answer: Callable[[Received], bytes], seen: list[Received], **options: Any
) -> AsyncIterator[ResponsesModel]:
    async with server(answer, seen=seen) as port:
        options.setdefault("dialect", VLLM)
        made = ResponsesModel(f"http://127.0.0.1:{port}/v1", timeouts=TIMES, **options)
        try:
            with anyio.fail_after(20):
                yield made
        finally:
            await made.aclose()


def request(messages: list[Message], cache: dict[str, Any], **more: Any) -> Request:
    kept = reasoning_kept_from(messages)
    more = {"tools": [TOOL], **more}
    return Request("m", messages, reasoning_from=kept, cache=cache, **more)


def after(messages: list[Message], message: AssistantMessage) -> list[Message]:
    results = [ToolMessage(call.id, call.name, "1") for call in message.tool_calls]
    return [*messages, message, *results]


def posts(seen: list[Received]) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in seen if each.method == "POST"]


def storing(seen: list[Received], **first: bytes) -> Callable[[Received], bytes]:
    """A server that stores, but for the answers given for its first, second, ... POST."""

    def answer(received: Received) -> bytes:
        if received.method == "GET":
            return first.get("get") or reply(1)
        number = len(posts(seen))
        return first.get(f"post{number}") or reply(number)

    return answer


async def steps(
    made: ResponsesModel, count: int, told: list[Event], **more: Any
) -> list[AssistantMessage]:
    messages, said, cache = [*ASKED], list[AssistantMessage](), dict[str, Any]()
    for _ in range(count):
        said.append(await made.sample(request(messages, cache, **more), told.append))
        messages = after(messages, said[-1])
    return said


async def test_a_step_follows_the_stored_one_with_what_is_new_alone() -> None:
    seen, told = list[Received](), list[Event]()
    async with model(storing(seen), seen, store=True) as made:
        await steps(made, 3, told)

    first, second, third = posts(seen)
    assert first["store"] is second["store"] is third["store"] is True
    assert "previous_response_id" not in first
    assert second["previous_response_id"] == "resp_1"
    assert third["previous_response_id"] == "resp_2"
    assert second["input"] == [{"type": "function_call_output", "call_id": "c1", "output": "1"}]
    assert [each.target for each in seen if each.method == "GET"] == ["/v1/responses/resp_1"]
    assert not [event for event in told if isinstance(event, Warned)]


async def test_what_is_digested_says_the_whole_conversation() -> None:
    """So a replay can write it again."""
    seen, told = list[Received](), list[Event]()
    async with model(storing(seen), seen, store=True) as made:
        said = await steps(made, 2, told)
    sent = [event for event in told if isinstance(event, RequestSent)]
    plain = encode_body(request(after([*ASKED], said[0]), {}), VLLM)

    assert sent[1].size == len(plain)
    assert {event.via for event in sent} == {"responses"}


async def test_without_store_nothing_is_stored_or_followed() -> None:
    seen = list[Received]()
    async with model(storing(seen), seen) as made:
        await steps(made, 2, [])

    assert [each.method for each in seen] == ["POST", "POST"]
    assert all(body["store"] is False for body in posts(seen))
    assert len(posts(seen)[1]["input"]) == 4


async def test_where_the_server_stores_nothing_it_is_said_once_and_done_without() -> None:
    seen, told = list[Received](), list[Event]()
    async with model(storing(seen, get=GONE), seen, store=True) as made:
        await steps(made, 3, told)

    warned = [event for event in told if isinstance(event, Warned)]
    assert [event.code for event in warned] == ["no-response-store"]
    assert "VLLM_ENABLE_RESPONSES_API_STORE=1" in warned[0].message
    assert [body["store"] for body in posts(seen)] == [True, False, False]
    assert not any("previous_response_id" in body for body in posts(seen))


async def test_where_a_stored_response_is_gone_the_step_is_sampled_from_everything() -> None:
    seen, told = list[Received](), list[Event]()
    async with model(storing(seen, post2=GONE), seen, store=True) as made:
        said = await steps(made, 3, told)

    assert [message.response_id for message in said] == ["resp_1", "resp_3", "resp_4"]
    assert [event.code for event in told if isinstance(event, Warned)] == ["no-response-store"]
    assert [body.get("previous_response_id") for body in posts(seen)] == [
        None,
        "resp_1",
        None,
        None,
    ]
    assert [len(body["input"]) for body in posts(seen)] == [1, 1, 4, 7]


async def test_a_step_that_was_sampled_from_less_than_what_was_stored_is_sampled_again() -> None:
    """VLLM #43244: the prompt of a step is never shorter than the one before it in its turn."""
    seen, told = list[Received](), list[Event]()
    async with model(storing(seen, post2=reply(2, prompt=90)), seen, store=True) as made:
        cache: dict[str, Any] = {}
        first = await made.sample(request([*ASKED], cache), told.append)
        later = request(after([*ASKED], first), cache)
        with pytest.raises(MalformedOutput) as caught:
            await made.sample(later, told.append)
        await made.sample(later, told.append)

    assert caught.value.code == "lost-history"
    assert [event.code for event in told if isinstance(event, Warned)] == ["no-response-store"]
    assert "previous_response_id" not in posts(seen)[2]


@pytest.mark.parametrize(
    "change",
    [
        {"effort": "high"},
        {"tools": []},
        {"instructions": "Be brief."},
        {"messages": [UserMessage("Else."), *after(ASKED, AssistantMessage())[1:]]},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_other_settings_or_another_history_follow_nothing(change: dict[str, Any]) -> None:
    seen = list[Received]()
    async with model(storing(seen), seen, store=True) as made:
        cache: dict[str, Any] = {}
        first = await made.sample(request([*ASKED], cache))
        later = request(after([*ASKED], first), cache)
        await made.sample(structs.replace(later, **change))

    assert "previous_response_id" not in posts(seen)[1]


async def test_a_call_that_was_mended_is_not_what_was_stored() -> None:
    seen = list[Received]()
    async with model(storing(seen), seen, store=True) as made:
        cache: dict[str, Any] = {}
        first = await made.sample(request([*ASKED], cache))
        mended = structs.replace(first, tool_calls=(ToolCall("c1", "g", "{}"),))
        await made.sample(request(after([*ASKED], mended), cache))

    assert "previous_response_id" not in posts(seen)[1]


async def test_what_was_thought_in_a_turn_that_broke_off_is_left_behind() -> None:
    """The store would bring it back: over Chat Completions it is dropped with its turn."""
    seen = list[Received]()
    async with model(storing(seen), seen, store=True) as made:
        cache: dict[str, Any] = {}
        first = await made.sample(request([*ASKED], cache))
        await made.sample(request([*after([*ASKED], first), UserMessage("Else.")], cache))

    assert "previous_response_id" not in posts(seen)[1]


async def test_a_nudge_is_no_part_of_what_may_be_followed() -> None:
    seen = list[Received]()
    async with model(storing(seen), seen, store=True) as made:
        cache: dict[str, Any] = {}
        first = await made.sample(request([*ASKED], cache, nudge="Go on."))
        await made.sample(request(after([*ASKED], first), cache))

    assert "previous_response_id" not in posts(seen)[1]


async def test_a_server_without_responses_is_named_with_what_to_do() -> None:
    seen = list[Received]()
    async with model(lambda _: refused(404, "Not Found"), seen) as made:
        with pytest.raises(ServerStatus, match='no Responses API: set via="chat"'):
            await made.sample(request([*ASKED], {}))


async def test_an_unknown_model_comes_with_the_names_of_those_that_there_are() -> None:
    def answer(received: Received) -> bytes:
        if received.method == "GET":
            return whole(b'{"data": [{"id": "other"}]}')
        return refused(404, "The model `m` does not exist.")

    async with model(answer, []) as made:
        with pytest.raises(ModelNotFound, match="It serves: other"):
            await made.sample(request([*ASKED], {}))


async def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    async with model(lambda _: reply(1, call=False), []) as made:
        message = await made.sample(request([*ASKED], {}, stream=True), lambda _: None)

    assert message.content == "Done."


async def test_a_server_that_drops_the_reasoning_is_warned_of_once() -> None:
    told: list[Event] = []
    seen = list[Received]()
    ollama = Dialect(name="x", responses_reasoning="dropped")
    async with model(storing(seen), seen, dialect=ollama) as made:
        await steps(made, 2, told)

    assert [event.code for event in told if isinstance(event, Warned)] == ["reasoning-not-returned"]


async def test_a_step_that_was_not_asked_about_cannot_be_proved() -> None:
    async with model(lambda _: reply(1), []) as made:
        step = await made.sample(request([*ASKED], {}))
        with pytest.raises(ServerError, match="return_token_ids"):
            await made.prove("m", step, step)


async def test_what_another_server_has_stored_is_not_followed() -> None:
    """A session that fails over from one to the other and back: their stores are their own."""
    seen_a, seen_b, told = list[Received](), list[Received](), list[Event]()
    async with (
        model(storing(seen_a), seen_a, store=True) as a,
        model(storing(seen_b), seen_b, store=True) as b,
    ):
        await steps(b, 2, told)  # another session: the store of b is seen to work
        messages, cache = [*ASKED], dict[str, Any]()
        for made in (a, a, b, b, a):
            message = await made.sample(request(messages, cache), told.append)
            messages = after(messages, message)

    followed = [body.get("previous_response_id") for body in posts(seen_a)]
    assert followed == [None, "resp_1", None]
    assert [body.get("previous_response_id") for body in posts(seen_b)[2:]] == [None, "resp_3"]
    assert not [event for event in told if isinstance(event, Warned)]


def streamed(*events: dict[str, Any], end: bytes = b"") -> bytes:
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events)
    return whole(body + end, headers="content-type: text/event-stream\r\n")


ANSWER: dict[str, Any] = {"type": "message", "content": [{"type": "output_text", "text": "Done."}]}
COMPLETED: dict[str, Any] = {
    "type": "response.completed",
    "response": {"id": "resp_1", "status": "completed", "output": [ANSWER]},
}
PIECE: dict[str, Any] = {"type": "response.output_text.delta", "delta": "Done."}


@pytest.mark.parametrize("ended", [True, False], ids=["whole", "without the last line feed"])
async def test_a_stream_is_a_message_and_its_pieces(*, ended: bool) -> None:
    def answer(_: Received) -> bytes:
        if ended:
            return streamed(PIECE, COMPLETED, end=b"data: [DONE]\n\n")
        return streamed(PIECE, end=b"data: " + json.dumps(COMPLETED).encode())

    told: list[Event] = []
    async with model(answer, []) as made:
        message = await made.sample(request([*ASKED], {}, stream=True), told.append)

    assert (message.content, message.response_id) == ("Done.", "resp_1")
    assert [event.text for event in told if isinstance(event, TextDelta)] == ["Done."]
    [finished] = [event for event in told if isinstance(event, StepFinished)]
    assert finished.first_token is not None


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (whole(b"<html>"), "malformed-reply", "/v1: "),
        (whole(b'{"status": "queued", "output": []}'), "broken-stream", "background"),
        (streamed(PIECE), "broken-stream", "/v1: "),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{", "", "/v1: "),
    ],
    ids=["html", "background", "no end", "cut off"],
)
async def test_what_is_no_reply_is_an_error_that_names_its_server(
    body: bytes, code: str, said: str
) -> None:
    async def once(_: Received) -> AsyncGenerator[bytes, None]:
        yield body

    async with server(once) as port:
        made = ResponsesModel(f"http://127.0.0.1:{port}/v1", timeouts=TIMES, dialect=VLLM)
        with pytest.raises(MalformedOutput) as caught:
            await made.sample(request([*ASKED], {}, stream="event-stream" in str(body)))
        await made.aclose()

    assert str(caught.value).count("http://127.0.0.1") == 1
    assert said in str(caught.value)
    assert code in ("", caught.value.code)


async def test_a_search_of_the_servers_is_told_of_where_the_reply_came_whole() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    body = json.dumps({"id": "r", "status": "completed", "output": [search, ANSWER]}).encode()
    told: list[Event] = []
    async with model(lambda _: whole(body), []) as made:
        message = await made.sample(request([*ASKED], {}), told.append)

    assert message.content == "Done."
    assert [event.kind for event in told if isinstance(event, ServerToolCalled)] == [
        "web_search_call"
    ]


async def test_a_step_that_was_asked_about_is_proved_as_long_as_it_is_remembered() -> None:
    rendered = [1, *ANALYSIS_HEADER, 7, 8, 9, END]

    def answer(received: Received) -> bytes:
        if received.target.endswith("/tokenize"):
            return whole(b'{"tokens": [7, 8, 9]}')
        if received.target.endswith("/render"):
            return whole(json.dumps({"token_ids": rendered}).encode())
        return reply(len(posts(seen)), prompt=len(rendered))

    seen: list[Received] = []
    asked = {"extra": {"return_token_ids": True}}
    async with model(answer, seen) as made:
        first, second = await steps(made, 2, [], **asked)
        proof = await made.prove("m", first, second)
        assert (proof.found, proof.tokens, proof.prompt_tokens) == (True, 3, len(rendered))
        for _ in range(64):
            await made.sample(request([*ASKED], {}, **asked))
        with pytest.raises(ServerError, match="within 64 steps"):
            await made.prove("m", first, second)


async def test_a_refusal_is_no_sign_that_the_store_does_not_work() -> None:
    seen, busy = list[Received](), refused(503, "busy")
    async with model(storing(seen, post2=busy), seen, store=True) as made:
        cache: dict[str, Any] = {}
        first = await made.sample(request([*ASKED], cache))
        later = request(after([*ASKED], first), cache)
        with pytest.raises(ServerStatus) as caught:
            await made.sample(later)
        await made.sample(later)

    assert caught.value.status == 503
    assert [body.get("previous_response_id") for body in posts(seen)] == [None, "resp_1", "resp_1"]


async def test_where_nobody_listens_a_lost_store_is_done_without_all_the_same() -> None:
    for lost in (GONE, reply(2, prompt=90)):
        seen = list[Received]()
        async with model(storing(seen, post2=lost), seen, store=True) as made:
            cache: dict[str, Any] = {}
            first = await made.sample(request([*ASKED], cache))
            later = request(after([*ASKED], first), cache)
            if lost is not GONE:
                with pytest.raises(MalformedOutput):
                    await made.sample(later)
            assert (await made.sample(later)).response_id in ("resp_3", "resp_4")
        assert [body["store"] for body in posts(seen)] == [True, True, False]
