"""Does whatever a tool does come back as a result, from this process and from a box?"""

from __future__ import annotations

import functools
import json
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import anyio.lowlevel
import pytest

from tests.unit.tools import box_tools
from toolrun import SandboxUnavailable, ToolCall, ToolResult, tool
from toolrun.sandbox import load_profile
from toolrun.tools import sandboxes
from toolrun.tools.context import CallContext, whose
from toolrun.tools.definition import define
from toolrun.tools.listener import Listener
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CALL = ToolCall("a", "f", "{}")
CONTEXT = CallContext(session="s", tenant="acme", call_id="a", idempotency_key="s.1.1.a")


async def trusted(function: Callable[..., Any], /, **arguments: Any) -> ToolResult:
    if not hasattr(function, "__toolrun__"):
        function = tool(trusted=True)(function)
    return await TrustedRunner().run(define(function), CALL, arguments, CONTEXT, Listener())


async def test_a_plain_function_runs_in_a_thread() -> None:
    def f(x: int) -> list[Any]:
        return [x, threading.current_thread() is threading.main_thread()]

    result = await trusted(f, x=1)
    assert (result.content, result.outcome) == ("[1,false]", "ok")
    assert result.seconds > 0


async def test_a_coroutine_function_runs_on_the_loop() -> None:
    async def f(x: int) -> list[Any]:
        await anyio.lowlevel.checkpoint()
        return [x, threading.current_thread() is threading.main_thread()]

    assert (await trusted(f, x=1)).content == "[1,true]"


async def test_a_plain_function_around_a_coroutine_function_is_awaited() -> None:
    async def inner(x: int) -> int:
        await anyio.lowlevel.checkpoint()
        return x + 1

    @functools.wraps(inner)
    def f(x: int) -> Any:
        return inner(x)

    assert (await trusted(f, x=1)).content == "2"


@pytest.mark.parametrize("of", ["a plain function", "a coroutine function"])
async def test_an_exception_is_a_result(of: str) -> None:
    def plain() -> NoReturn:
        raise ValueError("no such city")

    async def coroutine() -> NoReturn:
        await anyio.lowlevel.checkpoint()
        raise ValueError("no such city")

    result = await trusted(plain if "plain" in of else coroutine)
    assert result.outcome == "error"
    assert result.content.endswith("failed: ValueError: no such city")


async def test_what_a_tool_held_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    def f() -> NoReturn:
        secret = "sk-" + "1234"
        raise ValueError(len(secret))

    await trusted(f)
    logged = capsys.readouterr().out
    assert "ValueError: 7" in logged
    assert "sk-1234" not in logged


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), StopAsyncIteration()])
async def test_no_exception_of_a_tool_ends_the_session(error: BaseException) -> None:
    async def coroutine() -> NoReturn:
        raise error

    def plain() -> NoReturn:
        raise error

    for function in (coroutine, plain):
        assert (await trusted(function)).outcome == "error"


async def test_an_exception_whose_text_raises_is_a_result() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def f() -> NoReturn:
        raise Silent

    result = await trusted(f)
    assert result.outcome == "error"
    assert "Silent" in result.content


async def test_arguments_that_cannot_be_built_are_a_result() -> None:
    def f(point: box_tools.Point) -> int:
        return point.x

    f.__annotations__["point"] = box_tools.Point
    assert (await trusted(f, point={"x": 1, "y": 2})).content == "1"
    assert (await trusted(f, point={"x": 1, "y": "far"})).outcome == "error"


async def test_a_coroutine_that_hangs_is_stopped() -> None:
    stopped = anyio.Event()

    @tool(trusted=True, timeout=0.05)
    async def f() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    result = await trusted(f)
    assert result.outcome == "timeout"
    assert "did not finish within 0.05 s and was stopped" in result.content
    assert stopped.is_set()


async def test_a_thread_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    @tool(trusted=True, timeout=0.05)
    def f() -> None:
        release.wait(10)

    try:
        assert (await trusted(f)).outcome == "timeout"
    finally:
        release.set()


async def test_a_time_out_of_the_tools_own_is_an_error() -> None:
    async def f() -> None:
        with anyio.fail_after(0):
            await anyio.sleep_forever()

    assert (await trusted(f)).outcome == "error"


