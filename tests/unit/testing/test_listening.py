"""Are a session's events heard, all of them, and for as long as one listens?"""

from __future__ import annotations

from toolrun import (
    Retried,
    Session,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    tool,
)
from toolrun.testing import Events, ScriptedModel, call, capture, say


@tool(trusted=True)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_events_of_an_open_session_are_heard_while_the_context_lasts() -> None:
    model = ScriptedModel(call("add", {"a": 1, "b": 2}), "It is 3.", "later")
    async with Session(model=model, tools=[add]) as session:
        with capture(session) as events:
            async with session.stream("1 + 2?") as stream:
                streamed = [type(event).__name__ async for event in stream]
        await session.ask("And?")

    assert events.names() == streamed
    assert events.names()[0] == "UserMessage"
    assert [each.name for each in events.of(ToolCallStarted)] == ["add"]
    assert len(events.of(ToolCallStarted, ToolCallFinished)) == 2
    assert [each.status for each in events.of(TurnFinished)] == ["finished"]
    assert events.text() == "It is 3."


def test_a_blocking_session_is_heard_too() -> None:
    with Session.sync(model=ScriptedModel("Hello.")) as session, capture(session) as events:
        session.ask("Hi.")

    assert events.names() == [
        *("UserMessage", "RequestSent", "StepFinished", "AssistantMessage", "TurnFinished")
    ]


def test_text_that_a_retry_made_void_is_left_out() -> None:
    events = Events(
        [
            TextDelta("preamble "),
            say("preamble "),
            TextDelta("wro"),
            Retried(1, "cut"),
            TextDelta("right"),
        ]
    )

    assert events.text() == "preamble right"
