"""Does a line that is logged during a turn say of which session, turn, step and call it is?"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars
from structlog.testing import LogCapture

from tests.rig.mock import Call, MockServer, Step
from tests.unit.test_turn import call, session
from toolrun import Approve, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.decisions import Decision
    from toolrun.values import ToolCall


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged, as anybody's configuration with context variables has it."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[merge_contextvars, capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


async def test_what_tools_and_toolrun_log_says_where_it_comes_from(
    mock: MockServer, logged: list[Any]
) -> None:
    @tool(trusted=True)
    async def looks() -> None:
        structlog.get_logger().info("looking", tool="mine")

    @tool(trusted=True)
    def looks_in_a_thread() -> None:
        structlog.get_logger().info("looking elsewhere")

    @tool(trusted=True)
    async def breaks() -> None:
        raise ValueError

    async def approver(_: ToolCall) -> Decision:
        return Approve()

    mock.script(
        Step(tool_calls=(Call("looks", id="c1"), Call("looks_in_a_thread", id="c2"))),
        Step(tool_calls=(Call("breaks", id="c3"),)),
        Step("", "Done."),
    )
    async with session(mock, tools=[looks, looks_in_a_thread, breaks], approve=approver) as chat:
        with bound_contextvars(request="r1"):
            await chat.ask("First.")
            assert get_contextvars() == {"request": "r1"}

    place = {"session": chat.id, "turn": 1, "request": "r1"}
    said = {entry["event"]: entry for entry in logged}
    assert said["looking"] == {
        **place,
        "step": 1,
        "call": "c1",
        "event": "looking",
        "log_level": "info",
        "tool": "mine",
    }
    assert said["looking elsewhere"] == {
        **place,
        "step": 1,
        "call": "c2",
        "event": "looking elsewhere",
        "log_level": "info",
    }
    # toolrun's own line.
    raised = said["tool raised"]
    assert {name: raised[name] for name in (*place, "step", "call", "tool")} == {
        **place,
        "step": 2,
        "call": "c3",
        "tool": "breaks",
    }


async def test_a_step_is_bound_while_it_is_sampled_and_no_call_is_then(
    mock: MockServer, logged: list[Any]
) -> None:
    seen: list[dict[str, Any]] = []

    class Looks:
        observes = True

        def observe(self, event: Any) -> None:
            seen.append({"type": type(event).__name__, **get_contextvars()})

        async def record(self, event: Any) -> None:
            seen.append({"type": type(event).__name__, **get_contextvars()})

    mock.script(Step(tool_calls=(call("echo", "c1", text="a"),)), Step("", "Done."))
    async with session(mock, sinks=[Looks()]) as chat:
        await chat.ask("Go.")
        await chat.ask("Again.")

    turns = [each["turn"] for each in seen if each["type"] == "AssistantMessage"]
    assert turns == [1, 1, 2, 2]
    of_steps = [each for each in seen if each["type"] in ("RequestSent", "AssistantMessage")]
    assert [each["step"] for each in of_steps] == [1, 1, 2, 2, 1, 1, 2, 2]
    assert all("call" not in each for each in of_steps)
    (started, *_) = (each for each in seen if each["type"] == "ToolCallStarted")
    assert (started["step"], started["call"]) == (1, "c1")
    assert all("turn" not in each for each in seen if each["type"] == "SessionOpened")
    assert get_contextvars() == {}


async def test_the_standard_library_s_loggers_say_it_too(
    mock: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the documentation sets them up: docs/how-to/observe.md."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[merge_contextvars, structlog.stdlib.add_log_level],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger("somebody.else")
    logger.addHandler(handler)

    @tool(trusted=True)
    def looks() -> None:
        logger.warning("plain words")

    mock.script(Step(tool_calls=(Call("looks", id="c1"),)), Step("", "Done."))
    try:
        async with session(mock, tools=[looks]) as chat:
            await chat.ask("Go.")
    finally:
        logger.removeHandler(handler)

    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert line == {
        "session": chat.id,
        "turn": 1,
        "step": 1,
        "call": "c1",
        "event": "plain words",
        "level": "warning",
    }
