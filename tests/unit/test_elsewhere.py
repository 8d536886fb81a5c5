"""What does a runtime find, and remove, of the sessions that its store keeps?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolrun import ConfigError, Runtime, SessionBusy
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from pathlib import Path


async def kept(runtime: Runtime, id: str, said: str, tenant: str | None = None) -> None:  # noqa: A002 - as users call it
    """Leave a session of one turn."""
    async with runtime.session(id, tenant=tenant, model=ScriptedModel("Fine.")) as session:
        await session.ask(said)


async def test_sessions_are_found_by_tenant_status_and_words(tmp_path: Path) -> None:
    async with Runtime(store=f"sqlite:///{tmp_path}/sessions.db") as runtime:
        await kept(runtime, "one", "A refund, please.", "acme")
        await kept(runtime, "two", "How are you?", "acme")
        await kept(runtime, "three", "A refund, please.", "other")

        every = await runtime.sessions()
        found = await runtime.sessions(tenant="acme", text="refund", status=("finished",))
        second = await runtime.sessions(limit=1, offset=1)

        assert {each.id for each in every} == {"one", "two", "three"}
        assert [(each.id, each.title, each.turns) for each in found] == [
            ("one", "A refund, please.", 1)
        ]
        assert second == every[1:2]
        assert await runtime.sessions(status=("parked",)) == []
        assert await runtime.sessions(before=every[-1].updated) == []
        assert await runtime.sessions(after=every[0].updated) == []


async def test_a_runtime_of_a_tenant_finds_and_removes_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    async with Runtime(store=url) as anybody, Runtime(store=url, tenant="acme") as acme:
        await kept(acme, "mine", "Hello.", "acme")
        await kept(anybody, "theirs", "Hello.", "other")

        assert [each.id for each in await acme.sessions()] == ["mine"]
        with pytest.raises(ConfigError):
            await acme.delete("theirs")
        await acme.delete("mine")

        assert [each.id for each in await anybody.sessions()] == ["theirs"]


async def test_what_is_removed_is_gone_and_what_is_driven_stays(tmp_path: Path) -> None:
    async with Runtime(store=f"sqlite:///{tmp_path}/sessions.db") as runtime:
        model = ScriptedModel("Fine.")
        async with runtime.session("it", model=model) as session:
            await session.ask("Hello.")
            with pytest.raises(SessionBusy):
                await runtime.delete("it")
        await runtime.delete("it")

        assert await runtime.sessions() == []
        with pytest.raises(ConfigError):
            await runtime.resume("it", model=model)


async def test_without_a_store_there_is_nothing_to_look_in() -> None:
    async with Runtime() as runtime:
        with pytest.raises(ConfigError, match="no store"):
            await runtime.sessions()
        with pytest.raises(ConfigError, match="no store"):
            await runtime.delete("it")
