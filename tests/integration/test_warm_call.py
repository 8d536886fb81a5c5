"""Is a box ready when a streamed call is, and kept for the session that had it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.agent_tools import word_count
from tests.rig.mock import Call, MockServer, Step
from toolrun import Boxes, Runtime, ToolCallFinished
from toolrun.sandbox.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolrun.sandbox.box import Box


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        call = Call("word_count", '{"path":"notes.md"}')
        server.script(Step("Counting.", tool_calls=(call,)), Step("Done.", "Three words."))
        yield server


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "notes.md").write_text("three short words")
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, Box]]:
    """The boxes that were started for a call that was still being written: for whom, and which."""
    seen: list[tuple[str | None, Box]] = []
    warm = Pool.warm

    async def spied(self: Pool, key: object, tenant: str | None, make: Any) -> None:
        async def made() -> Box:
            box: Box = await make()
            seen.append((tenant, box))
            return box

        await warm(self, key, tenant, made)

    monkeypatch.setattr(Pool, "warm", spied)
    return seen


@pytest.mark.anyio
async def test_a_streamed_call_has_its_box_started_while_it_is_written(
    mock: MockServer, workspace: Path, started: list[tuple[str | None, Box]]
) -> None:
    async with (
        Runtime(
            model=mock.model,
            base_url=mock.url,
            tools=[word_count],
            workspace=workspace,
            profile="workspace-ro",
            boxes=Boxes(),
        ) as runtime,
        runtime.session("one") as session,
    ):
        results = []
        for _ in range(2):
            async with session.stream("How many words?") as events:
                results += [event async for event in events if isinstance(event, ToolCallFinished)]

        assert [event.result.content for event in results] == ["3", "3"]
        # One box, started by the first sign of the first call, has served both.
        assert [tenant for tenant, _ in started] == ["session one"]
        assert started[0][1].jobs == 2
        assert [each.tenant for each in runtime._sandboxes.pool._idle] == ["session one"]


@pytest.mark.anyio
async def test_sessions_of_one_tenant_share_its_boxes_and_others_do_not(
    mock: MockServer, workspace: Path
) -> None:
    async with Runtime(
        model=mock.model,
        base_url=mock.url,
        tools=[word_count],
        workspace=workspace,
        profile="workspace-ro",
        boxes=Boxes(),
    ) as runtime:
        for name, tenant in (("a", "acme"), ("b", "acme"), ("c", "other"), ("d", None)):
            async with runtime.session(name, tenant=tenant) as session:
                answer = await session.ask("How many words?")
                assert answer.text == "Three words."
        kept = {each.tenant: each.box.jobs for each in runtime._sandboxes.pool._idle}

    assert kept == {"tenant acme": 2, "tenant other": 1, "session d": 1}
