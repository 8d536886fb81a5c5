"""Is a session compared, too, whose model tells of no requests?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from tests.unit.testing.staging import double, first_line, put, send, session
from toolrun import ReplayMismatch
from toolrun.events import RequestSent
from toolrun.testing import ScriptedModel, call, say
from toolrun.testing.stage import Stage
from toolrun.tools.definition import define
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import AssistantMessage, Request
    from toolrun.models.model import Observe

CALLED = call("double", {"number": 2}), say("It is four.")


class Quiet(ScriptedModel):
    """Says what it says, and nothing on the way: no server is asked."""

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        del observe
        return await super().sample(request)


@pytest.fixture
def play(path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    return lambda **how: put(Stage(path, **how), monkeypatch)


async def record(path: Path) -> None:
    async with session(model=Quiet(*CALLED), trace=path) as recorded:
        await recorded.ask("What is twice 2?")
    assert not any(isinstance(event, RequestSent) for event in read_trace(path).events)


@pytest.mark.parametrize("strictness", ["strict", "semantic", "loose"])
@pytest.mark.parametrize("tools", ["trace", "live"])
async def test_the_same_session_happens_again(
    path: Path, play: Any, strictness: Any, tools: Any
) -> None:
    await record(path)
    stage = play(strictness=strictness, tools=tools)
    async with session(model=Quiet()) as again:
        assert (await again.ask("What is twice 2?")).text == "It is four."
    stage.finish()


@pytest.mark.parametrize("strictness", ["strict", "semantic"])
async def test_other_words_and_tools_are_a_miss(path: Path, play: Any, strictness: Any) -> None:
    await record(path)
    others: list[tuple[str, dict[str, Any], str]] = [
        ("What is twice 3?", {}, "message 1 (user): content: expected 'What is twice 2?'"),
        ("What is twice 2?", {"tools": [double]}, "tools"),
    ]
    for said, options, named in others:
        play(strictness=strictness, tools="live")
        async with session(model=ScriptedModel(), **options) as again:
            with pytest.raises(ReplayMismatch) as caught:
                await again.ask(said)
        assert named in first_line(caught.value)
        assert caught.value.request == 1


async def test_a_tool_that_is_described_otherwise_is_a_miss_strictly(path: Path, play: Any) -> None:
    await record(path)
    described = define(send)
    reversed_parameters = dict(reversed(described.parameters.items()))
    others: list[tuple[dict[str, Any], str]] = [
        ({"description": "Post it."}, "[1].function.description: expected 'Send a letter.'"),
        # To the byte: a model may be told by the order of names.
        ({"parameters": reversed_parameters}, "[1].function.parameters: expected {"),
    ]
    for changed, named in others:
        other = structs.replace(described, **changed)
        for strictness in ("strict", "semantic"):
            stage = play(strictness=strictness, tools="live")
            async with session(model=Quiet(), tools=[double, other]) as again:
                if strictness == "semantic":
                    await again.ask("What is twice 2?")
                    stage.finish()
                    continue
                with pytest.raises(ReplayMismatch) as caught:
                    await again.ask("What is twice 2?")
            assert named in first_line(caught.value)
