"""Does nothing that a trusted tool does reach beyond its call?"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import sniffio
import trio

from tests.unit.tools import box_types
from toolrun import ToolCall, ToolResult, tool
from toolrun.tools import threads
from toolrun.tools.context import CallContext
from toolrun.tools.definition import define
from toolrun.tools.listener import Listener
from toolrun.tools.runners import TrustedRunner, abandoned_threads
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes

if TYPE_CHECKING:
    from collections.abc import Callable

CALL = ToolCall("a", "f", "{}")
CONTEXT = CallContext("s")


async def run(function: Callable[..., Any], **arguments: Any) -> ToolResult:
    return await TrustedRunner().run(define(function), CALL, arguments, CONTEXT, Listener())


async def cancelled_of_its_own() -> BaseException:
    """The cancellation of a scope that has ended."""
    if sniffio.current_async_library() == "asyncio":
        return asyncio.CancelledError()
    caught: list[BaseException] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            caught.append(error)
            raise
    return caught[0]


class Rude(BaseException):
    pass


@pytest.mark.parametrize("kind", ["coroutine", "thread", "generator", "async generator"])
@pytest.mark.parametrize("what", ["cancelled", "exit", "rude", "asyncio", "group"])
async def test_what_a_tool_raises_ends_its_call_alone(kind: str, what: str) -> None:
    errors = {
        "cancelled": await cancelled_of_its_own(),
        "exit": SystemExit(3),
        "rude": Rude(),
        "asyncio": asyncio.CancelledError(),
        "group": BaseExceptionGroup("several", [await cancelled_of_its_own(), Rude()]),
    }

    @tool(trusted=True, name="f")
    async def coroutine() -> NoReturn:
        await anyio.lowlevel.checkpoint()
        raise errors[what]

    @tool(trusted=True, name="f")
    def plain() -> NoReturn:
        raise errors[what]

    @tool(trusted=True, name="f")
    def generator() -> Any:
        yield 1
        raise errors[what]

    @tool(trusted=True, name="f")
    async def async_generator() -> Any:
        yield 1
        raise errors[what]

    tools = [coroutine, plain, generator, async_generator]
    of = dict(zip(["coroutine", "thread", "generator", "async generator"], tools, strict=True))
    result = await run(of[kind])

    assert result.outcome == "error"
    assert f"f failed: {type(errors[what]).__name__}" in result.content
    await anyio.lowlevel.checkpoint()  # this task was not cancelled


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_a_real_cancellation_goes_on(kind: str) -> None:
    begun, release = threading.Event(), threading.Event()

    @tool(trusted=True, name="f")
    async def coroutine() -> None:
        begun.set()
        await anyio.sleep_forever()

    @tool(trusted=True, name="f")
    def plain() -> None:
        begun.set()
        release.wait(10)

    results: list[ToolResult] = []

    async def call() -> None:
        results.append(await run(coroutine if kind == "coroutine" else plain))

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await anyio.to_thread.run_sync(begun.wait, 5)
            group.cancel_scope.cancel()
    finally:
        release.set()
    assert begun.is_set()
    assert results == []


async def test_a_task_that_asyncio_cancels_is_cancelled() -> None:
    if sniffio.current_async_library() != "asyncio":
        pytest.skip("a task's own cancel() is asyncio's; trio cancels by scopes alone")

    @tool(trusted=True)
    async def f() -> None:
        await asyncio.sleep(10)

    task = asyncio.create_task(run(f))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("kind", ["coroutine", "thread", "group"])
def test_an_interrupt_still_stops_the_process(kind: str) -> None:
    async def coroutine() -> NoReturn:
        raise KeyboardInterrupt

    def plain() -> NoReturn:
        raise KeyboardInterrupt

    async def group() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(coroutine)

    of = {"coroutine": coroutine, "thread": plain, "group": group}[kind]
    marked = tool(trusted=True)(of)
    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)) as raised:
        anyio.run(run, marked)
    found = raised.value
    if isinstance(found, BaseExceptionGroup):
        assert found.subgroup(KeyboardInterrupt) is not None
    else:
        assert isinstance(found, KeyboardInterrupt)


async def test_an_error_on_the_way_out_of_a_time_out_is_the_time_out() -> None:
    @tool(trusted=True, timeout=0.05)
    async def f() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("in the way")

    result = await run(f)
    assert result.outcome == "timeout"


async def test_the_traceback_goes_to_the_log_alone(capsys: pytest.CaptureFixture[str]) -> None:
    @tool(trusted=True)
    def f() -> None:
        raise ValueError("short")

    result = await run(f)
    logged = capsys.readouterr().out
    assert result.content == "f failed: ValueError: short"
    assert "Traceback" in logged
    assert "test_trusted.py" in logged


async def test_a_function_that_never_returns_is_left_behind_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    release = threading.Event()

    @tool(trusted=True, timeout=0.05)
    def f() -> None:
        release.wait(10)

    assert abandoned_threads() == 0
    try:
        for number in (1, 2):
            assert (await run(f)).outcome == "timeout"
            assert abandoned_threads() == number
    finally:
        release.set()
    with anyio.fail_after(20):
        while abandoned_threads():  # noqa: ASYNC110 - threads tell nobody that they end
            await anyio.sleep(0.01)
    assert "tool left behind in its thread" in capsys.readouterr().out


async def test_threads_left_behind_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_THREADS", 2)
    monkeypatch.setattr(
        threads, "_limiter", anyio.lowlevel.RunVar[anyio.CapacityLimiter]("toolrun-test")
    )
    release = threading.Event()
    running: list[int] = []
    most: list[int] = []

    @tool(trusted=True, timeout=0.05)
    def hang() -> None:
        release.wait(10)

    @tool(trusted=True)
    def work() -> None:
        running.append(1)
        most.append(len(running))
        release.wait(0.02)
        running.pop()

    try:
        for _ in range(4):
            await run(hang)
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(run, work)
    finally:
        release.set()
    assert len(most) == 6
    assert max(most) <= 2


def test_a_function_that_never_returns_does_not_keep_the_process() -> None:
    code = (
        "import anyio, threading\n"
        "from toolrun import tool, ToolCall\n"
        "from toolrun.tools.context import CallContext\n"
        "from toolrun.tools.listener import Listener\n"
        "from toolrun.tools.definition import define\n"
        "from toolrun.tools.runners import TrustedRunner\n"
        "@tool(trusted=True, timeout=0.1)\n"
        "def hang() -> None:\n    threading.Event().wait()\n"
        "async def main():\n"
        "    call = ToolCall('a', 'hang', '{}')\n"
        "    print(await TrustedRunner().run(define(hang), call, {}, CallContext(), Listener()))\n"
        "anyio.run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "timeout" in done.stdout


async def test_a_tool_that_closes_its_descriptors_in_a_box_is_a_result() -> None:
    sandboxes = Sandboxes()
    try:
        boxes = SandboxRunner(sandboxes, "pure", None)
        result = await boxes.run(define(box_types.close_everything), CALL, {}, CONTEXT, Listener())
        again = await boxes.run(define(box_types.nothing), CALL, {}, CONTEXT, Listener())
    finally:
        await sandboxes.aclose()

    assert result.outcome == "crash"
    assert "close_everything gave no result: its process ended" in result.content
    assert again.outcome == "ok"
