"""Is a session that a user drives as it was recorded on a real vLLM the recorded one?

By each way of sampling, streamed and not: the traces of the first format are of all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.testing.driving import Staged, drive, options_of, plan_of
from toolrun import ReplayMismatch, Session
from toolrun.testing.stage import Stage

if TYPE_CHECKING:
    from toolrun.trace.asked import Strictness

TRACES = sorted((Path(__file__).parents[2] / "traces" / "format-1").glob("*.jsonl"))
assert len(TRACES) > 60


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
async def test_a_session_that_is_driven_as_recorded_is_the_recorded_one(path: Path) -> None:
    plan = plan_of(path)
    strictnesses: tuple[Strictness, ...] = ("strict", "semantic", "loose")
    for strictness in strictnesses:
        stage = Stage(path, strictness=strictness)
        async with Staged(stage, **options_of(plan)) as runtime, Session(runtime) as session:
            await drive(session, plan)
        stage.finish()
        assert stage.used == stage.steps == len(plan.steps) > 0
        assert not stage.unrecorded


@pytest.mark.parametrize("path", TRACES[::7], ids=lambda path: path.stem)
async def test_another_tool_is_another_session(path: Path) -> None:
    plan = plan_of(path)
    options = options_of(plan)
    options["tools"] = options["tools"][1:]
    for strictness in ("strict", "semantic"):
        stage = Stage(path, strictness=strictness)
        with pytest.raises(ReplayMismatch, match=r"tools.*get_weather"):
            async with Staged(stage, **options) as runtime, Session(runtime) as session:
                await drive(session, plan)
        with pytest.raises(ReplayMismatch, match="tools"):
            stage.finish()
