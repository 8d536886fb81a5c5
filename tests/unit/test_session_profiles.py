"""Which profile do the tools of a session run under: their own, the session's, the runtime's?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from tests.unit.tools.box_tools import limits
from toolrun import ConfigError, Runtime, Session, SessionOpened, ToolCallStarted
from toolrun.testing import Events, ScriptedModel, call
from toolrun.testing.replay import replay_trace
from toolrun.tools.decorator import Options
from toolrun.tools.definition import define

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.sandbox.profile import Chosen

FEWER_FILES = {"open_files": 100}
LESS_CPU = {"cpu_seconds": 7}


async def found(
    runtime: Chosen | None = None, session: Chosen | None = None, own: Chosen | None = None
) -> tuple[list[int], str | None]:
    """What a tool finds of its limits (open files, CPU), and what its profile is called."""
    events = Events()
    of_runtime: dict[str, Any] = {} if runtime is None else {"profile": runtime}
    of_session: dict[str, Any] = {} if session is None else {"profile": session}
    model = ScriptedModel(call("limits"), "Done.")
    tools: list[Any] = [define(limits, Options(profile=own))]
    async with (
        Runtime(model=model, tools=tools, sinks=[events], **of_runtime) as shared,
        shared.session(**of_session) as one,
    ):
        answer = await one.ask("What are your limits?")
    (made,) = answer.tool_calls
    (started,) = [each for each in events if isinstance(each, ToolCallStarted)]
    assert made.result is not None
    return json.loads(made.result.content), started.profile


async def test_a_table_narrows_what_is_around_it() -> None:
    assert await found() == ([256, 60], "pure")
    assert await found(FEWER_FILES) == ([100, 60], "pure, narrowed")
    assert await found("shell", FEWER_FILES | {"workspace": "none"}) == (
        [100, 300],
        "shell, narrowed",
    )
    assert await found("shell", {"extends": "pure"}, FEWER_FILES) == ([100, 60], "pure, narrowed")
    assert await found(FEWER_FILES, LESS_CPU) == ([100, 7], "pure, narrowed")
    assert await found(FEWER_FILES, LESS_CPU, {"open_files": 50}) == ([50, 7], "pure, narrowed")
    assert await found(LESS_CPU, None, "python") == ([256, 60], "python")


async def test_a_tool_that_takes_more_has_to_say_so() -> None:
    with pytest.raises(
        ConfigError,
        match="sandbox profile of tool limits: open_files = 101 gives more than pure, narrowed",
    ):
        await found(FEWER_FILES, own={"open_files": 101})
    more = {"open_files": 101, "widen": ["open_files"]}
    with structlog.testing.capture_logs() as logs:
        assert await found(FEWER_FILES, own=more) == ([101, 60], "pure, widened: open_files")
    assert [
        (log["event"], log["key"], log["before"], log["after"], log["source"]) for log in logs
    ] == [("sandbox profile widened", "open_files", 100, 101, "of tool limits")]


async def test_a_session_opens_with_its_table_and_is_replayed(tmp_path: Path) -> None:
    events = Events()
    trace = tmp_path / "t.jsonl"
    model = ScriptedModel(call("limits"), "Done.")
    table = {"extends": {"extends": "pure", **FEWER_FILES}, **LESS_CPU, "env": {"A": "b"}}
    async with Session(
        model=model, tools=[limits], sinks=[events], trace=trace, profile=table
    ) as session:
        await session.ask("What are your limits?")

    (opened,) = [each for each in events if isinstance(each, SessionOpened)]
    assert opened.settings["profile"] == table
    report = await replay_trace(trace)
    assert (report.turns, report.unfinished) == (1, False)


async def test_a_fork_narrows_the_profile_of_its_session() -> None:
    events = Events()
    model = ScriptedModel("Hello.", call("limits"), "Done.")
    async with (
        Runtime(model=model, tools=[limits], sinks=[events]) as runtime,
        runtime.session(profile=FEWER_FILES) as session,
    ):
        await session.ask("Hello.")
        async with session.fork(profile=LESS_CPU) as fork:
            answer = await fork.ask("What are your limits?")

    (made,) = answer.tool_calls
    assert made.result is not None
    assert json.loads(made.result.content) == [100, 7]


async def test_a_table_that_changes_later_changes_nothing() -> None:
    table: dict[str, Any] = {"extends": "pure", "open_files": 100}
    model = ScriptedModel(call("limits"), "Done.")
    session = Session(model=model, tools=[limits], profile=table)
    table["open_files"] = 200
    async with session:
        answer = await session.ask("What are your limits?")

    (made,) = answer.tool_calls
    assert made.result is not None
    assert json.loads(made.result.content)[0] == 100


@pytest.mark.parametrize("profile", [5, {"env": {"A": object()}}])
def test_what_is_no_profile_is_refused(profile: Any) -> None:
    with pytest.raises(ConfigError, match="profile"):
        Session(model=ScriptedModel("Hello."), profile=profile)
