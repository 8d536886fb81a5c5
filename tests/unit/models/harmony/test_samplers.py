"""Does a sampler of a user's own do, however it tells of its tokens?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.lowlevel
import pytest

from tests.unit.models.harmony.said import Says, analysis, call, final, tokens
from toolrun import HarmonyModel, ReasoningDelta, Sampled, Session, TextDelta, TurnFinished, tool
from toolrun.trace.tokens import token_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolrun.models.harmony.tokens import OnTokens, TokenRequest

SAYS = (
    analysis("I count, naïvely 🦀.") + call("count", '{"number": 1}'),
    analysis("Two.") + final("It is 二."),
)


@tool(trusted=True)
def count(number: int) -> int:
    """Count on from a number."""
    return number + 1


class InMemory:
    """The least that a sampler is: it has a `sample` and an `aclose`, and no base class.

    Args:
        tells: how: "nothing", "all" at the end, or "some" at a time.
    """

    def __init__(self, tells: str) -> None:
        self.prompts: list[list[int]] = []
        self.closed = False
        self._tells = tells
        self._steps: Iterator[str] = iter(SAYS)

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        await anyio.lowlevel.checkpoint()
        self.prompts.append(list(request.prompt))
        said = tokens(next(self._steps))
        pieces = {"nothing": [], "all": [said], "some": [said[:5], said[5:6], [], said[6:]]}
        for piece in pieces[self._tells]:
            if on_tokens is not None:
                on_tokens(piece)
        return Sampled(tuple(said), finish_reason="stop", prompt_tokens=len(request.prompt))

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("tells", ["nothing", "all", "some"])
async def test_a_sampler_may_tell_of_its_tokens_as_it_likes(tells: str, tmp_path: Path) -> None:
    sampler = InMemory(tells)
    said: dict[type, str] = {ReasoningDelta: "", TextDelta: ""}
    model = HarmonyModel(sampler)
    trace = tmp_path / "t.jsonl"
    async with (
        Session(model=model, tools=[count], trace=trace) as session,
        session.stream("Count.") as events,
    ):
        async for event in events:
            if isinstance(event, ReasoningDelta | TextDelta):
                said[type(event)] += event.text
            if isinstance(event, TurnFinished):
                assert (event.status, event.answer.text) == ("finished", "It is 二.")
    await model.aclose()
    assert said == {ReasoningDelta: "I count, naïvely 🦀.Two.", TextDelta: "It is 二."}
    assert sampler.closed

    first, second = sampler.prompts
    begun = first + tokens(SAYS[0])
    assert second[: len(begun)] == begun
    (record,) = token_records(trace)
    assert record.prompt_ids + record.completion_ids == second + tokens(SAYS[1])
    assert sum(record.completion_mask) == len(tokens(SAYS[0])) + len(tokens(SAYS[1]))
    assert record.logprobs is None
    assert record.finish_reasons == ["tool_calls", "stop"]


async def test_a_sampler_is_sent_no_field_that_only_servers_have() -> None:
    """A session that verifies asks for ids, which a vLLM of this process has no field for."""
    says = Says(*SAYS)
    async with Session(
        model=HarmonyModel(says),
        tools=[count],
        verify_reasoning=1.0,
        extra_body={"return_token_ids": True, "top_k": 3},
    ) as session:
        answer = await session.ask("Count.")

    assert answer.text == "It is 二."
    assert [request.extra for request in says.requests] == [{"top_k": 3}] * len(says.requests)
