"""Is a conversation stored once something was said in it, and only then?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from toolrun import ConfigError, Runtime, Session, StoreError, tool
from toolrun.cli.chat.sessions.keeping import Keeping
from toolrun.store.contract import Query
from toolrun.store.opening import open_store
from toolrun.testing import ScriptedModel, call

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.store.contract import SessionInfo


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


def runtime(keeping: Keeping, *answers: Any, **options: Any) -> Runtime:
    return Runtime(model=ScriptedModel(*(answers or ("Hello.",))), store=keeping, **options)


async def stored(url: str) -> list[SessionInfo]:
    """What another process finds."""
    store = open_store(url)
    await store.open()
    try:
        return await store.sessions()
    finally:
        await store.aclose()


async def test_a_session_is_stored_with_the_first_thing_that_is_said(url: str) -> None:
    keeping = Keeping(url)
    async with runtime(keeping) as shared, shared.session("s") as session:
        assert await stored(url) == []
        await session.ask("Hi there")
        (info,) = await stored(url)
        assert (info.id, info.title, info.status, info.turns) == ("s", "Hi there", "finished", 1)
        assert info.holder is not None
    (info,) = await stored(url)
    assert info.holder is None
    await keeping.aclose()


async def test_who_says_nothing_leaves_nothing(sqlite: str, tmp_path: Path) -> None:
    keeping = Keeping(sqlite)
    async with runtime(keeping) as shared:
        async with shared.session("s"):
            pass
        async with shared.resume("s", effort="high", title="A name") as session:
            assert session.state.settings["effort"] == "high"
    await keeping.aclose()
    assert not (tmp_path / "sessions.db").exists()


async def test_what_was_set_before_the_first_word_is_stored_with_it(url: str) -> None:
    keeping = Keeping(url)
    async with runtime(keeping) as shared:
        async with shared.session("s"):
            pass
        async with shared.resume("s", effort="high", title="A name") as session:
            await session.ask("Hi")
    await keeping.aclose()
    (info,) = await stored(url)
    assert (info.title, info.turns) == ("A name", 1)
    other = Keeping(url)
    async with runtime(other) as shared, shared.resume("s") as session:
        assert session.state.settings["effort"] == "high"
        assert [each.content for each in session.transcript] == ["Hi", "Hello."]
    await other.aclose()


async def test_a_fork_is_stored_at_once(sqlite: str) -> None:
    keeping = Keeping(sqlite)
    async with runtime(keeping) as shared, shared.session("s") as session:
        await session.ask("Hi")
        async with session.fork("f") as fork:
            assert len(fork.transcript) == 2
        assert {each.id for each in await stored(sqlite)} == {"s", "f"}
    await keeping.aclose()


async def test_two_processes_do_not_drive_one_session(url: str) -> None:
    one, two = Keeping(url), Keeping(url)
    async with runtime(one) as shared, shared.session("s") as session:
        await session.ask("Hi")
        async with runtime(two) as other:
            with pytest.raises(Exception, match="is held by process"):
                await other.resume("s")
    await one.aclose()
    await two.aclose()


async def test_another_process_stops_a_turn_of_a_session_that_was_early(sqlite: str) -> None:
    began = anyio.Event()

    @tool(trusted=True)
    async def stand() -> str:
        """Stand still."""
        began.set()
        await anyio.sleep_forever()
        return ""

    keeping = Keeping(sqlite)
    async with runtime(keeping, call("stand"), tools=[stand]) as shared, shared.session("s") as one:

        async def stop() -> None:
            await began.wait()
            other = open_store(sqlite)
            await other.open()
            assert await other.request_cancel("s")
            await other.aclose()

        async with anyio.create_task_group() as group:
            group.start_soon(stop)
            assert (await one.ask("Hi")).status == "cancelled"
    await keeping.aclose()


async def test_an_id_that_is_taken_is_refused(sqlite: str) -> None:
    keeping = Keeping(sqlite)
    await keeping.check_free("s")
    async with runtime(keeping) as shared, shared.session("s") as session:
        await session.ask("Hi")
    with pytest.raises(ConfigError, match="--resume s"):
        await keeping.check_free("s")
    async with runtime(keeping) as shared, shared.session("s") as session:
        with pytest.raises(StoreError, match="there is a session 's' already"):
            await session.ask("Hi")
    await keeping.aclose()


async def test_in_memory_sessions_are_taken_up_again(tmp_path: Path) -> None:
    keeping = Keeping(None)
    async with runtime(keeping, "One.", "Two.") as shared:
        async with shared.session("s", title="Kept here") as session:
            await session.ask("Hi")
        async with shared.session("empty"):
            pass
        (info,) = await keeping.sessions(Query())
        assert (info.id, info.title, info.turns) == ("s", "Kept here", 1)
        async with shared.resume("s", effort="low") as session:
            assert (await session.ask("And?")).text == "Two."
            assert len(session.transcript) == 4
        with pytest.raises(ConfigError, match="nothing is stored here"):
            await shared.resume("other")
        await keeping.delete("s")
        assert await keeping.sessions() == []
    assert not keeping.keeps
    assert not (tmp_path / "sessions.db").exists()


async def test_a_store_that_cannot_be_opened_leaves_the_conversation_in_memory() -> None:
    keeping = Keeping("sqlite:////proc/none/sessions.db")
    await keeping.warm()
    assert "/proc/none/sessions.db" in str(keeping.failed)
    async with runtime(keeping) as shared, shared.session("s") as session:
        assert (await session.ask("Hi")).text == "Hello."
    assert [each.id for each in await keeping.sessions()] == ["s"]
    await keeping.aclose()


async def test_a_store_that_was_asked_for_has_to_be_there() -> None:
    keeping = Keeping("sqlite:////proc/none/sessions.db", must=True)
    await keeping.warm()
    assert keeping.failed is None
    async with runtime(keeping) as shared, shared.session("s") as session:
        with pytest.raises(StoreError, match="/proc/none"):
            await session.ask("Hi")
    await keeping.aclose()


async def test_a_store_that_comes_back_gets_what_was_held(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.write_text("in the way")
    url = f"sqlite:///{folder}/sessions.db"
    keeping = Keeping(url, must=True)
    session: Session
    async with runtime(keeping) as shared, shared.session("s") as session:
        with pytest.raises(StoreError):
            await session.ask("Hi")
        folder.unlink()
        assert (await session.go_on()).text == "Hello."
    (info,) = await stored(url)
    assert (info.title, info.status) == ("Hi", "finished")
    await keeping.aclose()
