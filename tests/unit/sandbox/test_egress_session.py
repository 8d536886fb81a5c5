"""Does a session tell what its tools ask of the network, and a replay tell it again?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.sandbox.net_tools import fetch
from toolrun import EgressDecided, Runtime, Session, ToolCallFinished
from toolrun.cli.screen import Screen
from toolrun.testing import ScriptedModel, call, replay_trace

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from toolrun import Event

REASON = "evil.test:80 is not among the hosts of sandbox profile"


def model() -> ScriptedModel:
    return ScriptedModel(
        call("fetch", {"url": "http://evil.test/"}),
        call("fetch", {"url": "http://localhost:9/"}),
        "Done.",
    )


async def test_each_request_is_an_event_and_is_counted(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    async with (
        Runtime() as runtime,
        runtime.session(model=model(), tools=[fetch], trace=trace) as session,
    ):
        async with session.stream("Go.") as events:
            seen = [event async for event in events]
        counts = dict(runtime.counts)

    refused, allowed, unreachable = decisions(seen)
    assert place(refused) == ("evil.test", 80, "GET", False)
    assert refused.reason.startswith(REASON)
    # Nothing listens there: let through, and then it was not to be had.
    assert place(allowed) == ("localhost", 9, "GET", True)
    assert place(unreachable) == ("localhost", 9, "GET", False)
    assert unreachable.reason == "localhost:9 cannot be reached: Connection refused"
    first, _ = [event.result.content for event in seen if isinstance(event, ToolCallFinished)]
    assert first.startswith(f"cannot: HTTP Error 403: {REASON}")
    assert counts["EgressDecided.refused"] == 2
    assert counts["EgressDecided.allowed"] == 1

    again: list[Event] = []
    await replay_trace(trace, on_event=again.append)

    assert decisions(again) == [refused, allowed, unreachable]


def decisions(events: list[Event]) -> list[EgressDecided]:
    return [event for event in events if isinstance(event, EgressDecided)]


def place(event: EgressDecided) -> tuple[str, int, str, bool]:
    return event.host, event.port, event.method, event.allowed


def test_it_works_without_a_loop_and_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    from toolrun.cli.render import Renderer

    shown = Renderer(Screen.of(sys.stdout), Screen.of(sys.stderr))
    with Session.sync(model=model(), tools=[fetch]) as session, session.stream("Go.") as events:
        for event in events:
            shown.show(event)
    shown.close()

    assert f"refused: {REASON}" in capsys.readouterr().err
