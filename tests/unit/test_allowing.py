"""Do calls run unasked that somebody allowed beforehand, until that is taken back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolrun import ConfigError, Rule, Runtime, Session, tool
from toolrun.state import fold
from toolrun.testing import ScriptedModel, call
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

ACME = Rule("send", {"to": "*@acme.com"})


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send something."""
    return f"sent to {to}"


def sending(*to: str) -> ScriptedModel:
    return ScriptedModel(*(each for one in to for each in (call("send", {"to": one}), "Done.")))


async def test_what_a_rule_allows_runs_until_it_is_disallowed() -> None:
    model = sending("a@acme.com", "b@other.com", "c@acme.com")
    async with Session(model=model, tools=[send]) as session:
        await session.allow(ACME)
        await session.allow(ACME)
        assert session.allowed == [ACME]
        assert (await session.ask("Go.")).status == "finished"
        other = await session.ask("Go.")
        assert other.status == "parked"
        await session.undo()
        await session.disallow(ACME)
        assert session.allowed == []
    model = sending("c@acme.com")
    async with Session(model=model, tools=[send]) as session:
        await session.allow(Rule("*"), ACME)
        await session.disallow(Rule("*"), ACME)
        assert (await session.ask("Go.")).status == "parked"
        with pytest.raises(ConfigError, match="no such call is allowed"):
            await session.disallow(ACME)


async def test_it_is_kept_where_the_session_is(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tools": [send], "store": f"sqlite:///{tmp_path}/sessions.db"}
    path = tmp_path / "trace.jsonl"
    async with Runtime(model=sending("a@acme.com"), **options) as runtime:
        async with runtime.session("s", trace=path) as session:
            await session.allow(ACME)
        assert fold(read_trace(path, check=True).events).standing == [ACME]
        async with runtime.resume("s", trace=None) as session:
            assert session.allowed == [ACME]
            assert session.trace_path is None
            assert (await session.ask("Go.")).status == "finished"


async def test_no_trace_is_written_where_that_is_said_of_a_session_that_goes_on(
    tmp_path: Path,
) -> None:
    options: dict[str, Any] = {"store": f"sqlite:///{tmp_path}/sessions.db"}
    path = tmp_path / "trace.jsonl"
    async with Runtime(model=ScriptedModel("One.", "Two."), trace=path, **options) as runtime:
        async with runtime.session("s") as session:
            await session.ask("First.")
            before = path.read_bytes()
        async with runtime.resume("s", trace=None) as session:
            assert session.trace_path is None
            await session.ask("Second.")
        assert path.read_bytes()[: len(before)] == before
        assert b"Second." not in path.read_bytes()
        async with runtime.resume("s") as session:
            assert session.trace_path == path
        assert b"Second." in path.read_bytes()


def test_code_without_an_event_loop_has_it_too() -> None:
    with Session.sync(model=sending("a@acme.com"), tools=[send]) as session:
        session.allow(ACME)
        assert session.allowed == [ACME]
        assert session.ask("Go.").status == "finished"
        session.disallow(ACME)
        assert session.allowed == []
