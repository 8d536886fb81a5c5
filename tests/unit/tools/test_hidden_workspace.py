"""Is it said that a workspace was given in vain?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.unit.tools.box_tools import add
from toolrun import ConfigError, Runtime, Session, tool
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from pathlib import Path


@tool(trusted=True)
def here() -> str:
    """Say where this is."""
    return "here"


async def _logged(folder: Path | None, *tools: Any, **options: Any) -> list[Any]:
    with capture_logs() as logged:
        async with Session(
            model=ScriptedModel("Hello."), tools=tools, workspace=folder, **options
        ) as session:
            await session.ask("Hello!")
    return [(each["event"], each["profile"]) for each in logged if "workspace" in each]


async def test_a_workspace_that_no_tool_sees_is_told_with_what_shows_it(tmp_path: Path) -> None:
    assert await _logged(tmp_path, add, here) == [("no tool sees the workspace", "pure")]


@pytest.mark.parametrize("profile", ["workspace-ro", "workspace"])
async def test_nothing_is_told_of_one_that_is_seen(tmp_path: Path, profile: str) -> None:
    assert await _logged(tmp_path, add, profile=profile) == []


async def test_nothing_is_told_where_no_tool_runs_in_a_box_or_there_is_no_workspace(
    tmp_path: Path,
) -> None:
    assert await _logged(tmp_path, here) == []
    assert await _logged(None, add) == []


async def test_a_runtime_tells_it_once_of_sessions_that_are_alike(tmp_path: Path) -> None:
    with capture_logs() as logged:
        async with Runtime(model=ScriptedModel("Hello.", "Hello."), tools=[add]) as runtime:
            for _ in range(2):
                async with runtime.session(workspace=tmp_path) as session:
                    await session.ask("Hello!")
    assert [each["workspace"] for each in logged if "workspace" in each] == [str(tmp_path)]


@pytest.mark.parametrize("workspace", [True, False])
async def test_a_profile_that_does_not_exist_is_told_when_the_session_opens(
    tmp_path: Path, *, workspace: bool
) -> None:
    folder = tmp_path if workspace else None
    session = Session(model=ScriptedModel(), tools=[add], workspace=folder, profile="nope")
    with pytest.raises(ConfigError, match="no sandbox profile 'nope'"):
        async with session:
            pass
