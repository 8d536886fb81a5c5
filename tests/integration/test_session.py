"""Does a session do what it says, against real vLLM servers, streamed and not?"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.integration.agent_tools import get_weather, word_count
from toolrun import (
    Answer,
    AssistantMessage,
    ReasoningDelta,
    Retried,
    Runtime,
    Session,
    TextDelta,
    ToolMessage,
    UserMessage,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.server import VllmServer

TOOLS = [word_count, get_weather]


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    for number in range(1, 6):
        (tmp_path / f"{number}.txt").write_text("word " * number)
    (tmp_path / "a.txt").write_text("three little words")
    return tmp_path


def options(vllm: VllmServer, script: str, workspace: Path, **more: Any) -> Any:
    return {
        "model": vllm.model,
        "base_url": vllm.url,
        "tools": TOOLS,
        "workspace": workspace,
        "profile": "workspace-ro",
        "extra_body": {"vllm_xargs": {"script": script}},
        **more,
    }


async def ask(session: Session, text: str, *, streamed: bool) -> Answer:
    if not streamed:
        return await session.ask(text)
    shown: dict[type, str] = {TextDelta: "", ReasoningDelta: ""}
    before = dict(shown)
    async with session.stream(text) as events:
        async for event in events:
            if isinstance(event, TextDelta | ReasoningDelta):
                shown[type(event)] += event.text
            elif isinstance(event, AssistantMessage):
                before = dict(shown)
            elif isinstance(event, Retried):  # what this step has shown is void
                shown = dict(before)
    answer = events.answer
    assert answer is not None
    # What was shown piece by piece is what the messages hold.
    assert shown[TextDelta] == "".join(step.content or "" for step in answer.steps)
    assert shown[ReasoningDelta] == "".join(step.reasoning or "" for step in answer.steps)
    return answer


def outcomes(answer: Answer) -> list[tuple[str, str]]:
    return [(call.name, call.result.outcome) for call in answer.tool_calls if call.result]


def assert_whole(session: Session) -> None:
    """Every call in the transcript has its result, right behind it and in order."""
    messages = session.transcript
    for index, message in enumerate(messages):
        if isinstance(message, AssistantMessage) and message.tool_calls:
            behind = messages[index + 1 : index + 1 + len(message.tool_calls)]
            assert [each.call_id for each in behind if isinstance(each, ToolMessage)] == [
                call.id for call in message.tool_calls
            ]


async def test_one_call_then_the_answer(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    async with Session(**options(vllm, "one-call", workspace)) as session:
        answer = await ask(session, "How warm is Paris?", streamed=streamed)

    assert answer.status == "finished"
    assert answer.text == "It is 20 degrees in Paris."
    assert [step.reasoning for step in answer.steps] == [
        "I need the weather in Paris: get_weather knows.",
        "The tool says how warm it is.",
    ]
    assert outcomes(answer) == [("get_weather", "ok")]
    assert json.loads(answer.tool_calls[0].result.content)["degrees"] == 20  # type: ignore[union-attr]
    assert answer.usage.completion_tokens > 0
    assert_whole(session)


async def test_three_steps_in_a_row(vllm: VllmServer, workspace: Path, *, streamed: bool) -> None:
    async with Session(**options(vllm, "three-steps", workspace)) as session:
        answer = await ask(session, "Go.", streamed=streamed)

    assert outcomes(answer) == [("get_weather", "ok"), ("get_weather", "ok"), ("word_count", "ok")]
    assert [type(each).__name__ for each in session.transcript] == [
        "UserMessage",
        *["AssistantMessage", "ToolMessage"] * 3,
        "AssistantMessage",
    ]
    counted = answer.tool_calls[2].result
    assert counted is not None
    assert counted.content == "3"  # the sandboxed tool read the real file


async def test_a_preamble_stands_beside_its_call(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    async with Session(**options(vllm, "preamble", workspace)) as session:
        answer = await ask(session, "Go.", streamed=streamed)

    first = answer.steps[0]
    assert first.content == "I will look it up."
    assert first.reasoning == "I tell the user before I look."
    assert [call.name for call in first.tool_calls] == ["get_weather"]
    assert answer.text == "It is 20 degrees in Paris."


async def test_invalid_json_goes_back_and_is_corrected(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    async with Session(**options(vllm, "invalid-json", workspace)) as session:
        answer = await ask(session, "Go.", streamed=streamed)

    assert outcomes(answer) == [("get_weather", "invalid"), ("get_weather", "ok")]
    wrong = answer.tool_calls[0]
    assert wrong.arguments == '{"city":"Paris",'  # as the model wrote it
    assert wrong.result is not None
    assert "not valid JSON" in wrong.result.content
    assert answer.text == "It is 20 degrees in Paris."


async def test_arguments_against_the_schema_go_back_with_every_violation(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    async with Session(**options(vllm, "wrong-arguments", workspace)) as session:
        answer = await ask(session, "Go.", streamed=streamed)

    assert outcomes(answer) == [("get_weather", "invalid"), ("get_weather", "ok")]
    wrong = answer.tool_calls[0].result
    assert wrong is not None
    assert '$.city: 7 breaks the rule type; what would fit: "string"' in wrong.content
    assert '$.unit: "K" breaks the rule enum; what would fit: ["C","F"]' in wrong.content


async def test_an_undeclared_tool_is_answered_with_the_names(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    async with Session(**options(vllm, "undeclared-tool", workspace)) as session:
        answer = await ask(session, "Go.", streamed=streamed)

    assert outcomes(answer) == [("launch_rocket", "invalid")]
    told = answer.tool_calls[0].result
    assert told is not None
    assert "word_count, get_weather" in told.content
    assert answer.text == "I can't launch rockets."


async def test_a_cancelled_turn_frees_the_server_and_the_session_goes_on(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    async with Session(**options(vllm, "", workspace, extra_body={})) as session:
        with anyio.fail_after(30):
            if streamed:
                async with session.stream(vllm.script("call-then-long")) as events:
                    async for event in events:
                        if isinstance(event, TextDelta) and session.state.step == 1:
                            session.cancel()
                assert events.answer is not None
                assert events.answer.status == "cancelled"
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(cancel_in_step_two, session)
                    answer = await session.ask(vllm.script("call-then-long"))
                assert answer.status == "cancelled"
        assert await free(vllm)
        assert_whole(session)
        before = len(session.transcript)

        more = await ask(session, vllm.script("three-steps"), streamed=streamed)

    assert more.status == "finished"
    assert len(session.transcript) > before


async def cancel_in_step_two(session: Session) -> None:
    while session.state.step < 1:  # noqa: ASYNC110 - a state without a listener is what is tested
        await anyio.sleep(0.005)
    await anyio.sleep(0.15)  # step two, a long answer, is being sampled
    session.cancel()


async def free(vllm: VllmServer) -> bool:
    """Whether the server runs nothing, within 10 s."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        metrics = await anyio.to_thread.run_sync(vllm.metrics)
        if metrics["vllm:num_requests_running"] == 0:
            return True
        await anyio.sleep(0.1)
    return False


