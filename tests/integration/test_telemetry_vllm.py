"""Do spans and metrics say what a real vLLM did, which a request has told of its trace?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.unit.otel.collector import Collector, is_in, told
from toolrun import Session, StepFinished, tool

if TYPE_CHECKING:
    from tests.rig.server import VllmServer


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Only asyncio: spans are tested on trio elsewhere, and a model's time is dear."""
    return "asyncio"


@tool(trusted=True)
async def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """Tell how warm it is in a city."""
    return f"20 degrees {unit} in {city}"


@pytest.mark.parametrize("via", ["chat", "responses"])
async def test_spans_tell_what_the_server_counted(
    vllm: VllmServer, via: Literal["chat", "responses"]
) -> None:
    collector = Collector()
    finished: list[StepFinished] = []
    async with (
        Session(
            model=vllm.model,
            base_url=vllm.url,
            via=via,
            tools=[get_weather],
            sinks=[collector.sink()],
        ) as session,
        session.stream(vllm.script("one-call")) as events,
    ):
        finished += [event async for event in events if isinstance(event, StepFinished)]
    answer = events.answer
    assert answer is not None
    assert answer.status == "finished"

    collector.assert_all_ended()
    turn, steps = collector.one("invoke_agent"), collector.named("chat")
    assert all(is_in(step, turn) for step in steps)
    assert len(steps) == len(answer.steps) == 2
    for span, step, event in zip(steps, answer.steps, finished, strict=True):
        attributes = told(span)
        assert attributes["gen_ai.provider.name"] == "vllm"
        assert attributes["gen_ai.usage.input_tokens"] == step.usage.prompt_tokens > 0
        assert attributes["gen_ai.usage.output_tokens"] == step.usage.completion_tokens > 0
        assert attributes["gen_ai.response.id"] == step.response_id
        assert attributes["toolrun.via"] == via
        assert attributes["gen_ai.response.time_to_first_chunk"] == event.first_token
    assert told(turn)["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    assert told(collector.one("execute_tool get_weather"))["toolrun.tool.outcome"] == "ok"
    totals = collector.by("gen_ai.client.token.usage", "gen_ai.token.type")
    assert totals == {
        "input": (2, answer.usage.prompt_tokens),
        "output": (2, answer.usage.completion_tokens),
    }
