"""Is all that a user did in a recorded session done again, and nothing more?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.context.talker import SUMMARY, Talker, read
from tests.unit.testing.driving import plan_of
from toolrun import Limits, ServerError, ServerStatus, Session, UserMessage
from toolrun.context.summary import ASKED
from toolrun.events import Compacted, TurnFinished, TurnUndone
from toolrun.testing import Events, Stage
from toolrun.testing.again import ask_all, options_of
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import AssistantMessage, Request
    from toolrun.models.model import Observe

LONG = 1_000_000


class Mute(Talker):
    """Has no summary to give."""

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        if request.nudge == ASKED:
            raise ServerStatus("no summaries here", 400)
        return await super().sample(request, observe)


async def record(path: Path) -> None:
    """Streams a turn, goes on with another in both ways, takes one back, has all summarised."""
    limits = Limits(steps=1)
    async with Session(model=Talker(LONG), tools=[read], trace=path, limits=limits) as session:
        async with session.stream("3000 30") as events:
            async for _ in events:
                pass
        assert (await session.go_on()).status == "limited"
        async with session.stream_on() as events:
            async for _ in events:
                pass
        await session.ask("0 0")
        await session.undo()
        for _ in range(3):
            await session.ask("")
        assert await session.compact() is not None
        await session.ask("")


async def again(path: Path, stage: Stage, **options: Any) -> Events:
    heard = Events()
    events = read_trace(path).events
    await ask_all(
        plan_of(path), stage, {**options_of(plan_of(path), events), **options, "sinks": [heard]}
    )
    return heard


def done(events: Any) -> list[str]:
    """What was said, how it ended, and what was done in between."""
    found = []
    for event in events:
        match event:
            case UserMessage():
                found.append(f"ask {event.content}")
            case TurnFinished():
                found.append(event.status)
            case TurnUndone():
                found.append("undo")
            case Compacted():
                found.append("compact")
    return found


@pytest.mark.parametrize("strictness", ["semantic", "loose"])
async def test_turns_undos_and_summaries_are_done_again(path: Path, strictness: Any) -> None:
    await record(path)
    stage = Stage(path, strictness=strictness)

    heard = await again(path, stage)

    stage.finish()
    assert done(heard) == done(read_trace(path).events)
    assert done(heard)[:4] == ["ask 3000 30", "limited", "limited", "finished"]
    assert done(heard)[4:7] == ["ask 0 0", "limited", "undo"]


async def test_a_live_model_that_needs_no_going_on_is_not_made_to(path: Path) -> None:
    await record(path)
    stage = Stage(path, strictness="loose", model="live")

    heard = await again(path, stage, model=Talker(LONG), limits=Limits())

    assert done(heard)[:5] == ["ask 3000 30", "finished", "ask 0 0", "finished", "undo"]
    [summed] = heard.of(Compacted)
    assert summed.summary is not None
    assert SUMMARY in summed.summary


async def test_a_live_model_that_sums_nothing_up_is_not_passed_over(path: Path) -> None:
    """A turn that fails says so by its events; between two turns nothing would."""
    await record(path)
    stage = Stage(path, strictness="loose", model="live")

    with pytest.raises(ServerError, match="no summaries here"):
        await again(path, stage, model=Mute(LONG))
