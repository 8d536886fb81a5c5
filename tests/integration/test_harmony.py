"""Is direct sampling exact to the token, by what real servers themselves say of their prompts?

Their replies echo the ids that they sampled from; nothing of toolrun's is believed. The transcripts
are compared with those of the other ways in `test_every_way.py`.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_session import TOOLS, ask, assert_whole, outcomes, streamed, workspace
from tests.rig.scripts import analysis, call, final
from toolrun import (
    AssistantMessage,
    CompletionsSampler,
    ContextTooLong,
    HarmonyModel,
    Limits,
    ModelNotFound,
    Retried,
    Sampling,
    Session,
    UserMessage,
)
from toolrun.models.door import Door
from toolrun.models.proof import find_analysis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.rig.oracle import Oracle
    from tests.rig.server import VllmServer

__all__ = ["streamed", "workspace"]

CITIES = [f"City {number}" for number in range(1, 30)]
THIRTY = [
    analysis(f"Now {city}: naïve café 🧑‍🚀.")
    + call("get_weather", json.dumps({"city": city, "unit": "C"}, indent=number % 3 or None))
    for number, city in enumerate(CITIES)
]


class Echo(Door):
    """A door that keeps what the server says it sampled from, and what it sampled."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.steps: list[tuple[list[int], list[int]]] = []

    async def post(self, path: str, body: bytes) -> bytes:
        reply = await super().post(path, body)
        choice = json.loads(reply)["choices"][0]
        self.steps.append((choice["prompt_token_ids"], choice["token_ids"]))
        return reply

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        read = b""

        def both(piece: bytes) -> bool:
            nonlocal read
            read += piece
            return on_read(piece)

        done = await super().stream(path, body, both)
        prompt: list[int] = []
        sampled: list[int] = []
        for line in read.split(b"\n"):
            if not line.startswith(b"data: {"):
                continue
            for choice in json.loads(line[6:])["choices"]:
                prompt += choice.get("prompt_token_ids") or []
                sampled += choice["token_ids"]
        self.steps.append((prompt, sampled))
        return done


