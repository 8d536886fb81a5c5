"""Is the model told what became of a call whose process died, and is somebody asked?"""

from __future__ import annotations

import pytest

from toolrun import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    ToolCall,
    ToolCallStarted,
    ToolResult,
    UserMessage,
)
from toolrun.state import State, fold
from toolrun.tools.checked import Undecided, Wrong
from toolrun.tools.surviving import after_crash, unknown

CALL = ToolCall("a", "functions.f", "{}")
UNKNOWN = (
    "f gave no result: the process that ran it ended while it ran. Its outcome is unknown: it may "
    "or may not have happened. Look before you do it again."
)
FITS = Undecided("f", {}, "as if it were new")
ASKED = ApprovalRequested("a", "f", {"x": 1}, "it asks")


def began(*after: ApprovalRequested | ApprovalDecided, first: bool = False) -> State:
    """A session in which the call began, and what was decided on it before or after that."""
    started = ToolCallStarted("a", "f", {"x": 1}, seq=7, time=1_000_000_000.4)
    said = AssistantMessage(tool_calls=(CALL,))
    events = [*after, started] if first else [started, *after]
    return fold([UserMessage("go"), said, *events])


@pytest.mark.parametrize("policy", ["rerun", "key"])
def test_what_may_run_again_does(policy: str) -> None:
    assert after_crash(CALL, FITS, policy, began()) is FITS  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", ["rerun", "key", "ask"])
def test_what_no_longer_fits_is_unknown(policy: str) -> None:
    wrong = Wrong(ToolResult("no such tool", "invalid"))
    left = after_crash(CALL, wrong, policy, began())  # type: ignore[arg-type]

    assert left == Wrong(ToolResult(UNKNOWN, "unknown"))


def test_what_may_never_run_again_is_unknown() -> None:
    assert after_crash(CALL, FITS, "never", began()) == Wrong(ToolResult(UNKNOWN, "unknown"))


@pytest.mark.parametrize(("copied", "asks"), [(6, False), (7, True), (8, True)])
def test_a_key_is_of_the_session_that_the_call_began_in(copied: int, *, asks: bool) -> None:
    state = began()
    state.copied = copied

    assert (after_crash(CALL, FITS, "key", state) is not FITS) is asks


def test_somebody_is_asked_and_told_when_it_began() -> None:
    asked = after_crash(CALL, FITS, "ask", began())

    assert asked == Undecided(
        "f",
        {"x": 1},
        "f was started at 2001-09-09 01:46:40+00:00, and its process ended before it had a result: "
        "it may or may not have happened. Approved, it runs again, with the same idempotency key; "
        "denied, the model is told that its outcome is unknown",
    )


def test_what_was_decided_before_it_began_does_not_count() -> None:
    before = began(ASKED, ApprovalDecided("a", "approve"), first=True)

    assert after_crash(CALL, FITS, "ask", before) != FITS


def test_once_somebody_has_decided_it_runs() -> None:
    after = began(ASKED, ApprovalDecided("a", "approve"))

    assert after_crash(CALL, FITS, "ask", after) is FITS


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        (None, ""),
        (ApprovalDecided("a", "approve"), ""),
        (ApprovalDecided("a", "deny"), " The user denied that it be run again."),
        (
            ApprovalDecided("a", "deny", reason="no"),
            " The user denied that it be run again: no",
        ),
    ],
)
def test_a_denial_is_told_with_its_reason(decided: ApprovalDecided | None, said: str) -> None:
    assert unknown("f", decided) == Wrong(ToolResult(UNKNOWN + said, "unknown"))


def test_a_denial_of_the_call_itself_is_not_one_of_running_it_again() -> None:
    wrong = Wrong(ToolResult("denied", "denied"))
    denied = ApprovalDecided("a", "deny", reason="no")
    before = after_crash(CALL, wrong, "ask", began(ASKED, denied, first=True))
    after = after_crash(CALL, wrong, "ask", began(ASKED, denied))

    assert isinstance(before, Wrong)
    assert isinstance(after, Wrong)
    assert before.result.content == UNKNOWN
    assert after.result.content == f"{UNKNOWN} The user denied that it be run again: no"
