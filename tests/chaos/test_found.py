"""What have the lives of `any_life` found? Each in a test of its own."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest

from tests.chaos.any_life import Life, Puppet
from toolrun import ConfigError, StoreError, ToolCallFinished, TurnFinished

if TYPE_CHECKING:
    from pathlib import Path


def life(folder: Path, steps: list[list[str]]) -> Life:
    """A process with an empty store, or what another has left in it."""
    puppet = Puppet()
    puppet.steps = deque(steps)
    return Life(f"sqlite:///{folder / 'sessions.db'}", puppet, lambda: None)


async def test_a_turn_that_was_taken_back_does_not_run_after_a_resume(tmp_path: Path) -> None:
    first = life(tmp_path, [])
    async with first.runtime, first.runtime.session("s") as session:
        await session.ask("one")
        await session.ask("two")
        await session.undo()
    await first.store.aclose()

    second = life(tmp_path, [])
    async with second.runtime, second.runtime.resume("s") as session:
        with pytest.raises(ConfigError, match="no turn to go on with"):
            await session.go_on()
        await session.ask("three")
    await second.store.aclose()
    ends = [each.status for each in second.heard.events if isinstance(each, TurnFinished)]
    assert ends == ["finished"], "a turn was ended that was taken back"


async def test_a_turn_whose_end_could_not_be_stored_goes_on(tmp_path: Path) -> None:
    one = life(tmp_path, [["again"]])
    async with one.runtime, one.runtime.session("s") as session:
        one.store.left = 2  # the intent is not stored, nor is the end of the turn
        with pytest.raises(StoreError):
            await session.ask("one")
        assert session.state.finished is None
        one.store.left = None
        assert (await session.go_on()).status == "finished"
        live = session.state.transcript
    await one.store.aclose()
    again = life(tmp_path, [])
    async with again.runtime, again.runtime.resume("s") as session:
        assert session.state.transcript == live
    await again.store.aclose()


async def test_a_fork_does_not_run_what_was_cut_off(tmp_path: Path) -> None:
    dead = life(tmp_path, [["once"]])
    async with dead.runtime, dead.runtime.session("s") as session:
        dead.store.left = 3  # the question, the call, its intent: and no outcome
        with pytest.raises(StoreError):
            await session.ask("one")
    await dead.store.aclose()

    later = life(tmp_path, [])
    async with (
        later.runtime,
        later.runtime.resume("s") as session,
        session.fork("fork") as fork,
    ):
        assert (await fork.go_on()).status == "finished"
    await later.store.aclose()
    outcomes = [
        each.result.outcome
        for each in later.heard.events
        if isinstance(each, ToolCallFinished) and each.session == "fork"
    ]
    assert outcomes == ["unknown"], "a call that may never run twice did"


async def test_a_fork_after_a_turn_was_taken_back_runs_none(tmp_path: Path) -> None:
    first = life(tmp_path, [])
    async with first.runtime, first.runtime.session("s") as session:
        await session.ask("one")
        await session.ask("two")
        await session.undo()
        async with session.fork("fork") as fork:
            assert not fork.state.running
            with pytest.raises(ConfigError, match="no turn to go on with"):
                await fork.go_on()
            assert fork.messages() == session.messages()
    await first.store.aclose()

    second = life(tmp_path, [])
    async with second.runtime, second.runtime.resume("fork") as fork:
        assert not fork.state.running
        assert (await fork.ask("three")).status == "finished"
        await fork.undo()
        assert await fork.undo() == "one"
    await second.store.aclose()
    assert not [e for e in second.heard.events if getattr(e, "status", "") == "cancelled"]
