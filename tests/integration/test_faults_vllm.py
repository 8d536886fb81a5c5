"""Does a session bear what real vLLM servers do wrong, and does it say what it did about it?

The table of all faults is test_fault_table's; here is what a table cannot tell.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.integration.test_fault_table import anyio_backend, ask
from tests.integration.test_faults import get_weather, heard, streamed
from tests.integration.test_session import assert_whole, free
from tests.rig.fault_cases import ANSWER, CALL, END, question
from tests.rig.scripts import analysis, call, final, final_json
from toolrun import (
    MalformedOutput,
    RequestSent,
    Retries,
    Runtime,
    Sampling,
    ServerStatus,
    Session,
    TextDelta,
    Warned,
)
from toolrun.models import chat_body
from toolrun.step import NUDGE
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from tests.rig.heard import Listener
    from tests.rig.oracle import Oracle
    from tests.rig.server import VllmServer

__all__ = ["anyio_backend", "heard", "streamed"]

# Has the steps after it counted, also where toolrun adds a user message of its own.
HERE = "[[script:inline]]"
MALFORMED = "<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Oops<|return|>"
THOUGHT = "<|channel|>analysis<|message|>I only think.<|return|>"
LEAKED = "<|channel|>final<|message|>So:<|channel|>final<|message|>It is warm.<|return|>"
SOON = Retries(first_wait=0.01)


@dataclass
class Weather:
    city: str
    degrees: int


def options(vllm: VllmServer, *texts: str | list[str], **more: Any) -> dict[str, Any]:
    extra = {"vllm_xargs": {"harmony": json.dumps(texts)}, "return_token_ids": True}
    return {
        "model": vllm.model,
        "base_url": vllm.url,
        "tools": [get_weather],
        "retries": SOON,
        "extra_body": extra,
        **more,
    }


async def test_a_malformed_header_appends_nothing(
    vllm: VllmServer, oracle: Oracle, heard: Listener, *, streamed: bool
) -> None:
    async with Session(**options(vllm, CALL, [MALFORMED, MALFORMED, END])) as session:
        session._journal.add(heard)
        answer = await ask(session, question(), streamed=streamed)
        said = [message_to_openai(each) for each in session.transcript]
        assert session.state.opened is not None
        tools = session.state.opened.tools

    assert answer.text == ANSWER
    first, *again = [each.digest for each in heard.events if isinstance(each, RequestSent)]
    assert again == [again[0]] * 3 != [first] * 3  # to the byte
    # What the answer was sampled from, token for token.
    sampled_from = answer.steps[-1].prompt_token_ids
    assert sampled_from is not None
    assert list(sampled_from) == oracle.render(said[:-1], tools=tools)


@pytest.mark.parametrize("text", [MALFORMED, THOUGHT, LEAKED], ids=["header", "thought", "markup"])
async def test_what_never_recovers_ends_in_a_named_error_and_the_session_goes_on(
    vllm: VllmServer, heard: Listener, text: str, *, streamed: bool
) -> None:
    async with Session(**options(vllm, [text] * 4 + [END])) as session:
        session._journal.add(heard)
        with pytest.raises((MalformedOutput, ServerStatus)) as caught:
            await ask(session, question(), streamed=streamed)

        assert {each.code for each in heard.retried} == {caught.value.code}
        assert caught.value.code in ("malformed-header", "analysis-only", "markup")
        assert heard.durable == ["UserMessage", "TurnFinished"]
        assert (await session.go_on()).text == ANSWER
        assert [type(each).__name__ for each in session.transcript] == [
            "UserMessage",
            "AssistantMessage",
        ]


async def test_the_nudge_is_in_the_last_prompt_alone(
    vllm: VllmServer, oracle: Oracle, heard: Listener, *, streamed: bool
) -> None:
    async with Session(**options(vllm, THOUGHT, END)) as session:
        session._journal.add(heard)
        answer = await ask(session, f"{question()} {HERE}", streamed=streamed)
        more = await ask(session, "Thanks.", streamed=streamed)

    assert [each.code for each in heard.retried] == ["analysis-only"] * 3
    assert (answer.text, more.text) == (ANSWER, ANSWER)
    nudge = oracle.encode(f"<|start|>user<|message|>{NUDGE}<|end|><|start|>assistant")
    nudged, later = answer.steps[0].prompt_token_ids, more.steps[0].prompt_token_ids
    assert nudged is not None
    assert later is not None
    assert list(nudged[-len(nudge) :]) == nudge
    assert NUDGE not in oracle.decode(later)
    assert len(session.transcript) == 4


async def test_a_cut_off_step_ends_the_turn_as_limited(
    vllm: VllmServer, heard: Listener, *, streamed: bool
) -> None:
    """In the reasoning, in the call's header at several places, and in its arguments."""
    for tokens in (3, 9, 12, 15, 18):
        limited = options(vllm, CALL, END, sampling=Sampling(max_tokens=tokens))
        async with Session(**limited) as session:
            session._journal.add(heard)
            answer = await ask(session, question(), streamed=streamed)
            assert answer.status == "limited", tokens
            assert answer.tool_calls == ()
            assert_whole(session)
    assert heard.retried == []


