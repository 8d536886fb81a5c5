"""Is a call that may run given to who runs it, with all that belongs to it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from toolrun import ToolCall, ToolResult, tool
from toolrun.state import State
from toolrun.tools.checked import Ready
from toolrun.tools.context import CallContext, Hidden, whose
from toolrun.tools.definition import define
from toolrun.tools.gates import Gates
from toolrun.tools.kept import Kept
from toolrun.tools.listener import Listener
from toolrun.tools.sandboxed import SandboxRunner

if TYPE_CHECKING:
    from toolrun.tools.definition import Tool
    from toolrun.tools.work import Serving

CALL = ToolCall("a", "f", '{"x":1}')


class Runs:
    """A runner that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    async def run(self, *given: Any) -> ToolResult:
        self.given.append(given)
        return ToolResult("1")


def limited(concurrency: int | None) -> Tool:
    @tool(trusted=True, concurrency=concurrency)
    def f(x: int) -> int:
        return x

    return define(f)


def ready(definition: Tool, runner: Any, gates: Gates | None = None) -> Ready:
    return Ready(definition, CALL, {"x": 1}, None, runner, gates or Gates(), State())


async def test_its_runner_gets_the_tool_the_call_its_arguments_and_who_hears() -> None:
    runs, context, listener, definition = Runs(), CallContext(), Listener(), limited(None)
    result = await ready(definition, runs).run(context, listener, Kept())

    assert result.content == "1"
    [given] = runs.given
    assert given == (definition, CALL, {"x": 1}, context, listener)


@pytest.mark.parametrize("given", [True, False])
async def test_a_built_in_tool_gets_what_the_session_keeps(*, given: bool) -> None:
    served: list[Serving] = []

    class Does:
        needs = ()

        async def run(self, serving: Serving) -> ToolResult:
            served.append(serving)
            return ToolResult("done")

    class Boxes(SandboxRunner):
        def __init__(self) -> None: ...

    definition = msgspec.structs.replace(limited(None), work=Does())
    boxes, kept, state = Boxes(), Kept(), State()
    context, listener = CallContext("s"), Listener()
    checked = Ready(definition, CALL, {"x": 1}, None, boxes, Gates(), state)
    result = await checked.run(context, listener, kept if given else None)

    assert result.content == "done"
    [serving] = served
    assert (serving.tool, serving.call, serving.arguments) == (definition, CALL, {"x": 1})
    assert (serving.context, serving.listener, serving.state) == (context, listener, state)
    assert serving.runner is boxes
    assert isinstance(serving.kept, Kept)
    assert (serving.kept is kept) is given


async def test_calls_of_a_tool_share_its_places_and_a_tool_without_a_limit_has_no_end() -> None:
    gates, order, definition = Gates(), list[str](), limited(1)

    async def hold(name: str) -> None:
        async with ready(definition, Runs(), gates).slot():
            order.append(f"{name} in")
            await anyio.wait_all_tasks_blocked()
            order.append(f"{name} out")

    async with anyio.create_task_group() as group:
        group.start_soon(hold, "a")
        group.start_soon(hold, "b")
        for _ in range(2):
            async with ready(limited(None), Runs(), gates).slot():
                pass

    # Whichever comes first: trio starts tasks in any order.
    assert order in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


async def test_tools_do_not_share_their_places() -> None:
    gates = Gates()
    first = ready(limited(1), Runs(), gates)
    other = ready(named(limited(1), "g"), Runs(), gates)
    with anyio.fail_after(10):
        async with first.slot(), other.slot():
            pass


def named(definition: Tool, name: str) -> Tool:
    return msgspec.structs.replace(definition, name=name)


@pytest.mark.parametrize(
    ("tenant", "session", "expected"),
    [
        ("acme", "s", "tenant acme"),
        ("acme", "", "tenant acme"),
        (None, "s", "session s"),
        ("", "s", "session s"),
        (None, "", None),
    ],
)
def test_whose_a_box_is(tenant: str | None, session: str, expected: str | None) -> None:
    assert whose(tenant, session) == expected


def test_a_context_begins_with_nothing_that_nobody_said() -> None:
    empty = CallContext()
    assert (empty.session, empty.call_id, empty.idempotency_key) == ("", "", "")
    assert (empty.tenant, empty.deadline, empty.context) == (None, None, None)
    assert empty.cancelled is False
    assert (empty.secrets, repr(empty.secrets)) == ({}, "<secrets: none>")
    named = CallContext("s", "t", "c", "k", 1.5, (context := object()), {"A": "1", "B": "2"})

    assert (named.session, named.tenant, named.call_id) == ("s", "t", "c")
    assert (named.idempotency_key, named.deadline, named.context) == ("k", 1.5, context)
    assert (named.secrets, repr(named.secrets)) == ({"A": "1", "B": "2"}, "<secrets: A, B>")
    assert isinstance(named.secrets, Hidden)