def options(vllm: VllmServer, workspace: Path, said: Any, **more: Any) -> Any:
    script = {"script": said} if isinstance(said, str) else {"harmony": said}
    return {
        "model": vllm.model,
        "base_url": vllm.url,
        "via": "harmony",
        "tools": TOOLS,
        "workspace": workspace,
        "profile": "workspace-ro",
        "extra_body": {"vllm_xargs": script},
        **more,
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # ids are compared, which no loop touches
async def test_over_thirty_steps_each_prompt_begins_with_the_one_before_and_what_was_sampled(
    vllm: VllmServer, oracle: Oracle, workspace: Path, *, streamed: bool
) -> None:
    echo = Echo(vllm.url)
    model = HarmonyModel(CompletionsSampler(echo), logprobs=streamed)
    said = [*THIRTY, analysis("That is all.") + final("All is well.")]
    chosen = options(vllm, workspace, said, limits=Limits(steps=40, tool_calls=50))
    async with aclosing(model), Session(**chosen | {"model": model}) as session:
        answer = await ask(session, f"How warm is it? {streamed}", streamed=streamed)

    assert answer.text == "All is well."
    assert len(echo.steps) == 30
    for (prompt, sampled), (later, _) in zip(echo.steps, echo.steps[1:], strict=False):
        assert later[: len(prompt) + len(sampled)] == prompt + sampled
    # What the transcript says of each prompt is what the server sampled from, and the reasoning
    # of every step stands in its place.
    total: list[int] = []
    for step, (prompt, sampled) in zip(answer.steps, echo.steps, strict=True):
        assert total[: step.continues] + list(step.rendered_token_ids or ()) == prompt
        assert list(step.token_ids or ()) == sampled
        assert step.usage.prompt_tokens == len(prompt)
        assert (step.logprobs is not None) == streamed
        total = prompt + sampled
    last, position = echo.steps[-1][0], -1
    for step in answer.steps[:-1]:
        found = find_analysis(last, oracle.encode(step.reasoning or ""))
        assert found > position
        position = found
    assert len({call.id for call in answer.tool_calls}) == 29


@pytest.mark.parametrize("keep", ["turn", "all"])
async def test_a_new_turn_drops_the_reasoning_of_the_last_or_keeps_it(
    vllm: VllmServer, oracle: Oracle, workspace: Path, keep: Any
) -> None:
    echo = Echo(vllm.url)
    model = HarmonyModel(CompletionsSampler(echo), keep_reasoning=keep)
    chosen = options(vllm, workspace, "one-call") | {"model": model}
    async with aclosing(model), Session(**chosen) as session:
        await session.ask("How warm is Paris?")
        await session.ask(vllm.script("final", "Thanks."))

    (_, _), (second, sampled), (third, _) = echo.steps[:3]
    thought = oracle.encode("I need the weather in Paris: get_weather knows.")
    assert find_analysis(second, thought) > 0
    assert (find_analysis(third, thought) > 0) == (keep == "all")
    shown = oracle.decode(third)
    assert "<|channel|>final<|message|>It is 20 degrees in Paris.<|end|><|start|>user" in shown
    assert '{"city":"Paris","unit":"C"}<|call|>' in shown
    if keep == "all":
        assert third[: len(second) + len(sampled) - 1] == second + sampled[:-1]


async def test_the_first_prompt_is_the_servers_own_but_for_its_header(
    vllm: VllmServer, oracle: Oracle, workspace: Path
) -> None:
    """System, developer and user message are what vLLM makes of the same request."""
    async with Session(**options(vllm, workspace, "final", instructions="Be kind.")) as session:
        answer = await session.ask("Hello?")
        opened = session.state.opened
        assert opened is not None
        wanted = oracle.render(
            [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello?"}],
            tools=opened.tools,
            date=opened.date,
        )

    assert oracle.decode(answer.steps[0].rendered_token_ids or ()) == oracle.decode(wanted)
    assert list(answer.steps[0].rendered_token_ids or ()) == wanted


async def test_a_malformed_header_is_sampled_again(vllm: VllmServer, workspace: Path) -> None:
    heard: list[Retried] = []

    async with Session(**options(vllm, workspace, "malformed-then-right")) as session:
        async with session.stream(f"Now, please. {id(heard)}") as events:
            heard += [event async for event in events if isinstance(event, Retried)]
        answer = events.answer
        assert_whole(session)

    assert answer is not None
    assert answer.text == "It is 20 degrees in Paris."
    assert [event.code for event in heard] == ["malformed-header"]
    assert outcomes(answer) == [("get_weather", "ok")]


async def test_several_calls_in_one_message(
    vllm: VllmServer, workspace: Path, *, streamed: bool
) -> None:
    two = "<|start|>assistant".join(
        call("get_weather", json.dumps({"city": city, "unit": "C"})) for city in ("Paris", "Rome")
    )
    made_up = "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>9<|end|>"
    model = HarmonyModel(CompletionsSampler.at(vllm.url), stop_at_call=False)
    said = [analysis("Both.") + two + made_up, final("Warm."), final("Warm.")]
    chosen = options(vllm, workspace, said) | {"model": model}
    async with aclosing(model), Session(**chosen) as session:
        answer = await ask(session, "Paris and Rome?", streamed=streamed)
        assert_whole(session)

    assert answer.text == "Warm."
    assert outcomes(answer) == [("get_weather", "ok")] * 2
    assert len(answer.steps[0].tool_calls) == 2


async def test_a_session_that_began_over_chat_goes_on_token_by_token_and_back(
    vllm: VllmServer, oracle: Oracle, workspace: Path
) -> None:
    chosen = options(vllm, workspace, "", via="chat", extra_body={})
    async with Session(**chosen) as session:
        await session.ask(vllm.script("one-call", "How warm is Paris?"))
        async with session.fork(via="harmony") as fork:
            answer = await fork.ask(vllm.script("one-call", "And Rome?"))
            async with fork.fork(via="chat") as back:
                last = await back.ask(vllm.script("final", "Thanks."))

    first = oracle.decode(answer.steps[0].rendered_token_ids or ())
    assert "It is 20 degrees in Paris.<|end|><|start|>user" in first
    assert "get_weather knows" not in first
    assert answer.steps[1].continues == answer.steps[0].usage.total_tokens
    assert last.text == "Hello there, friend!"


async def test_an_answer_of_a_type_is_asked_for_by_its_schema(
    vllm: VllmServer, oracle: Oracle, workspace: Path
) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    said = [final("It is Paris."), analysis("JSON.") + final('{"name":"Paris"}')]
    async with Session(**options(vllm, workspace, said)) as session:
        answer = await session.ask(vllm.script("final", "Which city?"), output=schema)

    assert answer.output == {"name": "Paris"}
    prompt = oracle.decode(answer.steps[-1].rendered_token_ids or ())
    assert "# Response Formats\n\n## answer\n\n" in prompt


async def test_a_cut_off_step_is_closed_and_the_session_goes_on(
    vllm: VllmServer, workspace: Path
) -> None:
    short = options(vllm, workspace, "", sampling=Sampling(max_tokens=30), extra_body={})
    async with Session(**short) as session:
        cut = await session.ask(vllm.script("long", "Count."))
        async with session.fork(sampling=Sampling()) as fork:
            answer = await fork.ask(vllm.script("final", "Enough."))

    assert cut.status == "limited"
    assert cut.steps[0].finish_reason == "length"
    assert answer.text == "Hello there, friend!"


async def test_a_conversation_that_fits_no_more_says_so(vllm: VllmServer, workspace: Path) -> None:
    async with Session(**options(vllm, workspace, "final")) as session:
        with pytest.raises(ContextTooLong, match="takes 8192 with its reply") as caught:
            await session.ask("word " * 9000)
    assert caught.value.length == 8192


async def test_a_wrong_model_name_is_answered_with_the_right_ones(vllm: VllmServer) -> None:
    async with Session(model="typo", base_url=vllm.url, via="harmony") as session:
        with pytest.raises(ModelNotFound, match=vllm.model) as caught:
            await session.ask("Hello?")
    assert caught.value.available == (vllm.model,)


async def test_an_imported_transcript_without_ids_is_gone_on_from(
    vllm: VllmServer, oracle: Oracle, workspace: Path
) -> None:
    async with Session(**options(vllm, workspace, "one-call")) as session:
        await session.ask("How warm is Paris?")
        kept = session.messages()
    async with Session(**options(vllm, workspace, "final", messages=kept)) as session:
        answer = await session.ask("Thanks.")

    prompt = oracle.decode(answer.steps[0].rendered_token_ids or ())
    assert answer.steps[0].continues == 0
    assert '{"city":"Paris","unit":"C"}<|call|>' in prompt
    assert isinstance(session.transcript[0], UserMessage)
    assert isinstance(session.transcript[1], AssistantMessage)
