"""Does a real vLLM sample a step after a resume from the very tokens that it would have without?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.unit.test_resume import left_behind, stored, up_to
from toolrun import Runtime, ToolCallFinished, ToolCallStarted, tool
from toolrun.testing import replay_trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.server import VllmServer


@tool(trusted=True, on_crash="rerun")
def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """How warm it is."""
    return f"20 degrees in {city} ({unit})"


def runtime(vllm: VllmServer, store: str, **options: Any) -> Runtime:
    extra = {"return_token_ids": True}
    mine = {"model": vllm.model, "base_url": vllm.url, "tools": [get_weather], "store": store}
    return Runtime(**{**mine, "extra_body": extra, **options})


@pytest.mark.vllm
@pytest.mark.parametrize("cut", [ToolCallStarted, ToolCallFinished])
async def test_the_prompt_after_a_resume_is_to_the_token_that_of_an_undisturbed_turn(
    vllm: VllmServer, tmp_path: Path, cut: type
) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    async with runtime(vllm, store) as shared, shared.session("whole") as chat:
        whole = await chat.ask("How warm is it? [[script:one-call]]")
    assert whole.steps[0].reasoning
    await left_behind(store, "s", up_to(await stored(store, "whole"), cut))

    trace = tmp_path / "s.jsonl"
    async with runtime(vllm, store, trace=trace) as other:
        async with other.resume("s") as chat:
            answer = await chat.go_on()
        async with other.resume("s") as chat:
            again = await chat.ask("And now? [[script:one-call]]")
    assert answer.text == whole.text
    assert answer.steps[-1].prompt_token_ids == whole.steps[-1].prompt_token_ids
    assert whole.steps[-1].prompt_token_ids is not None
    assert again.status == "finished"
    async with runtime(vllm, store, trace=tmp_path / "t.jsonl") as shared:
        async with shared.session("t") as chat:
            await chat.ask("How warm is it? [[script:one-call]]")
        async with shared.resume("t") as chat:
            await chat.ask("And now? [[script:one-call]]")
    assert (await replay_trace(tmp_path / "t.jsonl")).turns == 2
