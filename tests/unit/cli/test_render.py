"""Are the parts of a session told apart, and is the answer alone where it belongs?"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.cli.test_screen import obeyed, plain
from toolrun import events as ev
from toolrun.cli.render import Renderer, call_text, folded
from toolrun.cli.screen import Screen
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

CALL = ToolCall("c1", "word_count", '{"path":"a.txt"}')
ASKED = ev.UserMessage("How many?", time=1.0)
STARTED = ev.ToolCallStarted("c1", "word_count", {"path": "a.txt"}, "workspace-ro")
RESULT = ev.ToolCallFinished("c1", "word_count", ToolResult("42", seconds=0.123))
DONE = ev.TurnFinished("finished", time=3.5)
USAGE = Usage(prompt_tokens=1000, completion_tokens=50)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "50")


def shown(events: Iterable[ev.Event], *, live: bool = False, **more: Any) -> tuple[str, str]:
    """What goes to the answer's screen and to the other."""
    out, err = io.StringIO(), io.StringIO()
    renderer = Renderer(Screen(out, cursor=live), Screen(err, cursor=live), **more)
    for event in events:
        renderer.show(event)
    renderer.close()
    return out.getvalue(), err.getvalue()


def turn(*, streamed: bool) -> list[ev.Event]:
    """A turn with a preamble, a call and an answer."""
    first: list[ev.Event] = [ev.ReasoningDelta("I sh"), ev.ReasoningDelta("ould count.")]
    first += [ev.TextDelta("I will "), ev.TextDelta("count.")]
    second: list[ev.Event] = [ev.TextDelta("There "), ev.TextDelta("are 42.")]
    said = ev.AssistantMessage("I will count.", "I should count.", (CALL,), usage=USAGE)
    answer = ev.AssistantMessage("There are 42.", None, usage=USAGE)
    return [
        *(ASKED, *(first if streamed else []), said, STARTED, RESULT),
        *(*(second if streamed else []), answer, DONE),
    ]


@pytest.mark.parametrize("streamed", [True, False])
def test_only_the_answer_is_where_the_answer_goes(streamed: bool) -> None:  # noqa: FBT001
    out, err = shown(turn(streamed=streamed))
    assert out == "There are 42.\n"
    assert err.splitlines() == [
        "  ┊ I should count.",
        "  » I will count.",
        '  ▶ word_count(path="a.txt")  [sandbox workspace-ro]',
        "  ◀ word_count (0.12 s): 42",
        "— 2 steps, 1 call, 2,100 tokens, 2.5 s",
    ]


def test_on_a_terminal_a_preamble_is_shown_at_once_and_then_as_one() -> None:
    out, err = shown(turn(streamed=True), live=True)
    before, erased, after = out.partition("\r\x1b[J")
    assert before == "I will"  # the last word waits for its end
    assert erased
    assert after == "There are 42.\n"
    assert "  » I will count.\n" in err


def test_a_preamble_that_cannot_be_taken_back_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "3")
    text = "line\n" * 5
    events = [ev.TextDelta(text), ev.AssistantMessage(text, None, (CALL,))]
    out, err = shown(events, live=True)
    assert out == text
    assert err == "— this was said before the call:\n"


def test_one_screen_for_both_keeps_the_order() -> None:
    file = io.StringIO()
    screen = Screen(file, cursor=True)
    renderer = Renderer(screen, screen, recorded=True)
    for event in turn(streamed=True):
        renderer.show(event)
    renderer.close()
    shown_whole = plain(file).replace("I will", "", 1)  # was taken back
    assert shown_whole.splitlines() == [
        "\u276f How many?",
        "  ┊ I should count.",
        "  » I will count.",
        '  ▶ word_count(path="a.txt")  [sandbox workspace-ro]',
        "  ◀ word_count (0.12 s): 42",
        "There are 42.",
        "— 2 steps, 1 call, 2,100 tokens, 2.5 s",
    ]


def test_a_call_that_never_ran_is_shown_with_the_reason() -> None:
    bad = ToolCall("c1", "word_count", '{"path":')
    result = ToolResult("The arguments are not valid JSON.", "invalid")
    _, err = shown(
        [
            ev.AssistantMessage(None, None, (bad,)),
            ev.ToolCallFinished("c1", "word_count", result),
        ]
    )
    assert err.splitlines() == [
        '  ▶ word_count {"path":  [not run]',
        "  ✗ word_count (invalid, 0.00 s): The arguments are not valid JSON.",
    ]


def test_trusted_tools_look_different() -> None:
    _, err = shown([ev.ToolCallStarted("c1", "f", {}, None)])
    assert err == "  ▶ f()  [TRUSTED, in this process]\n"


