"""Is each value that a generator yields told at once, and the last one the result?"""

from __future__ import annotations

import itertools
import threading
import time
import types
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from tests.unit.tools import box_types
from toolrun import ToolCall, ToolResult, tool
from toolrun.tools.context import CallContext
from toolrun.tools.definition import define
from toolrun.tools.listener import Listener
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from toolrun.tools.runners import Runner

CALL = ToolCall("a", "f", "{}")
CONTEXT = CallContext("s")


async def told(
    runner: Runner, function: Callable[..., Any], **arguments: Any
) -> tuple[ToolResult, list[str]]:
    said: list[str] = []

    def output(stream: str, text: str) -> None:
        if stream == "progress":
            said.append(text)

    return await runner.run(define(function), CALL, arguments, CONTEXT, Listener(output)), said


@pytest.fixture(params=["trusted", "boxed"])
async def runner(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Runner, str]]:
    if request.param == "trusted":
        yield TrustedRunner(), "trusted"
        return
    sandboxes = Sandboxes()
    yield SandboxRunner(sandboxes, "pure", None), "boxed"
    await sandboxes.aclose()


def of(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The tool, trusted where it is run so."""
    if kind == "boxed":
        return function

    marked: Callable[..., Any] = tool(trusted=True)(_unmarked(function))
    return marked


def _unmarked(function: Any) -> Any:
    copy = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, function.__annotations__
    return copy


async def test_a_generator_streams_and_ends(runner: tuple[Runner, str]) -> None:
    result, said = await told(runner[0], of(runner[1], box_types.count), to=3)

    assert said == ["at 1", "at 2", "at 3", "3"]
    assert (result.content, result.outcome) == ("3", "ok")


async def test_an_async_generator_streams_and_ends(runner: tuple[Runner, str]) -> None:
    result, said = await told(runner[0], of(runner[1], box_types.count_async), to=2)

    assert said == ['{"at":1}', '{"at":2}']
    assert (result.content, result.outcome) == ('{"at":2}', "ok")


async def test_what_a_generator_returns_is_its_result(runner: tuple[Runner, str]) -> None:
    result, said = await told(runner[0], of(runner[1], box_types.sum_up), to=3)

    assert said == ["1", "3", "6"]
    assert result.content == "sum 6"


async def test_a_generator_may_yield_nothing(runner: tuple[Runner, str]) -> None:
    result, said = await told(runner[0], of(runner[1], box_types.nothing))

    assert (result.content, result.outcome, said) == ("null", "ok", [])


async def test_a_generator_that_fails_fails(runner: tuple[Runner, str]) -> None:
    result, said = await told(runner[0], of(runner[1], box_types.break_off))

    assert result.outcome == "error"
    assert "ValueError: no more" in result.content
    assert said == ["begun"]


async def test_a_box_tells_progress_while_the_tool_runs() -> None:
    sandboxes = Sandboxes()
    try:
        result, said = await told(SandboxRunner(sandboxes, "pure", None), box_types.dawdle)
    finally:
        await sandboxes.aclose()

    assert result.outcome == "timeout"
    assert said == ["begun"]


async def test_nobody_need_listen(runner: tuple[Runner, str]) -> None:
    defined = define(of(runner[1], box_types.count))
    result = await runner[0].run(defined, CALL, {"to": 2}, CONTEXT, Listener())

    assert result.content == "2"


async def test_a_flood_of_progress_is_ended() -> None:
    sandboxes = Sandboxes()
    try:
        result, said = await told(SandboxRunner(sandboxes, "pure", None), box_types.flood)
    finally:
        await sandboxes.aclose()

    assert result.outcome == "crash"
    assert "returned or reported more than 1048576 bytes" in result.content
    assert 50 < len(said) <= 104


async def test_a_long_value_is_cut_on_the_way(runner: tuple[Runner, str]) -> None:
    _, said = await told(runner[0], of(runner[1], box_types.ramble))

    assert len(said) == 2
    assert "bytes left out" in said[0]
    assert len(said[0]) < 17_000


async def test_a_time_out_closes_an_async_generator() -> None:
    closed = anyio.Event()

    @tool(trusted=True, timeout=0.05)
    async def f() -> AsyncIterator[int]:
        try:
            for number in itertools.count():
                yield number
                await anyio.sleep(0.01)
        finally:
            closed.set()

    result, said = await told(TrustedRunner(), f)
    assert result.outcome == "timeout"
    assert said[0] == "0"
    assert closed.is_set()


async def test_a_cancellation_closes_an_async_generator() -> None:
    closed = anyio.Event()
    begun = anyio.Event()

    @tool(trusted=True)
    async def f() -> AsyncIterator[int]:
        try:
            yield 1
            begun.set()
            await anyio.sleep_forever()
        finally:
            closed.set()

    async with anyio.create_task_group() as group:
        group.start_soon(told, TrustedRunner(), f)
        await begun.wait()
        group.cancel_scope.cancel()
    assert closed.is_set()


async def test_a_listener_that_raises_closes_an_async_generator() -> None:
    closed = []

    @tool(trusted=True)
    async def f() -> AsyncIterator[int]:
        try:
            yield 1
            await anyio.lowlevel.checkpoint()
        finally:
            closed.append(True)

    def output(stream: str, text: str) -> None:
        raise RuntimeError("no room")

    result = await TrustedRunner().run(define(f), CALL, {}, CONTEXT, Listener(output))
    assert result.outcome == "error"
    assert closed == [True]


async def test_a_time_out_closes_a_generator_in_its_thread() -> None:
    closed = threading.Event()
    threads = set()

    @tool(trusted=True, timeout=0.5)
    def f() -> Iterator[int]:
        try:
            for number in itertools.count():
                threads.add(threading.get_ident())
                yield number
                time.sleep(0.01)  # two values are enough: it need not keep the loop busy
        finally:
            closed.set()

    result, said = await told(TrustedRunner(), f)
    assert result.outcome == "timeout"
    assert len(said) > 1
    assert await anyio.to_thread.run_sync(closed.wait, 20)
    assert len(threads) == 1
    before = len(said)
    await anyio.sleep(0.05)
    assert len(said) == before  # nothing is told after the end


async def test_a_listener_that_raises_in_a_generator_of_a_thread_is_a_result() -> None:
    closed = threading.Event()

    @tool(trusted=True)
    def f() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.set()

    def output(stream: str, text: str) -> None:
        raise RuntimeError("no room")

    result = await TrustedRunner().run(define(f), CALL, {}, CONTEXT, Listener(output))
    assert result.outcome == "error"
    assert closed.is_set()
