"""What does a turn come to, and what does `raise_for_status` raise for each end?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolrun import (
    Answer,
    ApprovalRequested,
    AssistantMessage,
    LimitReached,
    ToolCall,
    ToolCallFinished,
    ToolResult,
    ToolrunError,
    TurnCancelled,
    TurnFinished,
    TurnIncomplete,
    TurnLimited,
    TurnParked,
    Usage,
    UserMessage,
)
from toolrun.answer import answer_of
from toolrun.state import fold

if TYPE_CHECKING:
    from toolrun.values import Status

CALL = ToolCall("a", "f", "{}")


def test_a_finished_answer_is_itself() -> None:
    answer = Answer("Hello", "finished")

    assert answer.raise_for_status() is answer


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Answer("", "limited", limit=LimitReached("steps", 3)), TurnLimited, r"limits.steps = 3;"),
        (Answer("", "limited"), TurnLimited, "a limit"),
        (
            Answer("", "parked", pending=(ApprovalRequested("a", "f", {}, "it asks"),)),
            TurnParked,
            r"f \(a\)",
        ),
        (Answer("", "parked", reason="the worker ends"), TurnParked, r"\(the worker ends\); go_on"),
        (Answer("", "cancelled"), TurnCancelled, r"go_on\(\)"),
        (Answer("", "cancelled", reason="a new one"), TurnCancelled, r"cancelled \(a new one\);"),
        (Answer("", "failed", error="ServerStatus: no"), TurnIncomplete, "ServerStatus: no"),
    ],
)
def test_every_other_end_is_raised(answer: Answer, kind: type[TurnIncomplete], said: str) -> None:
    with pytest.raises(TurnIncomplete, match=said) as caught:
        answer.raise_for_status()

    assert type(caught.value) is kind
    assert caught.value.answer is answer


def test_an_answer_adds_the_steps_of_its_turn_up_and_no_others() -> None:
    first = AssistantMessage(reasoning="why", tool_calls=(CALL,), usage=Usage(10, 2, 1, 1), step=1)
    last = AssistantMessage(content="Done.", reasoning="so", usage=Usage(20, 3, 2, 2), step=2)
    state = fold(
        [
            UserMessage("earlier"),
            AssistantMessage(content="Earlier.", reasoning="old", usage=Usage(1, 1), step=1),
            TurnFinished("finished"),
            UserMessage("now"),
            first,
            ToolCallFinished("a", "f", ToolResult("1")),
            last,
            TurnFinished("finished"),
        ]
    )
    answer = answer_of(state)

    assert (answer.text, answer.status, answer.reasoning) == ("Done.", "finished", "why\n\nso")
    assert answer.usage == Usage(30, 5, 3, 3)
    assert answer.usage.total_tokens == 35
    assert answer.steps == (first, last)
    assert [(call.id, call.result) for call in answer.tool_calls] == [("a", ToolResult("1"))]


def test_the_same_id_in_two_steps_keeps_both_results() -> None:
    called = [AssistantMessage(tool_calls=(CALL,), step=step) for step in (1, 2)]
    state = fold(
        [
            UserMessage("go"),
            called[0],
            ToolCallFinished("a", "f", ToolResult("one")),
            called[1],
            ToolCallFinished("a", "f", ToolResult("two")),
            TurnFinished("limited"),
        ]
    )
    results = [call.result.content for call in answer_of(state).tool_calls if call.result]

    assert results == ["one", "two"]


@pytest.mark.parametrize("status", ["limited", "finished"])
def test_a_limit_stands_only_beside_the_status_limited(status: Status) -> None:
    limit = LimitReached("steps", 1)
    state = fold([UserMessage("go"), limit, TurnFinished(status)])

    assert answer_of(state).limit == (limit if status == "limited" else None)


def test_a_preamble_is_not_an_answer() -> None:
    state = fold(
        [
            UserMessage("go"),
            AssistantMessage(content="I look.", tool_calls=(CALL,), step=1),
            ApprovalRequested("a", "f", {}, "it asks"),
            TurnFinished("parked"),
        ]
    )
    answer = answer_of(state)

    assert answer.text == ""
    assert [each.call_id for each in answer.pending] == ["a"]
    assert answer.tool_calls[0].result is None


def test_before_the_end_there_is_no_answer() -> None:
    with pytest.raises(ToolrunError, match="no turn has ended"):
        answer_of(fold([UserMessage("go")]))