def test_output_of_tools_that_run_at_once_is_told_apart() -> None:
    _, err = shown(
        [
            ev.ToolCallStarted("c1", "f", {}, "pure"),
            ev.ToolCallStarted("c2", "g", {}, "pure"),
            ev.ToolOutput("c1", "stdout", "one\n"),
            ev.ToolOutput("c2", "stdout", "two\n"),
        ]
    )
    assert err.splitlines()[2:] == ["    │ (f)", "    │ one", "    │ (g)", "    │ two"]


@pytest.mark.parametrize(
    ("events", "line"),
    [
        (
            [ev.LimitReached("steps", 3), ev.TurnFinished("limited")],
            "! limited: limits.steps = 3",
        ),
        ([ev.TurnFinished("cancelled")], "! cancelled"),
        ([ev.Retried(1, "a stream broke off")], "! sampling again (1): a stream broke off"),
        (
            [ev.Retried(2, "answered 503", wait=1.25, code="http-503")],
            "! sampling again in 1.2 s (2): answered 503",
        ),
        ([ev.Warned("code", "the server drops it")], "! the server drops it"),
        (
            [ev.ApprovalRequested("c1", "rm", {"path": "x" * 500}, "it deletes")],
            f'? waits for approval: rm(path="{"x" * 500}")  (it deletes)',
        ),
        ([ev.ApprovalDecided("c1", "deny", reason="never")], "— decided: deny: never"),
    ],
)
def test_what_else_happens_is_said(events: list[ev.Event], line: str) -> None:
    assert shown(events)[1] == f"{line}\n"


def test_text_of_a_step_that_did_not_complete_is_no_answer() -> None:
    out, err = shown([ASKED, ev.TextDelta("There ar"), ev.TurnFinished("cancelled", time=2.0)])
    assert out == ""
    assert "  » There ar\n! cancelled" in err


def test_text_of_a_step_that_is_sampled_again_is_not_repeated() -> None:
    events = [ev.TextDelta("Ther"), ev.Retried(1, "cut"), *turn(streamed=True)[-4:]]
    assert shown(events)[0] == "There are 42.\n"


def test_on_a_terminal_what_a_retry_made_void_is_taken_back_or_named() -> None:
    seen = [ev.ReasoningDelta("Hm."), ev.TextDelta("Ther "), ev.Retried(1, "cut")]
    out, err = shown([*seen, *turn(streamed=True)[-4:]], live=True)
    assert out == "Ther\r\x1b[JThere are 42.\n"
    assert "! sampling again (1): cut; what it had said of this step is void\n" in err


def test_a_failure_is_told_by_its_error_and_in_a_recording_by_its_event() -> None:
    failed = [ASKED, ev.TurnFinished("failed", "ServerUnreachable: no server", time=2.0)]
    assert shown(failed)[1] == ""
    assert "! failed: ServerUnreachable: no server" in shown(failed, recorded=True)[1]


def test_long_values_and_results_are_cut_with_a_count() -> None:
    assert call_text("f", {"x": "a" * 300}) == f'f(x="{"a" * 199}... (102 more))'
    assert folded("line\n" * 20) == "line\n" * 12 + "... 8 more lines"
    assert folded("x" * 2_100) == "x" * 2_000 + "... (100 more)"


def test_what_a_call_changed_is_shown_after_its_result() -> None:
    result = ToolResult("done", note="[Changed: a.txt]")
    _, err = shown([ev.ToolCallFinished("c1", "f", result)])

    assert err.index("done") < err.index("[Changed: a.txt]")


EVIL = "\x1b]52;c;x\x07\x1b[2J\x9b1A\r\u202e"


def test_hostile_text_in_any_field_reaches_no_terminal() -> None:
    call = ToolCall("c1", EVIL, EVIL)
    result = ToolResult(EVIL, "error", note=EVIL)
    events: list[ev.Event] = [
        *(ev.UserMessage(EVIL), ev.ReasoningDelta(EVIL), ev.TextDelta(EVIL), ev.Warned(EVIL, EVIL)),
        *(ev.AssistantMessage(EVIL, EVIL, (call,)), ev.ToolCallFinished("c1", EVIL, result)),
        *(ev.ToolCallStarted("c2", EVIL, {EVIL: EVIL}, EVIL), ev.ToolOutput("c2", "stdout", EVIL)),
        *(ev.Retried(1, EVIL), ev.Repaired("c2", EVIL, EVIL, EVIL), ev.LimitReached(EVIL, 1)),
        *(ev.ApprovalRequested("c3", EVIL, {EVIL: EVIL}, EVIL), ev.TurnFinished("failed", EVIL)),
        ev.ApprovalDecided("c3", "deny", reason=EVIL),
    ]
    for live in (False, True):
        out, err = io.StringIO(), io.StringIO()
        screens = [Screen(file, colour=True, cursor=live) for file in (out, err)]
        renderer = Renderer(*screens, recorded=True)
        for event in events:
            renderer.show(event)
        renderer.close()
        assert len(re.findall("52;c;x", err.getvalue())) >= len(events)
        assert obeyed(plain(out) + plain(err)) == []
