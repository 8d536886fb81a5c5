"""Is what a trusted tool does timed, logged and told, however it ends?"""

from __future__ import annotations

import itertools
import threading
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from toolrun import ToolCall, ToolResult, tool
from toolrun.tools import threads
from toolrun.tools.context import CallContext
from toolrun.tools.definition import define
from toolrun.tools.listener import Listener
from toolrun.tools.runners import TrustedRunner

CALL = ToolCall("a", "f", "{}")
SECRET = "sk-0123456789"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("toolrun.tools.runners.time.perf_counter", lambda: next(ticks) * 1.23456789)


async def run(function: Any, listener: Listener | None = None, **options: Any) -> ToolResult:
    definition = define(tool(trusted=True, **options)(function))
    context = CallContext("s", call_id="a", secrets={"KEY": SECRET})
    result = await TrustedRunner().run(definition, CALL, {}, context, listener or Listener())
    assert not context.cancelled
    return result


async def test_a_result_says_how_long_it_took() -> None:
    async def f() -> str:
        return f"it is {SECRET}"

    result = await run(f)
    assert (result.content, result.outcome) == ("it is [secret KEY]", "ok")
    assert result.seconds == 1.234568


async def test_an_error_is_a_result_and_a_line_of_the_log_without_secrets() -> None:
    async def f() -> None:
        raise ValueError(SECRET)

    with capture_logs() as logs:
        result = await run(f)

    assert (result.outcome, result.seconds) == ("error", 1.234568)
    assert result.content.startswith("f ")
    assert "ValueError: [secret KEY]" in result.content
    [said] = logs
    text = said.pop("traceback")
    assert said == {"event": "tool raised", "log_level": "warning", "tool": "f", "call": "a"}
    assert text.endswith("ValueError: [secret KEY]\n")


async def test_an_error_is_cut() -> None:
    async def f() -> None:
        raise ValueError("x" * 5000)

    assert len((await run(f, max_output=200)).content) < 300


async def test_a_call_that_takes_too_long_is_a_result() -> None:
    async def f() -> None:
        await anyio.sleep_forever()

    definition = define(tool(trusted=True, timeout=0.01)(f))
    context = CallContext()
    result = await TrustedRunner().run(definition, CALL, {}, context, Listener())

    assert (result.outcome, result.seconds) == ("timeout", 1.234568)
    assert "it did not finish within 0.01 s and was stopped" in result.content
    assert result.content.startswith("f ")
    assert context.cancelled


async def test_a_function_that_runs_on_in_its_thread_is_told_of() -> None:
    left, goes_on, gone = list[int](), threading.Event(), threading.Event()

    def f() -> None:
        goes_on.wait(20)
        gone.set()

    definition = define(tool(trusted=True, timeout=0.01)(f))
    context = CallContext("s", call_id="a")
    listener = Listener(left=lambda: left.append(1))
    try:
        with capture_logs() as logs:
            result = await TrustedRunner().run(definition, CALL, {}, context, listener)
            await TrustedRunner().run(definition, CALL, {}, context, Listener())
    finally:
        goes_on.set()
        gone.wait(20)

    assert result.outcome == "timeout"
    assert left == [1]
    first, second = logs
    assert first.pop("threads") < second.pop("threads")
    expected = {"event": "tool left behind in its thread", "log_level": "warning"}
    assert first == second == {**expected, "session": "s", "call": "a", "tool": "f"}


async def test_its_thread_has_a_name() -> None:
    def f() -> str:
        return threading.current_thread().name

    assert (await run(f)).content == "toolrun tool"


@pytest.mark.parametrize("heard", [True, False])
async def test_what_a_function_yields_in_its_thread_is_told_in_order(*, heard: bool) -> None:
    told: list[tuple[str, str]] = []

    def f() -> Any:
        yield 1
        yield {"a": SECRET}
        return "last"

    listener = Listener(lambda stream, text: told.append((stream, text))) if heard else Listener()
    result = await run(f, listener)

    assert result.content == "last"
    expected = [("progress", "1"), ("progress", '{"a":"[secret KEY]"}')]
    assert told == (expected if heard else [])


async def test_a_thread_ends_where_no_job_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(threads, "_idle", {})
    seen: list[threading.Thread] = []

    def f() -> None:
        seen.append(threading.current_thread())

    await run(f)
    with anyio.fail_after(20):
        while seen[0].is_alive():  # noqa: ASYNC110 - a thread, which nothing can wait for here
            await anyio.sleep(0.01)
    await run(f)

    assert seen[0] is not seen[1]
    assert len(threads._idle) <= 1
