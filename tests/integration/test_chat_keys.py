"""Does each key do in a conversation what a person expects, whatever the conversation is doing?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.chats import chats
from tests.rig.mock import Call, Step
from tests.unit.cli.work import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.chats import Chats

__all__ = ["chats"]

pytestmark = pytest.mark.load
SLOW: Final = Step("Hm.", "alpha beta gamma " * 400, chunk_delay_s=0.05, chunks_per_write=1)
WAIT: Final = Step(None, tool_calls=(Call("wait", '{"seconds":60}'),))
SEND: Final = Step("Hm.", tool_calls=(Call("send", '{"text":"hi"}'),))
DONE: Final = Step(None, "All is done.")
TOOLS: Final = ("--tools", "my_tools.py")


def test_ctrl_c_stops_a_stream_and_keeps_what_there_is(chats: Chats) -> None:
    chats.mock.script(SLOW, name="slow")
    pane = chats()
    pane.say("[[script:slow]] go")
    pane.shows("alpha beta")
    pane.press("C-c")
    pane.shows("cancelled")
    until(lambda: chats.mock.running() == 0)
    assert "alpha beta" in pane.screen()
    pane.say("[[script:final]] and now?")
    pane.shows("Hello there, friend!")
    sent = chats.mock.bodies()[-1]["messages"]
    assert [each["role"] for each in sent] == ["user", "user"]  # what was not whole is not sent


def test_ctrl_c_stops_a_tool(chats: Chats) -> None:
    chats.mock.script(WAIT, DONE, name="wait")
    pane = chats(*TOOLS)
    pane.say("[[script:wait]] go")
    pane.shows("wait(seconds=60)")
    pane.press("C-c")
    pane.shows("cancelled")
    pane.say("[[script:final]]")
    pane.shows("Hello there, friend!")


def test_ctrl_c_leaves_a_question_undecided(chats: Chats) -> None:
    chats.mock.script(SEND, DONE, name="send")
    pane = chats(*TOOLS)
    pane.say("[[script:send]] go")
    pane.shows("send")
    pane.shows("yes")
    pane.press("C-c")
    pane.shows("undecided")
    pane.say("[[script:final]]")
    pane.shows("Hello there, friend!")
    assert "sent hi" not in pane.everything()


def test_ctrl_c_drops_a_line_and_on_an_empty_one_leaves_when_pressed_twice(chats: Chats) -> None:
    pane = chats()
    pane.shows("Ctrl-D leaves")
    pane.type("half a line")
    pane.shows("half a line")
    pane.press("C-c")
    pane.shows_no("half a line")
    pane.press("C-c")
    pane.shows("Ctrl-C once more leaves")
    pane.press("C-c")
    pane.shows("ended with 0")
    assert chats.mock.bodies() == []


def test_ctrl_d_leaves_on_an_empty_line_only(chats: Chats) -> None:
    pane = chats()
    pane.type("ab")
    pane.press("Home", "C-d")
    pane.shows_no("ab")
    pane.press("C-d")
    pane.rests()
    pane.press("C-d")
    pane.shows("ended with 0")


@pytest.mark.parametrize("survives", [True, False])
def test_ctrl_c_while_an_editor_is_open_is_the_editor_s(chats: Chats, *, survives: bool) -> None:
    if survives:
        chats.editor.write_text(
            chats.editor.read_text().replace("echo begun", "trap '' INT; echo begun")
        )
    pane = chats()
    pane.type("draft")
    pane.press("C-o")
    until(lambda: chats.editing)
    pane.press("C-c")
    if survives:
        chats.edits("written elsewhere")
        pane.shows("\u276f written elsewhere")
    else:
        pane.shows("the text is left as it was")
        pane.shows("\u276f draft")
    pane.press("Enter")
    until(lambda: bool(chats.mock.bodies()))
    sent = chats.mock.bodies()[0]["messages"][-1]["content"].strip()
    assert sent == ("written elsewhere" if survives else "draft")


def test_ctrl_c_leaves_the_picker_and_nothing_is_picked(chats: Chats) -> None:
    pane = chats()
    pane.say("the first one")
    pane.shows("Hello there, friend!")
    pane.say("/new")
    pane.rests()
    pane.say("/resume")
    pane.shows("the first one")
    pane.press("C-c")
    pane.rests()
    pane.say("the second one")
    pane.shows("Hello there, friend!")
    assert [each["content"] for each in chats.mock.bodies()[-1]["messages"]] == ["the second one"]


def test_what_is_typed_while_it_streams_waits_and_can_be_taken_back(chats: Chats) -> None:
    chats.mock.script(SLOW, name="slow")
    pane = chats()
    pane.say("[[script:slow]] go")
    pane.shows("alpha beta")
    pane.say("[[script:final]] the second message")
    pane.shows("the second message")
    pane.say("the third message")
    pane.shows("the third message")
    assert len(chats.mock.bodies()) == 1
    pane.press("Up")  # takes the last one back, to be changed
    pane.type(", changed")
    pane.press("Enter")
    pane.shows("the third message, changed")
    pane.press("C-c")  # stops the turn: what waited was meant for after it
    pane.shows("cancelled")
    pane.rests()
    assert len(chats.mock.bodies()) == 1
    pane.press("Enter")
    pane.shows("Hello there, friend!")
    last = chats.mock.bodies()[-1]["messages"][-1]["content"]
    assert last == "[[script:final]] the second message\nthe third message, changed"


def test_what_waits_is_sent_once_the_turn_has_ended(chats: Chats) -> None:
    chats.mock.script(Step(None, "word " * 20, chunk_delay_s=0.1, chunks_per_write=1), name="slow")
    pane = chats()
    pane.say("[[script:slow]] go")
    pane.shows("word word")
    pane.say("[[script:final]] the second message")
    pane.shows("Hello there, friend!")
    said = [each["content"] for each in chats.mock.bodies()[-1]["messages"]]
    assert [text[:14] for text in said] == ["[[script:slow]", "word word word", "[[script:final"]


def test_stop_ends_the_turn_that_runs(chats: Chats) -> None:
    chats.mock.script(SLOW, name="slow")
    pane = chats()
    pane.say("[[script:slow]] go")
    pane.shows("alpha beta")
    pane.say("/stop")
    pane.shows("cancelled")
    until(lambda: chats.mock.running() == 0)


@pytest.mark.parametrize("columns", [40, 63, 120])
def test_a_resize_while_it_streams_leaves_each_word_once(chats: Chats, columns: int) -> None:
    words = " ".join(f"word{number:03}" for number in range(160))
    chats.mock.script(Step(None, words, chunk_delay_s=0.01, chunks_per_write=1), name="words")
    pane = chats()
    pane.say("[[script:words]] go")
    pane.shows("word020")
    pane.resize(columns)
    pane.shows("1 step", 30)
    pane.resize(90)
    shown = pane.rests()
    pane.rests()
    found = re.findall(r"word\d{3}", pane.everything())
    assert found == [f"word{number:03}" for number in range(160)]
    assert "word159" in shown


def test_a_paste_of_a_megabyte_is_folded_on_the_line_and_sent_whole(
    chats: Chats, tmp_path: Path
) -> None:
    lines = [f"line {number} " + "x" * 70 for number in range(12_345)]
    text = "\n".join(lines)
    assert len(text) > 1_000_000 - 60_000
    file = tmp_path / "paste.txt"
    file.write_text(text)
    chats.mock.settings(length=1_000_000)
    pane = chats()
    pane.type("look: ")
    pane.paste(file)
    pane.shows("12,345 lines", 40)
    assert "line 77 " not in pane.screen()
    pane.press("Enter")
    pane.shows("Hello there, friend!", 60)
    assert chats.mock.bodies()[0]["messages"][-1]["content"] == f"look: {text}"


def test_a_pasted_text_of_a_few_lines_sends_nothing_by_itself(chats: Chats, tmp_path: Path) -> None:
    file = tmp_path / "paste.txt"
    file.write_text("first\nsecond\nthird\n")
    pane = chats()
    pane.paste(file)
    pane.shows("third")
    pane.rests()
    assert chats.mock.bodies() == []
    pane.press("Enter")
    pane.shows("Hello there, friend!")
    assert chats.mock.bodies()[0]["messages"][-1]["content"].rstrip() == "first\nsecond\nthird"


def test_several_lines_are_written_with_alt_enter_and_ctrl_j(chats: Chats) -> None:
    pane = chats()
    pane.type("one")
    pane.press("M-Enter")
    pane.type("two")
    pane.press("C-j")
    pane.type("three")
    pane.press("Enter")
    pane.shows("Hello there, friend!")
    assert chats.mock.bodies()[0]["messages"][-1]["content"] == "one\ntwo\nthree"


def test_reasoning_is_folded_and_shown_with_fold_and_show(chats: Chats) -> None:
    chats.mock.script(Step("A thought.\n" * 9 + "The last thought.", "Said."))
    pane = chats()
    pane.say("go")
    pane.shows("1 step")
    assert "The last thought." not in pane.screen()
    number = re.search(r"/show (\d+)", pane.screen())
    assert number is not None
    pane.say(f"/show {number[1]}")
    pane.shows("The last thought.")
    pane.say(f"/show {number[1]}")
    pane.shows_no("The last thought.")
    pane.say("/fold")
    pane.shows("The last thought.")
    pane.say("/fold")
    pane.shows_no("The last thought.")


def test_a_line_of_the_run_before_comes_back_with_up_and_ctrl_r(chats: Chats) -> None:
    pane = chats()
    pane.say("an earlier question")
    pane.shows("Hello there, friend!")
    pane.press("C-d")
    pane.shows("ended with 0")
    again = chats()
    again.press("Up")
    again.shows("an earlier question")
    again.press("C-c")
    again.shows_no("an earlier question")
    again.press("C-r")
    again.type("earlier")
    again.shows("an earlier question")


def test_an_approval_takes_each_of_its_answers(chats: Chats) -> None:
    for number in range(1, 5):
        call = Call("send", f'{{"text":"hi {number}"}}')
        chats.mock.script(Step(None, tool_calls=(call,)), DONE, name=f"send{number}")
    pane = chats(*TOOLS)
    pane.say("[[script:send1]] one")
    pane.shows("hi 1")
    pane.shows("y  yes")  # the question has the keys
    pane.say("y")
    pane.shows("sent hi 1")
    pane.rests()
    pane.say("[[script:send2]] two")
    pane.shows("hi 2")
    pane.shows("y  yes")
    pane.say("not today")
    pane.has_shown("not today")
    pane.rests()
    assert "not today" in str(chats.mock.bodies()[-1]["messages"][-1]["content"])
    pane.say("[[script:send3]] three")
    pane.shows("hi 3")
    pane.shows("y  yes")
    pane.say("a")
    pane.shows("sent hi 3")
    pane.rests()
    pane.say("[[script:send4]] four")
    pane.shows("sent hi 4")  # without a question


def test_typing_goes_on_in_a_terminal_that_was_suspended(chats: Chats) -> None:
    pane = chats()
    pane.type("half")
    pane.shows("half")
    pane.press("C-l")
    pane.shows("half")
    pane.type(" a line")
    pane.press("Enter")
    pane.shows("Hello there, friend!")
    assert chats.mock.bodies()[0]["messages"][-1]["content"] == "half a line"
