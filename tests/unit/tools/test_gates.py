"""Do so many calls of a tool run at once, over all sessions, in the order of coming?"""

from __future__ import annotations

import contextlib
import json
from typing import Any, Literal

import anyio
import pytest

from toolrun import ToolCall, ToolResult, tool
from toolrun.state import State
from toolrun.tools.checked import Ready
from toolrun.tools.context import CallContext
from toolrun.tools.gates import Gates
from toolrun.tools.listener import Listener
from toolrun.tools.toolbox import Toolbox


class Echo:
    """A runner that counts how many calls it runs at once, and in which order."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.order: list[str] = []

    async def run(
        self, tool: Any, call: ToolCall, arguments: Any, context: CallContext, output: Any
    ) -> ToolResult:
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(call.id)
        await anyio.sleep(0.01)
        self.now -= 1
        return ToolResult(json.dumps(arguments))


@tool(trusted=True)
def get_weather(city: str, unit: Literal["C", "F"] = "C", days: int = 1) -> str:
    """Say how warm it is."""
    return city


@tool(trusted=True, concurrency=2)
def narrow(n: int) -> int:
    return n


@tool(trusted=True, concurrency=1)
def single(n: int) -> int:
    return n


TOOLS: list[Any] = [get_weather, narrow, single]


def call(name: str, arguments: str, call_id: str = "a") -> ToolCall:
    return ToolCall(call_id, name, arguments)


async def run(ready: object, results: list[str]) -> None:
    assert isinstance(ready, Ready)
    async with ready.slot():
        results.append((await ready.run(CallContext(), Listener())).content)


@pytest.mark.parametrize(("name", "most"), [("single", 1), ("narrow", 2), ("get_weather", 10)])
async def test_so_many_calls_of_a_tool_run_at_once_over_all_sessions(name: str, most: int) -> None:
    runner, gates = Echo(), Gates()
    # Two sessions that differ, of one runtime.
    boxes = [Toolbox(TOOLS, trusted=runner, sandboxed=runner, gates=gates) for _ in range(2)]
    arguments = '{"city": "Paris"}' if name == "get_weather" else '{"n": 1}'
    results: list[str] = []
    async with anyio.create_task_group() as group:
        for number in range(10):
            ready = boxes[number % 2].check(call(name, arguments, str(number)), State())
            group.start_soon(run, ready, results)

    assert len(results) == 10
    assert runner.most == most
    assert gates._gates == {}


async def test_who_comes_first_runs_first() -> None:
    runner = Echo()
    box = Toolbox(TOOLS, trusted=runner, sandboxed=runner)
    results: list[str] = []
    async with anyio.create_task_group() as group:
        for number in range(20):
            ready = box.check(call("single", f'{{"n": {number}}}', str(number)), State())
            group.start_soon(run, ready, results)
            await anyio.wait_all_tasks_blocked()

    assert results == [f'{{"n": {number}}}' for number in range(20)]


async def test_whoever_gives_up_waiting_leaves_the_line() -> None:
    gates = Gates()
    async with gates.slot("key", 1):
        with anyio.move_on_after(0.02) as gave_up:
            async with gates.slot("key", 1):
                raise AssertionError
        assert gave_up.cancelled_caught
    with contextlib.suppress(ZeroDivisionError):
        async with gates.slot("key", 1):
            raise ZeroDivisionError

    assert gates._gates == {}
    with anyio.fail_after(20):
        async with gates.slot("key", 1):
            pass


async def test_a_gate_stays_while_somebody_waits_at_it() -> None:
    gates, order = Gates(), list[str]()
    go_on = {name: anyio.Event() for name in "abc"}

    async def hold(name: str) -> None:
        async with gates.slot("key", 1):
            order.append(name)
            await go_on[name].wait()

    async with anyio.create_task_group() as group:
        for name in "ab":
            group.start_soon(hold, name)
            await anyio.wait_all_tasks_blocked()
        go_on["a"].set()
        await anyio.wait_all_tasks_blocked()
        group.start_soon(hold, "c")
        await anyio.wait_all_tasks_blocked()
        assert order == ["a", "b"]
        go_on["b"].set()
        go_on["c"].set()

    assert order == ["a", "b", "c"]
    assert gates._gates == {}