async def test_a_long_result_is_cut() -> None:
    @tool(trusted=True, max_output=100)
    def f() -> str:
        return "<" + "x" * 1000 + ">"

    result = await trusted(f)
    assert result.content.startswith("<x")
    assert "[... 902 bytes left out ...]" in result.content
    assert result.content.endswith("x>")


@pytest.fixture
async def boxes() -> AsyncIterator[SandboxRunner]:
    sandboxes = Sandboxes()
    yield SandboxRunner(sandboxes, "pure", None)
    await sandboxes.aclose()


async def boxed(
    boxes: SandboxRunner, function: Callable[..., Any], /, **arguments: Any
) -> tuple[ToolResult, list[tuple[str, str]]]:
    said: list[tuple[str, str]] = []
    result = await boxes.run(
        define(function),
        CALL,
        arguments,
        CONTEXT,
        Listener(lambda stream, text: said.append((stream, text))),
    )
    return result, said


async def test_a_box_gives_the_result_and_what_was_printed(boxes: SandboxRunner) -> None:
    result, said = await boxed(boxes, box_tools.add, a=2)

    assert (result.content, result.outcome) == ("3", "ok")
    assert "".join(text for stream, text in said if stream == "stdout") == "adding\n"
    assert result.seconds > 0


async def test_a_box_builds_dataclasses(boxes: SandboxRunner) -> None:
    result, _ = await boxed(boxes, box_tools.move, point={"x": 1, "y": 2}, by=3)

    assert json.loads(result.content) == {"x": 4, "y": 5}


async def test_an_exception_in_a_box_is_a_result(boxes: SandboxRunner) -> None:
    result, _ = await boxed(boxes, box_tools.fail, why="no such city")

    assert result.outcome == "error"
    assert "fail failed: ValueError: no such city" in result.content


async def test_a_box_that_hangs_is_killed(boxes: SandboxRunner) -> None:
    result, _ = await boxed(boxes, box_tools.hang)

    assert result.outcome == "timeout"
    assert "hang gave no result" in result.content


async def test_a_box_that_crashes_is_a_result(boxes: SandboxRunner) -> None:
    result, _ = await boxed(boxes, box_tools.crash)

    assert result.outcome == "crash"
    assert "crash gave no result" in result.content
    assert "consider another way" in result.content


async def test_a_tool_that_ends_python_in_a_box_is_a_result(boxes: SandboxRunner) -> None:
    result, _ = await boxed(boxes, box_tools.leave)

    assert result.outcome in ("error", "crash")


async def test_a_long_result_of_a_box_is_cut(boxes: SandboxRunner) -> None:
    result, _ = await boxed(boxes, box_tools.talk)

    assert "bytes left out" in result.content
    assert len(result.content) < 200


async def test_sandboxes_are_opened_once_for_each_profile(boxes: SandboxRunner) -> None:
    sandboxes = boxes._sandboxes
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(boxes.prepare, define(box_tools.add))

    assert [profile for profile, *_ in sandboxes._open] == [load_profile("pure")]
    assert await sandboxes.opened("pure", None) is await sandboxes.opened("pure", None)


async def test_without_a_sandbox_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unavailable:
        def __init__(self, *arguments: Any, **options: Any) -> None: ...

        async def open(self) -> None:
            raise SandboxUnavailable("no backend")

        async def call(self, *arguments: Any, **options: Any) -> NoReturn:
            raise AssertionError("it ran")

    monkeypatch.setattr(sandboxes, "Sandbox", Unavailable)
    boxes = SandboxRunner(Sandboxes(), "pure", None)
    with pytest.raises(SandboxUnavailable):
        await boxed(boxes, box_tools.add, a=1)
    with pytest.raises(SandboxUnavailable):  # asked again, it is no more open than before
        await boxed(boxes, box_tools.add, a=1)


def test_box_tools_are_not_run_here() -> None:
    assert "tests.unit.tools.box_tools" in sys.modules  # imported, as a definition needs
    assert define(box_tools.add).source is not None


def test_a_box_is_never_kept_for_two() -> None:
    assert whose("acme", "one") == whose("acme", "two")
    assert whose(None, "one") != whose(None, "two")
    assert whose("one", "two") != whose(None, "one")  # a session can have a tenant's name
    assert whose("", "one") == whose(None, "one")
    assert whose("", "") is None
