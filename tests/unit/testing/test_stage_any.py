"""Does any session happen again where its trace plays loosely, or the model alone?

That it does where every event is held to the trace is shown in `tests/unit/trace`.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from structlog.testing import capture_logs

from tests.unit.testing.driving import Staged, approver_of, drive, plan_of
from tests.unit.trace.any_session import ANY_SESSION, KEY, Scripted, echo, fail, send
from toolrun import Limits, Session
from toolrun.state import fold
from toolrun.testing.stage import Stage
from toolrun.trace.reader import read_trace
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from tests.unit.trace.any_session import AnySession
    from toolrun.testing.part import Source
    from toolrun.trace.asked import Strictness

HOW: tuple[tuple[Strictness, Source], ...] = (
    ("semantic", "trace"),
    ("loose", "trace"),
    ("strict", "live"),
    ("semantic", "live"),
    ("loose", "live"),
)


@pytest.mark.load
@settings(max_examples=30, deadline=None)
@given(recorded=ANY_SESSION)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_session_that_is_driven_happens_again(recorded: AnySession, backend: str) -> None:
    with TemporaryDirectory() as folder, capture_logs():
        path = Path(folder) / "t.jsonl"
        anyio.run(recorded.record, path, backend=backend)
        for strictness, tools in HOW:
            anyio.run(_driven, path, strictness, tools, backend=backend)


async def _driven(path: Path, strictness: Strictness, tools: Source) -> None:
    plan = plan_of(path)
    options: dict[str, Any] = {
        "model": Scripted(()),  # never asked
        "api_key": KEY,
        "tools": [echo, fail, send],
        "limits": Limits(steps=3, tool_calls=5),
        "approve": approver_of(plan) if plan.approves else None,
    }
    stage = Stage(path, strictness=strictness, tools=tools)
    with anyio.fail_after(8):
        async with Staged(stage, **options) as runtime, Session(runtime) as session:
            await drive(session, plan)
            said = [message_to_openai(message) for message in session.transcript]
    stage.finish()
    events = read_trace(path).events
    assert said == [message_to_openai(message) for message in fold(events).transcript]
