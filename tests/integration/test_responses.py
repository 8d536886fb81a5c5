"""Does a session over the Responses API keep its reasoning, on real servers of both versions?

That its transcripts are those over Chat Completions, message for message, `test_every_way` shows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from msgspec import structs

from tests.integration.test_session import streamed
from tests.rig.scripts import SCRIPTS, analysis, final
from tests.rig.server import VllmServer
from toolrun import (
    Answer,
    AssistantMessage,
    ReasoningDelta,
    ReplayMismatch,
    RequestSent,
    ResponsesModel,
    ServerError,
    ServerToolCalled,
    Session,
    TurnFinished,
    Warned,
    tool,
)
from toolrun.models import responses_body
from toolrun.models.responses import PATH
from toolrun.testing.replay import replay_trace
from toolrun.trace.reader import read_trace
from toolrun.transcript import message_to_openai, reasoning_kept_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.oracle import Oracle
    from toolrun import Event

__all__ = ["streamed"]

INSTRUCTIONS = "Answer in one sentence.\nBe kind: naïve café."
TWO_PREAMBLES = (
    SCRIPTS["preamble"][0],
    SCRIPTS["preamble"][0].replace("before I look", "once more"),  # type: ignore[union-attr]
    SCRIPTS["preamble"][1],
)


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: what is sent and read is the same bytes; a cancellation runs on both."""
    return str(request.param)


@tool(trusted=True)
def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """Say how warm it is."""
    return f"20 {unit} in {city}"


@tool(trusted=True)
def word_count(path: str) -> int:
    """Count the words of a text file."""
    return len(path)


def options(vllm: VllmServer, *harmony: Any, **more: Any) -> Any:
    """Those of a session whose model says these steps; with none, what its messages mark."""
    said = {"vllm_xargs": {"harmony": json.dumps(harmony)}} if harmony else {}
    return {
        "model": vllm.model,
        "base_url": vllm.url,
        "via": "responses",
        "tools": [get_weather, word_count],
        "instructions": INSTRUCTIONS,
        "extra_body": {**said, "return_token_ids": True},
        **more,
    }


async def ask(session: Session, text: str = "Go.", *, streamed: bool = False) -> Answer:
    if not streamed:
        return await session.ask(text)
    answer: Answer | None = None
    async with session.stream(text) as events:
        async for event in events:
            if isinstance(event, TurnFinished):
                answer = event.answer
    assert answer is not None
    return answer


def expected(oracle: Oracle, session: Session, step: AssistantMessage) -> list[int]:
    """The prompt of a step as the oracle renders it, from the transcript before it."""
    messages = session.transcript
    before = messages[: messages.index(step)]
    said = [message_to_openai(message) for message in before]
    for message in said[: reasoning_kept_from(before)]:
        message.pop("reasoning", None)
    opened = session.state.opened
    assert opened is not None
    return oracle.render([{"role": "system", "content": INSTRUCTIONS}, *said], tools=opened.tools)


async def assert_round_trip(oracle: Oracle, session: Session, answer: Answer) -> None:
    """Each prompt has the oracle's number of tokens, and in it the reasoning of each step before.

    The server's own messages of the prompt are what the proof reads; see `responses_proof`.
    """
    for number, step in enumerate(answer.steps):
        assert step.usage.prompt_tokens == len(expected(oracle, session, step))
        for earlier in answer.steps[:number]:
            proof = await session.prove(earlier, step)
            assert proof.found, earlier.reasoning
            assert proof.tokens == len(oracle.encode(earlier.reasoning or ""))


def without_reasoning(form: Any) -> Any:
    """A form of messages that leaves their reasoning out: the mutation."""
    return lambda *given: [(part, thought) for part, thought in form(*given) if not thought]


@pytest.mark.parametrize("script", ["one-call", "preamble", "three-steps", "two-preambles"])
async def test_each_reasoning_of_the_turn_is_in_the_prompt_of_each_later_step(
    vllm: VllmServer, oracle: Oracle, script: str, *, streamed: bool
) -> None:
    said = TWO_PREAMBLES if script == "two-preambles" else SCRIPTS[script]
    async with Session(**options(vllm, *said)) as session:
        answer = await ask(session, streamed=streamed)

        assert len(answer.steps) == len(said)
        await assert_round_trip(oracle, session, answer)


