"""Does every end of a turn, and every error, have its exit code?"""

from __future__ import annotations

import pytest

from toolrun import errors
from toolrun.answer import Answer, MadeCall
from toolrun.cli.exits import Exit, of_answer, of_error
from toolrun.values import ToolResult

FAILED = MadeCall("c", "rm", "{}", ToolResult("no", "error"))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer("42", "finished"), 0),
        (Answer("", "finished"), 1),
        (Answer("", "finished", tool_calls=(FAILED,)), 1),
        (Answer("", "failed"), 1),
        (Answer("some", "limited"), 3),
        (Answer("", "parked"), 6),
        (Answer("some", "cancelled"), 130),
    ],
)
def test_of_an_answer(answer: Answer, code: int) -> None:
    assert of_answer(answer) == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer("42", "finished"), 4),
        (Answer("", "finished"), 4),
        (Answer("some", "limited"), 3),
        (Answer("", "parked"), 6),
        (Answer("some", "cancelled"), 130),
    ],
)
def test_of_an_answer_to_a_turn_in_which_a_call_was_denied(answer: Answer, code: int) -> None:
    assert of_answer(answer, denied=True) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.ToolDefinitionError("x"), 2),
        (errors.MissingExtra("x"), 2),
        (errors.ServerUnreachable("x"), 5),
        (errors.ServerTimeout("x", "connect"), 5),
        (errors.ModelNotFound("x"), 5),
        (errors.SandboxUnavailable("x"), 1),
        (errors.TraceError("x", 1), 1),
        (RuntimeError("x"), 1),
    ],
)
def test_of_an_error(error: Exception, code: int) -> None:
    assert of_error(error) == code


def test_the_codes_are_those_that_scripts_rely_on() -> None:
    assert {each.name: each.value for each in Exit} == {
        "ANSWER": 0,
        "NO_ANSWER": 1,
        "USAGE": 2,
        "LIMITED": 3,
        "DENIED": 4,
        "SERVER": 5,
        "PARKED": 6,
        "INTERRUPTED": 130,
    }
