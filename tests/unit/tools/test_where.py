"""Under which profile does a tool's box run, and is what it may change known before it does?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolrun import ToolCall
from toolrun.sandbox import load_profile
from toolrun.tools.context import CallContext
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, define
from toolrun.tools.kept import Kept
from toolrun.tools.listener import Listener
from toolrun.tools.where import changes_nothing, chosen_for, needed, shows_workspace
from toolrun.tools.work import Need, Serving

PLAIN = Need("python")
YIELDS = Need("workspace-ro", yields=True)


def f(x: int) -> int:
    """Runs in a box."""
    return x


def boxed(profile: str | None = None, *needs: Need, works: bool = False) -> Tool:
    class Works:
        def __init__(self) -> None:
            self.needs = needs

        async def run(self, serving: Serving) -> Any: ...

    definition = define(f, Options(profile=profile))
    return msgspec.structs.replace(definition, work=Works()) if works or needs else definition


@pytest.mark.parametrize(
    ("definition", "session", "name"),
    [
        (boxed(), "pure", "pure"),
        (boxed("python"), "pure", "python"),
        (boxed(None, PLAIN), "pure", "pure"),
        (boxed("shell", YIELDS, PLAIN), "pure", "shell"),
        (boxed(None, PLAIN, YIELDS), "pure", "workspace-ro"),
        (boxed(None, PLAIN, YIELDS), "workspace", "workspace"),
        (boxed(None, PLAIN, YIELDS), "workspace-ro", "workspace-ro"),
        (boxed(None, works=True), "pure", "pure"),
    ],
)
def test_a_tool_runs_under(definition: Tool, session: str, name: str) -> None:
    assert load_profile(chosen_for(definition, session)).name == name


@pytest.mark.parametrize(
    ("need", "session", "name"),
    [
        (PLAIN, "workspace", "python"),
        (YIELDS, "workspace", "workspace"),
        (YIELDS, "pure", "workspace-ro"),
    ],
)
def test_a_box_that_a_tool_needs_yields_to_a_session_that_shows_its_folder(
    need: Need, session: str, name: str
) -> None:
    assert load_profile(needed(need, session)).name == name


@pytest.mark.parametrize(
    ("profile", "shows"),
    [
        ("pure", False),
        ("python", False),
        ("net", False),
        ("workspace", True),
        ("workspace-ro", True),
    ],
)
def test_which_profiles_show_the_workspace(profile: str, *, shows: bool) -> None:
    assert shows_workspace(profile) is shows


@pytest.mark.parametrize(
    ("definition", "session", "harmless"),
    [
        (boxed(), "pure", True),
        (boxed(), "workspace-ro", True),
        (boxed(), "python", True),
        (boxed(), "workspace", False),
        (boxed(), "net", False),
        (boxed("workspace"), "pure", False),
        (boxed("pure"), "workspace", True),
        (boxed(None, PLAIN, YIELDS), "pure", True),
        (boxed(None, PLAIN, YIELDS), "workspace", False),
        (boxed(None, Need("net"), PLAIN), "pure", False),
        (boxed(None, works=True), "pure", False),  # its work is done in this process
    ],
)
def test_what_can_change_nothing(definition: Tool, session: str, *, harmless: bool) -> None:
    assert changes_nothing(definition, session) is harmless


async def test_a_call_of_a_built_in_tool_knows_whose_box_it_is_and_gets_it() -> None:
    asked: list[Any] = []

    class Boxes:
        async def sandbox(self, *given: Any) -> str:
            asked.append(given)
            return "a sandbox"

    definition, kept, listener = boxed(None, PLAIN), Kept(), Listener()
    serving = Serving(
        definition,
        call := ToolCall("a", "f", "{}"),
        {"x": 1},
        context := CallContext("s", "acme"),
        listener,
        state=(state := object()),  # type: ignore[arg-type]
        kept=kept,
        runner=Boxes(),  # type: ignore[arg-type]
    )

    assert (serving.tool, serving.call, serving.arguments) == (definition, call, {"x": 1})
    assert (serving.context, serving.state) == (context, state)
    assert (serving.listener, serving.kept) == (listener, kept)
    assert serving.tenant == "tenant acme"
    assert await serving.sandbox(PLAIN) == "a sandbox"  # type: ignore[comparison-overlap]
    assert asked == [(definition, PLAIN)]
    serving.context = CallContext("s")
    assert serving.tenant == "session s"


def test_a_need_may_narrow_the_sessions_profile() -> None:
    narrowed = load_profile(needed(Need({"wall_seconds": 7}), "python"))

    assert narrowed.wall_seconds == 7
    assert narrowed.name.startswith("python")


def test_a_need_is_of_the_session_unless_it_says_more() -> None:
    assert (PLAIN.workspace, PLAIN.yields) == (None, False)
    assert Need("pure", Path("/a")).workspace == Path("/a")