async def test_a_client_that_goes_away_frees_the_server_and_the_session_goes_on(
    vllm: VllmServer, *, streamed: bool
) -> None:
    endless = final(" ".join(f"{number} and so on." for number in range(1200)))
    async with Session(**options(vllm, endless, END)) as session:
        began = time.monotonic()
        if streamed:
            async with session.stream(f"{question()} {HERE}") as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        break
        else:
            with anyio.move_on_after(0.5) as waiting:
                await session.ask(f"{question()} {HERE}")
            assert waiting.cancelled_caught
        assert await free(vllm)  # its 6,000 tokens would take longer
        took = time.monotonic() - began
        answer = await session.ask("Shorter, please.")

    assert answer.text == ANSWER
    assert took < 15


async def test_an_answer_of_a_type_after_tools(vllm: VllmServer, heard: Listener) -> None:
    fits = final('{"city": "Paris", "degrees": 20}')
    async with Session(**options(vllm, CALL, fits)) as session:
        session._journal.add(heard)
        answer = await session.ask(f"{question()} {HERE}", output=Weather)

    assert answer.output == Weather("Paris", 20)
    assert [len(step.tool_calls) for step in answer.steps] == [1, 0]


async def test_an_answer_that_does_not_fit_is_said_again_by_the_servers_grammar(
    vllm: VllmServer, oracle: Oracle, heard: Listener, *, streamed: bool
) -> None:
    fits = analysis("As JSON, then.") + final_json('{"city": "Paris", "degrees": 20}')
    async with Session(**options(vllm, CALL, END, fits)) as session:
        text = f"{question()} {HERE}"
        answer = await ask(session, text, streamed=streamed, output=Weather)

    assert answer.output == Weather("Paris", 20)
    assert [step.content for step in answer.steps] == [
        None,
        ANSWER,
        '{"city": "Paris", "degrees": 20}',
    ]
    *_, before, last = (oracle.decode(step.prompt_token_ids or ()) for step in answer.steps)
    assert "namespace functions" in before
    assert "namespace functions" not in last  # no tools beside a response_format
    assert "Give your answer as one JSON value" in last


async def test_the_grammar_lets_nothing_else_through(vllm: VllmServer, heard: Listener) -> None:
    """What structured output refuses ends the request: the scripted model is no match for it."""
    wrong = final_json('{"city": "Paris", "degrees": "warm"}')
    async with Session(**options(vllm, CALL, END, wrong)) as session:
        session._journal.add(heard)
        with pytest.raises(ServerStatus, match="500"):
            await session.ask(f"{question()} {HERE}", output=Weather)
        assert [each.code for each in heard.retried] == ["http-500"] * 3
    async with Session(**options(vllm, CALL, wrong)) as session:
        answer = await session.ask(f"{question()} {HERE}")

    assert answer.text == '{"city": "Paris", "degrees": "warm"}'  # without one it passes


async def test_every_step_is_proved_where_that_is_asked_for(
    vllm: VllmServer, heard: Listener, *, streamed: bool
) -> None:
    again = analysis("And Rome.") + call("get_weather", '{"city":"Rome"}')
    chosen = options(vllm, CALL, again, END, verify_reasoning=1.0)
    del chosen["extra_body"]["return_token_ids"]
    async with Runtime(**chosen) as runtime, runtime.session() as session:
        session._journal.add(heard)
        answer = await ask(session, question(), streamed=streamed)

        assert runtime.counts["ReasoningProved"] == 2
        assert runtime.counts["ReasoningDropped"] == 0
    assert [each for each in heard.events if isinstance(each, Warned)] == []
    assert [step.prompt_token_ids for step in answer.steps] == [None] * 3


async def test_reasoning_that_is_dropped_is_warned_of(
    vllm: VllmServer, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation: bodies are made of the messages without their reasoning."""
    plain = chat_body._message
    monkeypatch.setattr(
        chat_body, "_message", lambda message, dialect: (plain(message, dialect)[0],) * 2
    )
    async with Runtime(**options(vllm, CALL, END, verify_reasoning=1.0)) as runtime:
        async with runtime.session() as session:
            session._journal.add(heard)
            answer = await session.ask(question())
        assert runtime.counts["ReasoningDropped"] == 1

    assert answer.text == ANSWER
    assert [each.code for each in heard.events if isinstance(each, Warned)] == ["reasoning-dropped"]