async def test_two_sessions_at_once_keep_apart(vllm: VllmServer, workspace: Path) -> None:
    answers: dict[str, Answer] = {}

    async with Runtime(**options(vllm, "one-call", workspace)) as runtime:

        async def one(script: str) -> None:
            extra = {"vllm_xargs": {"script": script}}
            async with runtime.session(script, extra_body=extra) as session:
                answers[script] = await session.ask("Go.")

        async with anyio.create_task_group() as group:
            group.start_soon(one, "one-call")
            group.start_soon(one, "three-steps")

    assert answers["one-call"].text == "It is 20 degrees in Paris."
    assert answers["three-steps"].text == "Paris, Rome and a.txt are done."
    assert outcomes(answers["one-call"]) == [("get_weather", "ok")]


async def test_a_transcript_in_openai_form_begins_a_session(
    vllm: VllmServer, workspace: Path
) -> None:
    async with Session(**options(vllm, "one-call", workspace)) as session:
        await session.ask("How warm is Paris?")
        kept = session.messages()
    async with Session(**options(vllm, "final", workspace, messages=kept)) as session:
        answer = await session.ask("Thanks.")
        assert session.messages()[: len(kept)] == kept

    assert answer.text == "Hello there, friend!"
    assert isinstance(session.transcript[0], UserMessage)


async def test_a_wrong_model_name_is_answered_with_the_right_ones(vllm: VllmServer) -> None:
    from toolrun import ModelNotFound

    async with Session(model="gpt-oss-20b-typo", base_url=vllm.url) as session:
        with pytest.raises(ModelNotFound, match=vllm.model) as caught:
            await session.ask("Hello?")
    assert caught.value.available == (vllm.model,)
