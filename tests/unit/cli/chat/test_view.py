"""Is a turn seen as it happens, and told apart: what is final, what runs, what is void?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from toolrun import events as ev
from toolrun.cli.chat.view.blocks import Block, diff, table
from toolrun.cli.chat.view.look import Look
from toolrun.cli.chat.view.view import View
from toolrun.cli.screen import WARNING
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = Look(colour=False)
CALL = ToolCall("1", "shell", '{"cmd": "ls"}')
STARTED = ev.ToolCallStarted("1", "shell", {"cmd": "ls"}, "pure", time=100.0)
WIDTH = 60


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> View:
    return View(PLAIN, clock)


def show(view: View, *events: ev.Event) -> list[str]:
    """The lines that became final with these events, a frame after each."""
    lines = []
    for event in events:
        view.show(event)
        lines += view.settled(WIDTH)
        view.live(WIDTH, 20)
    return lines


def deltas(text: str) -> Iterable[ev.Event]:
    return [ev.TextDelta(text[at : at + 3]) for at in range(0, len(text), 3)]


def finished(content: str, outcome: str = "ok", call: str = "1") -> ev.ToolCallFinished:
    result = ToolResult(content, outcome, 0.5)  # type: ignore[arg-type]
    return ev.ToolCallFinished(call, "shell", result)


def test_a_turn_is_printed_part_by_part(view: View) -> None:
    lines = show(
        view,
        ev.UserMessage("What is here?", time=100.0),
        ev.ReasoningDelta("I look.\nThen I", time=101.0),
        ev.ReasoningDelta(" say.", time=102.5),
        *deltas("I look."),
        ev.AssistantMessage("I look.", "I look.\nThen I say.", (CALL,)),
        STARTED,
        ev.ToolOutput("1", "stdout", "a\nb\n"),
        finished("a\nb\n"),
        *deltas("There is **a**."),
        ev.AssistantMessage("There is **a**."),
        ev.TurnFinished("finished", time=104.0),
    )
    assert lines == [
        "\u276f What is here?",
        "",
        "  ┊ thought: 2 lines, 1.5 s  /show 1",
        "  » I look.",
        '  ▶ shell(cmd="ls")  [sandbox pure]',
        "    │ a",
        "    │ b",
        "  ◀ shell (0.50 s)",
        "",
        "There is **a**.",
        "",
        "— 2 steps, 1 call, 0 tokens, 4.0 s",
    ]
    assert view.whole(WIDTH) == lines


def test_the_marks_of_an_answer_become_colours_where_there_are_any(clock: Clock) -> None:
    view = View(Look(), clock)
    assert show(view, ev.AssistantMessage("a **b** `c`")) == ["a \x1b[1mb\x1b[0m \x1b[36mc\x1b[0m"]


def test_reasoning_is_a_line_or_all_of_it_dim(view: View) -> None:
    show(view, ev.ReasoningDelta("one\ntwo\nthr", time=101.0))
    assert view.live(WIDTH, 10) == ["  ┊ thinking: 3 lines, 0 s"]
    assert view.fold()
    assert view.whole(WIDTH) == ["  ┊ one", "  ┊ two"]
    assert view.live(WIDTH, 10) == ["  ┊ thr"]
    assert show(view, ev.ReasoningDelta("ee", time=104.0), ev.TextDelta("x")) == ["  ┊ three"]
    assert view.fold(1)
    assert view.whole(WIDTH) == ["  ┊ thought: 3 lines, 3.0 s  /show 1"]
    assert view.fold(1)
    assert view.whole(WIDTH)[0] == "  ┊ one"
    assert not view.fold(77)


def test_reasoning_that_fits_on_a_line_is_that_line(view: View) -> None:
    lines = show(view, ev.ReasoningDelta("I look."), ev.TextDelta("x"))
    assert lines == ["  ┊ I look."]
    assert view.fold(1)
    assert view.whole(WIDTH) == ["  ┊ thought: 1 line  /show 1"]


def test_a_program_is_shown_as_the_lines_that_it_has(view: View) -> None:
    code = "rows = 1\nif rows:\n    print(rows)\n"
    view.show(ev.ToolCallStarted("1", "python", {"code": code}, "python", time=100.0))
    lines = [
        "  ▶ python()  [sandbox python]",
        "    rows = 1",
        "    if rows:",
        "        print(rows)",
    ]
    assert view.live(WIDTH, 20) == [f"{lines[0]}  0 s", *lines[1:]]
    assert show(view, finished("1")) == [*lines, "  ◀ python (0.50 s): 1"]


def test_a_long_program_is_folded(view: View) -> None:
    code = "\n".join(f"x{number} = 0" for number in range(40))
    view.show(ev.ToolCallStarted("1", "python", {"code": code}, "python", time=100.0))
    lines = show(view, finished("1"))
    assert lines[13] == "    ... 25 more lines  /show 1"
    assert len(lines) == 1 + 12 + 1 + 3 + 1
    assert view.fold(1)
    assert len(view.whole(WIDTH)) == 42


def test_a_result_of_several_lines_begins_on_one_of_its_own(view: View) -> None:
    show(view, STARTED)
    assert show(view, finished("1  one\n2  two"))[1:] == [
        "  ◀ shell (0.50 s):",
        "    1  one",
        "    2  two",
    ]


def test_of_a_result_only_what_was_not_printed_before_is_shown(view: View) -> None:
    show(view, STARTED, ev.ToolOutput("1", "stdout", "one\ntwo\n"))
    lines = show(view, finished("one\ntwo\n[exit code 3]", "error"))
    assert lines[1:] == ["    │ one", "    │ two", "  ✗ shell (error, 0.50 s): [exit code 3]"]


def test_a_call_of_a_copied_session_was_made(view: View) -> None:
    show(view, ev.AssistantMessage(tool_calls=(CALL,)))
    assert show(view, finished("a.py")) == ['  ▶ shell(cmd="ls")', "  ◀ shell: a.py"]


def test_a_preamble_that_was_short_is_shown_as_one(view: View) -> None:
    assert show(view, *deltas("Now I look.\n\nReally.\n\n")) == []
    lines = show(view, ev.AssistantMessage("Now I look.\n\nReally.", tool_calls=(CALL,)))
    assert lines == ["  » Now I look.", "  »", "  » Really."]


def test_a_long_preamble_is_said_to_have_been_one_once_it_was_printed(view: View) -> None:
    text = "\n\n".join(f"Line {number}." for number in range(9))
    seen = show(view, *deltas(text + "\n\n"))
    assert seen[:3] == ["Line 0.", "", "Line 1."]
    rest = show(view, ev.AssistantMessage(text, tool_calls=(CALL,)))
    assert rest[-1] == "— this was said before the call:"
    assert view.whole(WIDTH)[0] == "  » Line 0."
    assert "— this was said before the call:" not in view.whole(WIDTH)


def test_a_step_that_nobody_has_seen_is_gone_when_it_begins_anew(view: View) -> None:
    show(view, *deltas("Half an answ"))
    again = ev.Retried(1, "it broke")
    assert show(view, again) == ["! sampling again (1): it broke"]
    assert show(view, ev.AssistantMessage("An answer.")) == ["", "An answer."]


def test_what_was_printed_of_a_step_that_begins_anew_is_said_to_be_void(view: View) -> None:
    text = "\n\n".join(f"Line {number}." for number in range(9))
    assert show(view, ev.ReasoningDelta("Hm."), *deltas(text))[2] == "Line 0."
    lines = show(view, ev.Retried(1, "it broke", 2.0))
    assert [line for line in lines if line] == [
        "! sampling again in 2.0 s (1): it broke; what it had said",
        "  of this step is void",
    ]
    show(view, ev.AssistantMessage("An answer."))
    assert view.whole(WIDTH)[-1] == "An answer."
    assert not any("Line" in line or "thought" in line for line in view.whole(WIDTH))


def test_calls_at_once_show_what_each_prints_and_are_printed_in_their_order(
    view: View, clock: Clock
) -> None:
    show(view, STARTED, ev.ToolCallStarted("2", "f", {}, None, time=100.0))
    show(view, ev.ToolOutput("2", "stdout", "of two\n"), ev.ToolOutput("1", "stderr", "of one\n"))
    clock.now = 103.2
    assert view.live(WIDTH, 20) == [
        '  ▶ shell(cmd="ls")  [sandbox pure]  3 s',
        "    │ of one",
        "  ▶ f()  [TRUSTED, in this process]  3 s",
        "    │ of two",
    ]
    assert show(view, finished("2 is done", call="2")) == []
    lines = show(view, finished("no", "timeout"))
    assert lines[1:3] == ["    │ of one", "  ✗ shell (timeout, 0.50 s): no"]
    assert lines[-1] == "  ◀ f (0.50 s): 2 is done"


def test_there_is_something_new_while_seconds_pass(view: View, clock: Clock) -> None:
    show(view, STARTED)
    new = [view.changed]
    clock.now = 101.0
    new.append(view.changed)
    view.live(WIDTH, 5)
    new.append(view.changed)
    show(view, finished("done"))
    clock.now = 109.0
    new.append(view.changed)
    assert new == [False, True, False, False]


def test_ten_thousand_lines_are_folded_and_shown_by_their_number(view: View) -> None:
    text = "".join(f"line {number}\n" for number in range(10_000))
    show(view, STARTED, ev.ToolOutput("1", "stdout", text))
    assert view.live(WIDTH, 4)[1:] == [f"    │ line {number}" for number in (9997, 9998, 9999)]
    lines = show(view, finished(text))
    assert len(lines) == 1 + 4 + 1 + 8 + 1
    assert lines[5] == "    │ ... 9,988 more lines  /show 1"
    assert view.fold(1)
    assert len(view.whole(WIDTH)) == 10_000  # the last of 10,002
    assert view.whole(WIDTH)[-2] == "    │ line 9999"


def test_a_call_that_never_ran_says_so(view: View) -> None:
    show(view, ev.AssistantMessage(tool_calls=(CALL,)))
    assert show(view, finished("no such tool", "invalid")) == [
        '  ▶ shell(cmd="ls")  [not run]',
        "  ✗ shell (invalid, 0.50 s): no such tool",
    ]


def test_a_turn_that_was_stopped_keeps_what_it_said(view: View) -> None:
    show(view, *deltas("Half an answ"))
    lines = show(view, ev.TurnFinished("cancelled", reason="Ctrl-C"))
    assert lines == ["Half an answ", "", "! cancelled: Ctrl-C"]


def test_a_turn_that_was_taken_back_is_gone_once_all_is_drawn_anew(view: View) -> None:
    show(view, ev.UserMessage("one"), ev.AssistantMessage("1"), ev.TurnFinished("finished"))
    show(view, ev.UserMessage("two"), ev.AssistantMessage("2"), ev.TurnFinished("finished"))
    assert show(view, ev.TurnUndone(("a.txt: changed since",))) == [
        "— the last turn was taken back",
        "! a.txt: changed since",
    ]
    whole = view.whole(WIDTH)
    assert "1" in whole
    assert "2" not in whole


def test_a_long_message_is_folded(view: View) -> None:
    lines = show(view, ev.UserMessage("\n".join(map(str, range(100)))))
    assert lines[8:] == ["  ... 89 more lines  /show 1", "  97", "  98", "  99"]
    assert len(show(view, ev.UserMessage("x" * 1_000_000))) < 50


def test_blocks_of_the_program_itself(view: View) -> None:
    view.say("careful", WARNING)
    view.put(Block("markdown", "# Help\n\n- one", title="help"))
    view.put(diff("a\nb\n", "a\nc\n", "x.txt"))
    view.put(table([("a", "1"), ("bb", "22")], ("name", "n")))
    assert view.settled(WIDTH) == [
        *("! careful", "", "── help", "# Help", "", "• one", ""),
        *("--- x.txt", "+++ x.txt", "@@ -1,2 +1,2 @@", " a", "-b", "+c", ""),
        *("name │ n", "─────┼───", "a    │ 1", "bb   │ 22"),
    ]


def test_ascii_alone_where_the_terminal_has_no_more() -> None:
    view = View(Look(unicode=False))
    show(view, ev.UserMessage("Hi"), ev.ReasoningDelta("x"), STARTED, finished("x"))
    show(view, ev.AssistantMessage("> - a\n\n---\n\n| a |\n|---|\n| b |"))
    assert "".join(view.whole(WIDTH)).isascii()


def test_the_look_is_that_of_the_stream() -> None:
    assert Look.of(io.StringIO(), {}) == Look(colour=False, unicode=False)
    assert Look.of(io.StringIO(), {"FORCE_COLOR": "1"}).colour