async def test_after_the_next_user_message_the_earlier_reasoning_is_gone(
    vllm: VllmServer, oracle: Oracle, *, streamed: bool
) -> None:
    async with Session(**options(vllm)) as session:
        first = await ask(session, vllm.script("one-call"), streamed=streamed)
        second = await ask(session, vllm.script("three-steps"), streamed=streamed)

        await assert_round_trip(oracle, session, second)
        for step in second.steps:
            for earlier in first.steps:
                assert not (await session.prove(earlier, step)).found


async def test_a_toolrun_that_drops_the_reasoning_is_caught(
    vllm: VllmServer, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation: no message is encoded with its reasoning."""
    monkeypatch.setattr(responses_body, "_items", without_reasoning(responses_body._items))
    async with Session(**options(vllm, *SCRIPTS["one-call"])) as session:
        answer = await ask(session)

        assert answer.status == "finished"  # nothing else would have told
        assert not (await session.prove(*answer.steps)).found
        with pytest.raises(AssertionError):
            await assert_round_trip(oracle, session, answer)


async def test_a_preamble_as_an_item_would_wipe_the_reasoning(
    vllm: VllmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why it goes as a harmony message: this version takes any assistant item for an answer."""
    plain = responses_body._history

    def as_items(request: Any, encoded: Any) -> Any:
        dialect = structs.replace(encoded.dialect, kind="generic", responses_reasoning=None)
        encoded.dialect = dialect
        return plain(request, encoded)

    monkeypatch.setattr(responses_body, "_history", as_items)
    async with Session(**options(vllm, *SCRIPTS["preamble"])) as session:
        answer = await ask(session)

        assert not (await session.prove(*answer.steps)).found


async def test_the_proof_is_of_this_order_alone(vllm32: VllmServer) -> None:
    async with Session(**options(vllm32, *SCRIPTS["one-call"])) as session:
        first, second = (await ask(session)).steps

        assert (await session.prove(first, second)).found
        assert not (await session.prove(second, first)).found


async def test_without_the_messages_of_the_prompt_there_is_no_proof(vllm32: VllmServer) -> None:
    chosen = options(vllm32, *SCRIPTS["one-call"])
    del chosen["extra_body"]["return_token_ids"]
    async with Session(**chosen) as session:
        answer = await ask(session)
        with pytest.raises(ServerError, match="return_token_ids"):
            await session.prove(*answer.steps)


async def test_verification_in_production_works_over_responses(vllm: VllmServer) -> None:
    chosen = options(vllm, *SCRIPTS["three-steps"], verify_reasoning=1.0)
    del chosen["extra_body"]["return_token_ids"]
    told: list[Event] = []
    async with Session(**chosen) as session:
        async with session.stream("Go.") as events:
            told += [event async for event in events]
        assert session._journal.counts["ReasoningProved"] == 3

    assert not [event for event in told if isinstance(event, Warned)]


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_turn_that_is_cancelled_in_mid_stream_can_be_gone_on_from(
    vllm: VllmServer,
) -> None:
    async with Session(**options(vllm)) as session:
        async with session.stream(vllm.script("long-reasoning")) as events:
            async for event in events:
                if isinstance(event, ReasoningDelta):
                    session.cancel()
        answer = await session.ask(vllm.script("final"))

        assert answer.status == "finished"
        statuses = [type(message).__name__ for message in session.transcript]
    assert statuses[0] == "UserMessage"
    assert statuses[-1] == "AssistantMessage"


async def test_what_the_server_calls_by_itself_is_an_event_and_no_call(vllm: VllmServer) -> None:
    """A call of `python`, of which no server of the rig has one: vLLM streams it all the same."""
    python = analysis("I count.") + "<|channel|>analysis to=python code<|message|>1+1<|call|>"
    said = [(python, final("Two."))]
    told: list[Event] = []
    async with Session(**options(vllm, *said)) as session:
        async with session.stream(f"Count, {id(told)}.") as events:
            told += [event async for event in events]
        assert not [m for m in session.transcript if getattr(m, "tool_calls", ())]

    kinds = [(event.kind, event.input) for event in told if isinstance(event, ServerToolCalled)]
    assert kinds[0] == ("code_interpreter_call", "1+1")


@pytest.mark.parametrize("script", ["three-steps", "two-preambles"])
async def test_a_trace_over_responses_happens_again_and_no_other_request_does(
    vllm: VllmServer,
    tmp_path: Path,
    script: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    streamed: bool,
) -> None:
    said = TWO_PREAMBLES if script == "two-preambles" else SCRIPTS[script]
    path = tmp_path / "trace.jsonl"
    async with Session(**options(vllm, *said, trace=path)) as session:
        await ask(session, streamed=streamed)
        transcript = session.transcript
    sent = [event for event in read_trace(path).events if isinstance(event, RequestSent)]
    assert [event.via for event in sent] == ["responses"] * len(said)

    assert (await replay_trace(path)).transcript == transcript
    # A toolrun that leaves the reasoning out makes other requests, and is found out.
    form = "_harmony" if script == "two-preambles" else "_items"
    monkeypatch.setattr(responses_body, form, without_reasoning(getattr(responses_body, form)))
    with pytest.raises(ReplayMismatch):
        await replay_trace(path)


@pytest.fixture(scope="module")
def storing() -> Iterator[VllmServer]:
    """A server that stores responses, and has no parsers: gpt-oss needs none over Responses."""
    store = {"VLLM_ENABLE_RESPONSES_API_STORE": "1"}
    with VllmServer(parsers=False, env=store) as server:
        yield server


def noted(model: ResponsesModel) -> list[dict[str, Any]]:
    """The requests that a model sends to be sampled."""
    sent: list[dict[str, Any]] = []
    post, stream = model.door.post, model.door.stream

    def note(path: str, body: bytes) -> None:
        request = json.loads(body)
        if path == PATH and request.get("max_output_tokens") != 1:  # 1: a proof's
            sent.append(request)

    async def posted(path: str, body: bytes) -> bytes:
        note(path, body)
        return await post(path, body)

    async def streaming(path: str, body: bytes, on_read: Any) -> bool:
        note(path, body)
        return await stream(path, body, on_read)

    model.door.post, model.door.stream = posted, streaming  # type: ignore[method-assign]
    return sent


@pytest.mark.vllm
@pytest.mark.timeout(400, func_only=True)  # its server starts within the first one
@pytest.mark.parametrize("script", ["five-steps", "two-preambles"])
async def test_what_the_server_has_stored_is_followed_and_the_reasoning_is_in_it(
    storing: VllmServer, script: str, *, streamed: bool
) -> None:
    said = TWO_PREAMBLES if script == "two-preambles" else SCRIPTS[script]
    model = ResponsesModel(storing.url, store=True)
    sent = noted(model)
    try:
        async with Session(**options(storing, *said) | {"model": model}) as session:
            first = await ask(session, streamed=streamed)
            second = await ask(session, "And again?", streamed=streamed)
            for answer in (first, second):
                assert answer.status == "finished"
                for number, step in enumerate(answer.steps):
                    for earlier in answer.steps[:number]:
                        assert (await session.prove(earlier, step)).found
            assert not (await session.prove(first.steps[0], second.steps[0])).found
    finally:
        await model.aclose()

    ids = [step.response_id for step in (*first.steps, *second.steps)]
    assert [request.get("previous_response_id") for request in sent] == [None, *ids[:-1]]
    assert [len(request["input"]) for request in sent] == [1] * len(sent)


async def test_a_server_that_stores_nothing_is_noticed(vllm: VllmServer) -> None:
    model = ResponsesModel(vllm.url, store=True)
    sent = noted(model)
    told: list[Event] = []
    try:
        chosen = options(vllm, *SCRIPTS["three-steps"]) | {"model": model}
        async with Session(**chosen) as session, session.stream("Go.") as events:
            told += [event async for event in events]
    finally:
        await model.aclose()

    assert [event.code for event in told if isinstance(event, Warned)] == ["no-response-store"]
    assert [request["store"] for request in sent] == [True, False, False, False]
    assert isinstance(told[-1], TurnFinished)
    assert told[-1].status == "finished"
