"""What does each fault of the mock become, streamed and not, and is it reproducible?

The faults of tools' calls (a name, arguments) are none of a message's: the toolbox sees those.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from tests.rig import mock_versions
from tests.rig.mock import PASSING, Call, Step
from tests.rig.mock_versions import Taken, taken
from toolrun import AssistantMessage, ChatModel, MalformedOutput, Request, ServerError
from toolrun.events import UserMessage
from toolrun.models import faults

if TYPE_CHECKING:
    from tests.rig.mock import MockServer

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
STEP = Step("Need the weather.", "I look.", (Call("get_weather", '{"city":"Paris"}'),))
BOTH = {
    "http_408": "http-408",
    "http_425": "http-425",
    "http_429": "http-429",
    "http_500": "http-500",
    "http_502": "http-502",
    "http_503": "http-503",
    "http_504": "http-504",
    "header_500": "malformed-header",
    "header_200": "malformed-header",
    "malformed_header": "analysis-only",
    "html": "malformed-reply",
    "gzip_garbage": "malformed-reply",
    "empty_body": "malformed-reply",
    "truncated_json": "malformed-reply",
    "closed_early": "broken-stream",
    "closed_midway": "broken-stream",
    "cut": "broken-stream",
    "sse_error": "malformed-header",
    "sse_503": "http-503",
    "nothing_said": "nothing-said",
    "null_content": "analysis-only",
    "analysis_only": "analysis-only",
    "markup_in_content": "markup",
    "huge_arguments": "call-too-long",
    "many_calls": "too-many-calls",
    "aborted": "broken-stream",
    "name_with_channel": None,
    "name_with_namespace": None,
    "hidden_truncation": None,
    "duplicate_ids": None,
    "unknown_tool": None,
    "invalid_json": None,
    "deep_json": None,
    "after_done": None,
    "merged_calls": None,
}
STREAMED = {
    "garbled_calls": "garbled-call",
    "lost_calls": "garbled-call",
    "no_finish": "broken-stream",
    "empty_body": "broken-stream",
}

# httpx leaves its own generators half read where a body cannot be decompressed.
pytestmark = pytest.mark.filterwarnings("ignore:.*PoolByteStream")


async def code_of(model: ChatModel, request: Request) -> str | None:
    try:
        faults.check(await model.sample(request))
    except ServerError as error:
        return error.code
    return None


def asked(mock: MockServer, text: str = "How warm?", **more: Any) -> Request:
    return Request(model=mock.model, messages=[UserMessage(text)], tools=[TOOL], **more)


def test_every_fault_is_in_the_table() -> None:
    assert BOTH.keys() | STREAMED.keys() == set(PASSING)


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
@pytest.mark.parametrize("fault", sorted(BOTH.keys() | STREAMED.keys()))
async def test_each_fault_has_its_code(mock: MockServer, fault: Any, *, stream: bool) -> None:
    mock.script(structs.replace(STEP, fault=fault))
    model = ChatModel(mock.url)
    expected = STREAMED.get(fault, BOTH.get(fault)) if stream else BOTH.get(fault)
    try:
        assert await code_of(model, asked(mock, stream=stream)) == expected
    finally:
        await model.aclose()


async def test_what_only_streams_garble_is_right_unstreamed(mock: MockServer) -> None:
    model = ChatModel(mock.url)
    for fault in ("garbled_calls", "lost_calls", "merged_calls", "no_finish"):
        mock.script(structs.replace(STEP, fault=fault))
        message = await model.sample(asked(mock, stream=True, unstreamed=True))
        assert [call.arguments for call in message.tool_calls] == ['{"city":"Paris"}']
    await model.aclose()


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
async def test_a_server_without_a_tool_parser_is_found_at_its_second_lost_call(
    mock: MockServer, *, stream: bool
) -> None:
    mock.script(STEP)
    mock.settings(tool_parser=False)
    model = ChatModel(mock.url)
    with pytest.raises(MalformedOutput, match="--enable-auto-tool-choice") as first:
        await model.sample(asked(mock, stream=stream))
    with pytest.raises(MalformedOutput, match="--tool-call-parser openai") as second:
        await model.sample(asked(mock, stream=stream, unstreamed=True))
    await model.aclose()

    assert (first.value.code, second.value.code) == ("garbled-call", "no-tool-parser")


async def test_a_server_that_gave_a_call_has_a_tool_parser(mock: MockServer) -> None:
    mock.script(STEP)
    model = ChatModel(mock.url)
    assert (await model.sample(asked(mock))).tool_calls
    mock.script(structs.replace(STEP, fault="no_tool_parser"))
    assert [await code_of(model, asked(mock)) for _ in range(3)] == ["garbled-call"] * 3
    await model.aclose()


async def test_a_call_without_tools_says_nothing_about_the_server(mock: MockServer) -> None:
    mock.script(structs.replace(STEP, fault="no_tool_parser"))
    model = ChatModel(mock.url)
    bare = structs.replace(asked(mock), tools=())
    formed = asked(mock, response_format={"type": "json_object"})
    assert [await code_of(model, each) for each in (bare, formed) * 2] == ["garbled-call"] * 4
    await model.aclose()


@pytest.mark.parametrize("version", ["0.10.1", "0.28.0", "0.32.0"])
async def test_malformed_headers_by_version(mock: MockServer, version: str) -> None:
    mock.script(structs.replace(STEP, fault="malformed_header"))
    mock.settings(version=version)
    model = ChatModel(mock.url)
    newer = "analysis-only" if version == "0.32.0" else "malformed-header"
    assert await code_of(model, asked(mock, stream=True)) == newer
    await model.aclose()


async def outcomes(mock: MockServer, order: range, seed: int) -> dict[str, list[str | None]]:
    """What 40 sessions of 5 attempts each meet, all at once, begun in this order."""
    mock.reset()
    mock.script(STEP)
    mock.settings(seed=seed, fault_rate=0.3)
    model = ChatModel(mock.url)
    met: dict[str, list[str | None]] = {}

    async def attempts(name: str) -> None:
        request = asked(mock, name, stream=int(name) % 2 == 0)
        met[name] = [await code_of(model, request) for _ in range(5)]

    async with anyio.create_task_group() as group:
        for number in order:
            group.start_soon(attempts, str(number))
    await model.aclose()
    return met


async def test_faults_by_chance_follow_from_the_seed_alone(mock: MockServer) -> None:
    first = await outcomes(mock, range(40), 7)

    assert await outcomes(mock, range(39, -1, -1), 7) == first
    assert await outcomes(mock, range(40), 8) != first
    drawn = [code for codes in first.values() for code in codes]
    assert 0.1 < sum(code is not None for code in drawn) / len(drawn) < 0.35
    assert len(set(drawn)) > 8


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
async def test_the_same_request_gets_the_same_bytes_of_a_seed(
    mock: MockServer, *, stream: bool
) -> None:
    mock.script(STEP)
    model = ChatModel(mock.url)

    async def sampled(text: str, seed: int | None) -> AssistantMessage:
        mock.settings(seed=seed)
        return await model.sample(asked(mock, text, stream=stream))

    one = await sampled("a", 1)
    assert await sampled("a", 1) == one
    for other in (await sampled("b", 1), await sampled("a", 2), await sampled("a", None)):
        assert other.tool_calls[0].id != one.tool_calls[0].id
        assert other.response_id != one.response_id
    await model.aclose()


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("version", "fields", "either", "name"),
    [
        ("0.10.2", "reasoning_content", "none", "given"),
        ("0.11.0", "reasoning_content", "none", "given"),
        ("0.12.0", "both", "none", "given"),
        ("0.13.0", "both", "either", "f"),
        ("0.15.1", "both", "either", "f"),
        ("0.16.0", "reasoning", "reasoning", "f"),
        ("0.21.0", "reasoning", "reasoning", "f"),
        ("0.22.0", "reasoning", "either", "f"),
        ("0.33.0", "reasoning", "either", "f"),
    ],
)
async def test_the_contract_of_each_version(
    mock: MockServer, version: str, fields: str, either: str, name: str
) -> None:
    mock.script(STEP)
    mock.settings(version=version)
    model = ChatModel(mock.url)
    message = await model.sample(asked(mock))
    await model.aclose()
    assert message.reasoning == "Need the weather."
    assert message.tool_calls
    assert mock_versions.reasoning_fields(version) == fields
    said = [
        {"role": "assistant", "tool_calls": [CALL], "reasoning": "r"},
        {"role": "assistant", "content": "x", "reasoning_content": "c"},
        {"role": "tool", "tool_call_id": "a", "name": "given", "content": "1"},
    ]
    seen = taken(version, json.loads(json.dumps(said)))

    assert seen == [
        Taken("assistant", None if either == "none" else "r"),
        Taken("assistant", "c" if either == "either" else None),
        Taken("tool", None, name),
    ]


async def test_the_first_vllm_with_gpt_oss_has_no_calls(mock: MockServer) -> None:
    mock.script(STEP)
    mock.settings(version="0.10.1.1")
    model = ChatModel(mock.url)
    codes = [await code_of(model, asked(mock)) for _ in range(2)]
    await model.aclose()

    assert codes == ["garbled-call", "no-tool-parser"]
