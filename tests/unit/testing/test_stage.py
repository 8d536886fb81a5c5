"""Does a recorded trace play the outside of a session that a test drives?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.testing.staging import put, ran, session
from toolrun import Approve, ReplayMismatch, Session
from toolrun.events import Warned
from toolrun.testing import Events, ScriptedModel, call, calls, replay_trace, say
from toolrun.testing.stage import Stage
from toolrun.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> Callable[[Stage], Stage]:
    """Put a stage in the place of what puts sessions together."""
    return lambda stage: put(stage, monkeypatch)


SCRIPT = (
    calls(call("double", {"number": 2}), call("send", {"to": "A"}), reasoning="Double it."),
    say("It is four."),
    say("Nothing more."),
)


async def talk(session: Session) -> None:
    answer = await session.ask("What is twice 2?")
    assert answer.status == "parked"
    await session.decide(next(iter(session.state.pending)), Approve())
    await session.go_on()
    async with session.stream("And now?") as events:
        async for _ in events:
            pass
    assert await session.undo() == "And now?"


async def record(path: Path) -> None:
    async with session(model=ScriptedModel(*SCRIPT), trace=path) as recorded:
        await talk(recorded)


async def test_a_session_that_is_driven_happens_again(path: Path, staged: Any) -> None:
    await record(path)
    stage = staged(Stage(path))
    assert (stage.steps, stage.used) == (3, 0)
    before = path.read_bytes()  # noqa: ASYNC240 - a small file of the test

    async with session(model=ScriptedModel(), trace=path) as again:
        await talk(again)
        assert again.transcript[-1].content == "It is four."

    stage.finish()
    assert (stage.steps, stage.used) == (3, 3)
    assert ran == []
    assert path.read_bytes() == before  # noqa: ASYNC240 - as above


async def test_what_was_not_used_is_said(path: Path, staged: Any) -> None:
    await record(path)
    stage = staged(Stage(path))
    with pytest.raises(ReplayMismatch, match="no session was opened"):
        stage.finish()
    async with session(model=ScriptedModel()) as again:
        await again.ask("What is twice 2?")
    assert (stage.steps, stage.used) == (3, 1)
    with pytest.raises(ReplayMismatch, match="step 2 of turn 1 was not used"):
        stage.finish()


async def test_other_words_are_another_session(path: Path, staged: Any) -> None:
    await record(path)
    stage = staged(Stage(path))
    async with session(model=ScriptedModel()) as again:
        with pytest.raises(ReplayMismatch, match="twice 2"):
            await again.ask("What is twice 3?")
    with pytest.raises(ReplayMismatch, match="twice 2"):
        stage.finish()


async def prepare(_: Toolbox) -> list[str]:
    """Say that another backend makes the boxes."""
    return ["no bubblewrap here: sandlock makes the boxes"]


async def test_what_a_session_warns_of_at_its_start_is_the_traces(
    path: Path, staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Toolbox, "prepare", prepare)
        await record(path)
    assert (await replay_trace(path)).turns == 3
    for strictness in ("strict", "semantic"):
        heard = Events()
        stage = staged(Stage(path, strictness=strictness))
        async with session(model=ScriptedModel(), sinks=[heard]) as again:
            await talk(again)
        stage.finish()
        assert [event.code for event in heard.of(Warned)] == ["another-backend"]


@pytest.mark.parametrize("strictness", ["strict", "semantic", "loose"])
@pytest.mark.parametrize("warned", [False, True])
async def test_forks_have_traces_of_their_own(
    path: Path, staged: Any, strictness: Any, monkeypatch: pytest.MonkeyPatch, *, warned: bool
) -> None:
    async def fork() -> None:
        async with session(model=ScriptedModel("One.", "Two."), trace=path) as first:
            await first.ask("Count.")
            async with first.fork() as second:
                await second.ask("And on.")

    with monkeypatch.context() as patch:
        if warned:
            patch.setattr(Toolbox, "prepare", prepare)
        await fork()
    stage = staged(Stage(path, strictness=strictness))
    assert stage.steps == 2
    await fork()
    stage.finish()
    with pytest.raises(ReplayMismatch, match="holds 2 sessions"):
        await fork()


def test_a_blocking_session_is_played_to(path: Path, staged: Any) -> None:
    def blocking() -> None:
        with Session.sync(model=ScriptedModel("Yes."), trace=path) as asked:
            assert asked.ask("Well?").text == "Yes."

    blocking()
    stage = staged(Stage(path))
    blocking()
    stage.finish()
