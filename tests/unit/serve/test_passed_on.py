"""What does a client that runs its own tools get of a reply, and what does the server behind?"""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from tests.unit.serve.asking import (
    CALL,
    CHAT,
    HI,
    RESPONSES,
    TOOL,
    USED,
    Behind,
    fronted,
    pieces,
    whole,
)
from toolrun import ServerUnreachable
from toolrun.serve import passing

ASKED: dict[str, Any] = {"messages": HI, "tools": [TOOL]}
STREAM: dict[str, Any] = ASKED | {"stream": True}
RESPONSE: dict[str, Any] = {"input": "Hi.", "tools": [{"type": "function", **TOOL["function"]}]}
CALLED = whole({"content": None, "reasoning": "I need it.", "tool_calls": [CALL]}, "tool_calls")
CALLING = pieces(
    {"role": "assistant", "reasoning": "I need"},
    {"reasoning": " it."},
    {"tool_calls": [CALL | {"function": {"name": "get_weather", "arguments": '{"city"'}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": ': "Paris"}'}}]},
    finish="tool_calls",
)
ANSWER = whole({"content": "It is 20.", "reasoning": "Now I know."})
ANSWERING = pieces({"reasoning": "Now I know."}, {"content": "It is"}, {"content": " 20."})


async def test_the_reasoning_of_a_call_goes_back_with_its_result() -> None:
    behind = Behind(CALLED, ANSWER)
    async with fronted(behind=behind) as client:
        message = (await client.post(CHAT, ASKED)).json["choices"][0]["message"]
        [call] = message["tool_calls"]
        assert call["id"] != "theirs-1"  # another key's call may have the same one
        told = {"role": "tool", "tool_call_id": call["id"], "content": "20"}
        said = {"role": "assistant", "tool_calls": [call]}
        # A result is the client's, with tools beside it or without.
        reply = await client.post(CHAT, {"messages": [*HI, said, told]})
        page = (await client.get("/metrics")).body.decode()
    assert reply.json["choices"][0]["message"]["content"] == "It is 20."
    assert behind.bodies[1]["messages"][1]["reasoning"] == "I need it."
    for outcome in ("remembered", "back"):
        assert f'reasoning_steps_total{{outcome="{outcome}"}} 1' in page
    assert 'reasoning_steps_total{outcome="missing"} 0' in page
    assert 'tokens_total{key="anyone",kind="prompt"} 14' in page
    assert "toolrun_reasoning_kept 1" in page


async def test_a_call_that_comes_in_pieces_is_one_and_kept_whole() -> None:
    behind = Behind(CALLING, ANSWERING)
    async with fronted(behind=behind) as client:
        reply = await client.post(CHAT, STREAM)
        parts = [c["delta"].get("tool_calls") for e in reply.events[:-1] for c in e["choices"]]
        first, second = [each[0] for each in parts if each]
        assert "id" not in second
        call = {"id": first["id"], "type": "function"} | {"function": CALL["function"]}
        told = {"role": "tool", "tool_call_id": call["id"], "content": "20"}
        said = {"role": "assistant", "tool_calls": [call]}
        answer = await client.post(CHAT, STREAM | {"messages": [*HI, said, told]})
    assert answer.said("content") == "It is 20."
    assert behind.bodies[1]["messages"][1]["reasoning"] == "I need it."
    assert reply.events[-1] == "[DONE]"
    # The server is asked for the usage, which a client that did not ask for it does not see.
    assert behind.bodies[0]["stream_options"] == {"include_usage": True}
    assert all("usage" not in each for each in reply.events[:-1])


async def test_who_asks_for_the_usage_gets_it() -> None:
    async with fronted(behind=Behind(ANSWERING)) as client:
        more = {"stream_options": {"include_usage": True}}
        reply = await client.post(CHAT, STREAM | more)
    assert reply.events[-2]["usage"] == USED


@pytest.mark.parametrize("stream", [False, True])
async def test_who_wants_no_reasoning_gets_none(*, stream: bool) -> None:
    behind = Behind(CALLING if stream else CALLED)
    async with fronted(behind=behind) as client:
        body = ASKED | {"stream": stream, "include_reasoning": False}
        reply = await client.post(CHAT, body)
    assert "include_reasoning" not in behind.bodies[0]
    assert b"I need" not in reply.body
    assert b"get_weather" in reply.body


async def test_two_calls_of_one_index_are_two() -> None:
    """vLLM's parsers have given several calls the index 0."""
    other = CALL | {"id": "theirs-2"}
    behind = Behind(pieces({"tool_calls": [CALL]}, {"tool_calls": [other]}, finish="tool_calls"))
    async with fronted(behind=behind) as client:
        reply = await client.post(CHAT, STREAM)
    made = [c["delta"].get("tool_calls") for e in reply.events[:-1] for c in e["choices"]]
    assert len({each[0]["id"] for each in made if each}) == 2


async def test_pieces_that_repeat_the_id_get_the_same_one() -> None:
    behind = Behind(pieces({"tool_calls": [CALL]}, {"tool_calls": [CALL]}, finish="tool_calls"))
    async with fronted(behind=behind) as client:
        reply = await client.post(CHAT, STREAM)
    made = [c["delta"].get("tool_calls") for e in reply.events[:-1] for c in e["choices"]]
    ids = [each[0]["id"] for each in made if each]
    assert ids[0] == ids[1] != "theirs-1"


async def test_what_has_no_form_that_is_known_passes_as_it_is() -> None:
    odd: list[Any] = [[1], {"choices": ["x"]}, {"choices": [{"delta": "x"}]}]
    odd.append({"choices": [{"delta": {"tool_calls": ["x"]}}]})
    odd.append({"choices": 1})
    async with fronted(behind=Behind([*odd, *ANSWERING])) as client:
        reply = await client.post(CHAT, STREAM)
    assert reply.events[: len(odd)] == odd
    assert reply.events[-1] == "[DONE]"


@pytest.mark.parametrize("stream", [False, True])
async def test_responses_of_a_client_with_tools_of_its_own(*, stream: bool) -> None:
    async with fronted(behind=Behind(CALLING if stream else CALLED)) as client:
        reply = await client.post(RESPONSES, RESPONSE | {"stream": stream})
    response = reply.events[-1]["response"] if stream else reply.json
    thought, call = response["output"]
    assert thought["content"][0]["text"] == "I need it."
    assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Paris"}')
    assert response["status"] == "completed"
    assert response["usage"]["total_tokens"] == 10


async def test_a_response_comes_as_the_server_says_it() -> None:
    async with fronted(behind=Behind(ANSWERING)) as client:
        events = (await client.post(RESPONSES, RESPONSE | {"stream": True})).events
    kinds = [each["type"] for each in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    deltas = [each["delta"] for each in events if each["type"] == "response.output_text.delta"]
    assert deltas == ["It is", " 20."]
    assert kinds.count("response.reasoning_text.delta") == 1


async def test_a_response_that_was_cut_off_is_incomplete() -> None:
    async with fronted(behind=Behind(whole({"content": "It"}, "length"))) as client:
        response = (await client.post(RESPONSES, RESPONSE)).json
    assert response["status"] == "incomplete"


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_silent_server_s_stream_says_that_it_is_alive(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "KEEP_ALIVE_SECONDS", 0.01)
    heard = anyio.Event()

    def on_sent(part: bytes) -> None:
        if part == b": alive\n\n":
            heard.set()

    async with fronted(behind=Behind([heard.wait, *ANSWERING])) as client:
        body = STREAM if path == CHAT else RESPONSE | {"stream": True}
        reply = await client.ask("POST", path, [body], on_sent=on_sent)
    assert b" 20." in reply.body


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_server_that_fails_in_mid_stream_fails_there(path: str) -> None:
    error = {"error": {"message": "engine died", "code": 500}}
    async with fronted(behind=Behind([ANSWERING[1], error])) as client:
        reply = await client.post(path, STREAM if path == CHAT else RESPONSE | {"stream": True})
    assert reply.status == 200
    if path == CHAT:
        assert reply.events[-2]["error"]["type"] == "server_error"
        assert reply.events[-1] == "[DONE]"
    else:
        assert reply.events[-1]["type"] == "response.failed"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"<html>no stream</html>", "malformed-reply"),
        ([b"{"], "malformed-reply"),
        (ServerUnreachable("gone"), "unreachable"),
    ],
)
async def test_what_is_no_stream_is_told_with_a_status(reply: Any, code: str) -> None:
    async with fronted(behind=Behind(reply)) as client:
        told = await client.post(CHAT, STREAM)
    assert told.status in (502, 503)
    assert told.error["code"] == code


async def test_a_stream_without_an_end_of_its_own_is_broken() -> None:
    async with fronted(behind=Behind(pieces({"content": "It"}, finish=None))) as client:
        reply = await client.post(CHAT, STREAM)
    assert reply.events[-2]["error"]["code"] == "broken-stream"


@pytest.mark.parametrize("last", [b"data: [DONE]", b""])
async def test_the_last_event_counts_without_the_line_that_ends_it(last: bytes) -> None:
    """Some gateways cut the last line end off."""
    events = [b"data: " + msgspec.json.encode(each) for each in ANSWERING[:-1]]
    data = b"\n\n".join([*events, last] if last else events)
    async with fronted(behind=Behind(data)) as client:
        reply = await client.post(CHAT, STREAM)
    assert reply.said("content") == "It is 20."
    assert reply.events[-1] == "[DONE]"


async def test_a_whole_reply_that_is_none_is_a_failure_of_the_server() -> None:
    async with fronted(behind=Behind(b"<html>")) as client:
        reply = await client.post(CHAT, ASKED)
    assert (reply.status, reply.error["code"]) == (502, "malformed-reply")


@pytest.mark.parametrize("messages", [None, [], "Hi.", ["Hi."], [*HI, 1]])
async def test_without_messages_nothing_is_asked(messages: Any) -> None:
    async with fronted() as client:
        reply = await client.post(CHAT, ASKED | {"messages": messages})
    assert reply.status == 400
    assert reply.error["param"].startswith("messages")


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_the_name_of_a_model_is_a_text(path: str) -> None:
    async with fronted("Hello.") as client:
        body = {"messages": HI} if path == CHAT else {"input": "Hi."}
        reply = await client.post(path, body | {"model": 1})
    assert reply.status == 400
    assert reply.error["param"] == "model"


async def test_what_steers_the_server_is_kept_back() -> None:
    async with fronted() as client:
        reply = await client.post(CHAT, ASKED | {"priority": -1})
    assert (reply.status, reply.error["param"]) == (400, "priority")


async def test_options_of_a_stream_that_are_none_do_no_harm() -> None:
    behind = Behind(ANSWERING)
    async with fronted(behind=behind) as client:
        await client.post(CHAT, STREAM | {"stream_options": "x"})
    assert behind.bodies[0]["stream_options"] == {"include_usage": True}


async def test_a_conversation_goes_to_another_server_where_its_own_is_gone() -> None:
    """Whichever of the two it is."""
    for gone in (0, 1):
        servers = [Behind(ANSWER, url=f"http://127.0.0.1:{n}/v1") for n in (1, 2)]
        servers[gone] = Behind(ServerUnreachable("x"), url=servers[gone].base_url)
        async with fronted(behind=servers) as client:
            reply = await client.post(CHAT, ASKED)
        assert reply.json["choices"][0]["message"]["content"] == "It is 20."
        assert len(servers[1 - gone].bodies) == 1


async def test_a_conversation_goes_to_the_same_server_each_time() -> None:
    servers = [Behind(ANSWER, ANSWER, url=f"http://127.0.0.1:{n}/v1") for n in (1, 2)]
    system = {"role": "system", "content": "Be brief."}
    more = [{"role": "assistant", "content": "It is 20."}, {"role": "user", "content": "And?"}]
    async with fronted(behind=servers) as client:
        await client.post(CHAT, ASKED | {"messages": [system, *HI]})
        await client.post(CHAT, ASKED | {"messages": [system, *HI, *more]})
    assert sorted(len(each.bodies) for each in servers) == [0, 2]
