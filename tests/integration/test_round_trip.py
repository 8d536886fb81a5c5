"""Does the reasoning survive, token for token, in the prompt that the next step was sampled from?

`prompt_token_ids` are the server's own; the oracle renders the same conversation with that server's
harmony library, independently of toolrun and of vLLM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_session import ask, options, streamed, workspace
from toolrun import Answer, AssistantMessage, Session, ToolrunError
from toolrun.models import chat_body
from toolrun.models.proof import find_analysis
from toolrun.transcript import message_to_openai, reasoning_kept_from

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.oracle import Oracle
    from tests.rig.server import VllmServer

__all__ = ["streamed", "workspace"]

INSTRUCTIONS = "Answer in one sentence.\nBe kind: naïve café."


def traced(vllm: VllmServer, script: str, workspace: Path) -> Any:
    chosen = options(vllm, script, workspace, instructions=INSTRUCTIONS)
    chosen["extra_body"]["return_token_ids"] = True
    return chosen


def expected(oracle: Oracle, session: Session, step: AssistantMessage) -> list[int]:
    """The prompt of a step as the oracle renders it, from the transcript before it."""
    messages = session.transcript
    before = messages[: messages.index(step)]
    kept = reasoning_kept_from(before)
    said = [message_to_openai(message) for message in before]
    for message in said[:kept]:
        message.pop("reasoning", None)
    head = [{"role": "system", "content": INSTRUCTIONS}]
    opened = session.state.opened
    assert opened is not None
    return oracle.render([*head, *said], tools=opened.tools)


def assert_round_trip(oracle: Oracle, session: Session, answer: Answer) -> None:
    for number, step in enumerate(answer.steps):
        assert step.prompt_token_ids is not None
        prompt = list(step.prompt_token_ids)
        wanted = expected(oracle, session, step)
        assert oracle.decode(prompt) == oracle.decode(wanted)  # a diff that people can read
        assert prompt == wanted
        position = -1
        for earlier in answer.steps[:number]:
            assert earlier.reasoning
            found = find_analysis(prompt, oracle.encode(earlier.reasoning))
            assert found > position, f"step {number}: {earlier.reasoning!r} is not in its place"
            position = found


@pytest.mark.parametrize("script", ["one-call", "preamble", "three-steps", "five-steps"])
async def test_each_reasoning_of_the_turn_is_in_the_prompt_of_each_later_step(
    vllm: VllmServer, oracle: Oracle, workspace: Path, script: str, *, streamed: bool
) -> None:
    async with Session(**traced(vllm, script, workspace)) as session:
        answer = await ask(session, "Go.", streamed=streamed)

        assert len(answer.steps) >= 2
        assert_round_trip(oracle, session, answer)


async def test_after_the_next_user_message_the_earlier_reasoning_is_gone(
    vllm: VllmServer, oracle: Oracle, workspace: Path, *, streamed: bool
) -> None:
    chosen = traced(vllm, "", workspace) | {"extra_body": {"return_token_ids": True}}
    async with Session(**chosen) as session:
        first = await ask(session, vllm.script("one-call"), streamed=streamed)
        second = await ask(session, vllm.script("three-steps"), streamed=streamed)

        assert_round_trip(oracle, session, second)
    for step in second.steps:
        for earlier in first.steps:
            assert earlier.reasoning
            assert step.prompt_token_ids is not None
            assert find_analysis(step.prompt_token_ids, oracle.encode(earlier.reasoning)) == -1


async def test_a_toolrun_that_drops_the_reasoning_is_caught(
    vllm: VllmServer, oracle: Oracle, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation: bodies are made of the messages without their reasoning."""
    plain = chat_body._message
    monkeypatch.setattr(
        chat_body, "_message", lambda message, dialect: (plain(message, dialect)[0],) * 2
    )
    async with Session(**traced(vllm, "one-call", workspace)) as session:
        answer = await session.ask("Go.")

        assert answer.status == "finished"  # nothing else would have told
        with pytest.raises(AssertionError):
            assert_round_trip(oracle, session, answer)


async def test_the_proof_for_users_agrees(vllm: VllmServer, workspace: Path) -> None:
    async with Session(**traced(vllm, "one-call", workspace)) as session:
        answer = await session.ask("Go.")
        first, second = answer.steps
        proof = await session.prove(first, second)
        backwards = await session.prove(second, first)

    assert proof.found
    assert "<|channel|>analysis<|message|>I need the weather in Paris" in proof.excerpt
    assert not backwards.found


async def test_without_token_ids_there_is_no_proof(vllm32: VllmServer, workspace: Path) -> None:
    async with Session(**options(vllm32, "one-call", workspace)) as session:
        answer = await session.ask("Go.")
        with pytest.raises(ToolrunError, match="return_token_ids"):
            await session.prove(*answer.steps)
