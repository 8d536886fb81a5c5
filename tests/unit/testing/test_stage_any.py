"""Does any session, however it went, happen again where a user drives it and its trace plays?"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.unit.testing.driving import Staged, approver_of, drive, plan_of
from tests.unit.trace.test_replay import echo, fail, record, send
from toolrun import Limits, Session
from toolrun.state import fold
from toolrun.testing.stage import Stage
from toolrun.trace.reader import read_trace
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from toolrun.events import AssistantMessage
    from toolrun.testing.part import Source
    from toolrun.trace.asked import Strictness

HOW: tuple[tuple[Strictness, Source], ...] = (
    ("strict", "trace"),
    ("semantic", "trace"),
    ("loose", "trace"),
    ("strict", "live"),
    ("semantic", "live"),
    ("loose", "live"),
)


@pytest.mark.load
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_session_that_is_driven_happens_again(data: st.DataObject, backend: str) -> None:
    with TemporaryDirectory() as folder, capture_logs():
        path = Path(folder) / "t.jsonl"
        anyio.run(record, path, data, backend=backend)
        for strictness, tools in HOW:
            anyio.run(_driven, path, strictness, tools, backend=backend)


async def _driven(path: Path, strictness: Strictness, tools: Source) -> None:
    plan = plan_of(path)
    options: dict[str, Any] = {
        "model": Scripted(),
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
    recorded = [message_to_openai(message) for message in fold(events).transcript]
    assert said == recorded


class Scripted:
    """Has the name of the recorded model; it is never asked."""

    async def sample(self, *_: Any) -> AssistantMessage:
        raise AssertionError("a live model was asked")

    async def aclose(self) -> None:
        """Nothing is open."""
