"""What does a client hear of a turn with the server's tools, whole or piece by piece?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.mock import Step
from tests.unit.serve.asking import CHAT, HI, RESPONSES, fronted
from toolrun import ConfigError, MalformedOutput, ServerUnreachable
from toolrun.events import AssistantMessage
from toolrun.serve import turns
from toolrun.serve.chat_told import ChatWriting
from toolrun.serve.failures import Failure
from toolrun.serve.responses_told import ResponsesWriting
from toolrun.serve.told import End
from toolrun.testing import call, say
from toolrun.trace.reader import read_trace
from toolrun.trace.recording import Recording
from toolrun.values import Sampling, ToolCall, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer

SCHEMA = {"type": "object", "properties": {"c": {"type": "integer"}}, "required": ["c"]}
FORM = {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA}}
LOOKING = call("get_weather", {"city": "Paris"}, text="I look.", reasoning="I need it.")
ANSWER = say("It is 20.", reasoning="Now I know.", usage=Usage(7, 3, 10))
ASKED: dict[str, Any] = {"messages": HI}
STREAM: dict[str, Any] = ASKED | {"stream": True}


def recorded(folder: Path) -> int:
    """How many traces of turns there are, each of which can be read."""
    return sum(bool(read_trace(each)) for each in folder.glob("*.jsonl"))


async def test_a_turn_comes_whole() -> None:
    async with fronted(LOOKING, ANSWER) as client:
        said = (await client.post(CHAT, ASKED)).json
    [choice] = said["choices"]
    assert choice["message"]["content"] == "I look.\n\nIt is 20."
    assert choice["message"]["reasoning"] == "I need it.\n\nNow I know."
    assert "tool_calls" not in choice["message"]
    assert (choice["finish_reason"], said["usage"]["total_tokens"]) == ("stop", 10)


async def test_a_turn_without_reasoning_has_none() -> None:
    async with fronted("Hello.") as client:
        said = (await client.post(CHAT, ASKED)).json
    assert "reasoning" not in said["choices"][0]["message"]


@pytest.mark.parametrize("usage", [False, True])
async def test_the_pieces_of_a_turn_add_up(*, usage: bool) -> None:
    more = {"stream_options": {"include_usage": True}} if usage else {}
    async with fronted(LOOKING, ANSWER) as client:
        reply = await client.post(CHAT, STREAM | more)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.said("content") == "I look.\n\nIt is 20."
    assert reply.said("reasoning") == "I need it.\n\nNow I know."
    assert reply.events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert reply.events[-1] == "[DONE]"
    totals = [each["usage"]["total_tokens"] for each in reply.events[:-1] if "usage" in each]
    assert totals == ([10] if usage else [])


async def test_responses_come_whole_and_in_pieces() -> None:
    async with fronted(LOOKING, ANSWER) as client:
        whole = (await client.post(RESPONSES, {"input": "Hi."})).json
        events = (await client.post(RESPONSES, {"input": "Hi.", "stream": True})).events
    kinds = ["reasoning", "message", "reasoning", "message"]
    for response in (whole, events[-1]["response"]):
        assert [item["type"] for item in response["output"]] == kinds
        assert {item["status"] for item in response["output"]} == {"completed"}
        assert response["status"] == "completed"
        assert response["usage"]["total_tokens"] == 10
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_has_to_fit_comes_alone(*, stream: bool) -> None:
    async with fronted(LOOKING, '{"c": 20}') as client:
        body = {"messages": HI, "response_format": FORM, "stream": stream}
        reply = await client.post(CHAT, body)
    said = reply.said("content") if stream else reply.json["choices"][0]["message"]["content"]
    assert said == '{"c": 20}'


@pytest.mark.parametrize("stream", [False, True])
async def test_a_schema_that_is_none_is_the_clients_mistake(*, stream: bool) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "nothing"}}}
    async with fronted("Hello.") as client:
        reply = await client.post(CHAT, {"messages": HI, "response_format": form, "stream": stream})
    assert (reply.status, reply.error["param"]) == (400, "response_format")


@pytest.mark.parametrize("stream", [False, True])
async def test_any_other_setting_is_the_servers_own_mistake(*, stream: bool) -> None:
    async with fronted(ConfigError("the secret setting")) as client:
        reply = await client.post(CHAT, {"messages": HI, "stream": stream})
    assert b"secret" not in reply.body
    assert (reply.status, reply.error["code"]) == (500, "internal_error")


async def test_what_a_client_sets_reaches_the_model_over_what_the_server_sets(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step("Hm.", "Hello."))
    of = {"base_url": mock.url, "model": mock.model, "via": "chat"}
    serving: dict[str, Any] = {
        "sampling": Sampling(0.1, seed=3),
        "extra": {"min_p": 0.1, "top_k": 1},
    }
    asked = {"model": mock.model, "temperature": 0.5, "reasoning_effort": "low", "top_k": 4}
    async with fronted(of, trace=Recording(path=tmp_path), **serving) as client:
        reply = await client.post(CHAT, ASKED | asked | {"tool_choice": "none"})
        assert reply.status == 200
        assert (await client.post(CHAT, ASKED)).status == 200
    body, default = mock.bodies()
    assert (body["temperature"], body["seed"], body["reasoning_effort"]) == (0.5, 3, "low")
    assert (body["top_k"], body["min_p"]) == (4, 0.1)
    assert body.get("tool_choice") == "none" or not body.get("tools")
    assert default["temperature"] == 0.1
    assert default.get("tools")
    assert recorded(tmp_path) == 2


async def test_a_call_that_asks_for_a_person_is_denied() -> None:
    heard: list[str] = []

    def answers(request: Any) -> str:
        heard.append(request.messages[-1].content)
        return "Then not."

    async with fronted(call("send", {"text": "x"}), answers) as client:
        assert (await client.post(CHAT, ASKED)).status == 200
    assert "nobody is there to approve it" in heard[0]


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_failure_has_a_status_until_something_was_said(path: str) -> None:
    async with fronted(LOOKING, ServerUnreachable("gone")) as client:
        body: dict[str, Any] = STREAM if path == CHAT else {"input": "Hi.", "stream": True}
        reply = await client.post(path, body)
    assert reply.status == 200
    if path == CHAT:
        assert reply.events[-2]["error"]["code"] == "unreachable"
        assert reply.events[-1] == "[DONE]"
    else:
        assert reply.events[-1]["type"] == "response.failed"
        assert reply.events[-1]["response"]["error"]["code"] == "unreachable"
    async with fronted(ServerUnreachable("gone")) as client:
        assert (await client.post(path, body)).status == 503


async def test_a_step_that_is_sampled_again_is_told_apart() -> None:
    async with fronted(MalformedOutput("x", "malformed-header"), ANSWER) as client:
        reply = await client.post(CHAT, STREAM)
    assert reply.said("content") == "It is 20."


async def test_a_silent_stream_says_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "KEEP_ALIVE_SECONDS", 0.01)
    heard = anyio.Event()

    async def thinks(_: object) -> str:
        await heard.wait()
        return "Hello."

    def on_sent(part: bytes) -> None:
        if part == b": alive\n\n":
            heard.set()

    async with fronted(thinks) as client:
        reply = await client.ask("POST", CHAT, [STREAM], on_sent=on_sent)
    assert reply.said("content") == "Hello."


def test_what_came_of_a_broken_step_stands_apart_in_chat() -> None:
    writing = ChatWriting("m")
    writing.text("The be")
    assert list(writing.again()) == []
    writing.text("The begin")
    writing.end(End(Usage(), limited=True))
    [choice] = writing.whole["choices"]
    assert choice["message"]["content"] == "The be\n\nThe begin"
    assert choice["finish_reason"] == "length"


def test_what_came_of_a_broken_step_is_incomplete_in_responses() -> None:
    writing = ResponsesWriting("m", {"instructions": "Be brief."})
    writing.text("The be")
    writing.again()
    writing.step(AssistantMessage("The begin"))
    writing.end(End(Usage(), limited=True))
    said = writing.whole
    assert [item["status"] for item in said["output"]] == ["incomplete", "completed"]
    assert (said["status"], said["instructions"]) == ("incomplete", "Be brief.")
    assert said["incomplete_details"] == {"reason": "max_output_tokens"}


def test_calls_of_a_step_are_items_of_their_own_in_responses() -> None:
    writing = ResponsesWriting("m", {})
    calls = (ToolCall("c1", "a", "{}"), ToolCall("c2", "b", "{}"))
    told = writing.step(AssistantMessage(None, "Hm.", calls))
    items = writing.whole["output"]
    assert [item["type"] for item in items] == ["reasoning", "function_call", "function_call"]
    assert [item.get("call_id") for item in items] == [None, "c1", "c2"]
    done = [each for each in told if each.name == "response.function_call_arguments.done"]
    assert [each.data["output_index"] for each in done if isinstance(each.data, dict)] == [1, 2]


def test_a_response_that_fails_ends_what_was_open() -> None:
    writing = ResponsesWriting("m", {})
    writing.reasoning("Hm.")
    told = writing.fail(Failure(500, "No."))
    assert told[-1].name == "response.failed"
    assert writing.whole["error"] == {"code": "server_error", "message": "No."}
    assert writing.whole["output"][0]["status"] == "incomplete"
