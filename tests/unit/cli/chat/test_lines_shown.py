"""Does the face of lines show a change in colours where it may, and open an editor where one is?"""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

from toolrun.cli.chat.face import Question
from toolrun.cli.chat.lines import Lines
from toolrun.cli.chat.view.blocks import diff
from toolrun.cli.screen import WARNING
from toolrun.events import (
    AssistantMessage,
    ReasoningDelta,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    import pytest

CHANGE = diff("a\nb\x1b[2J\n", "a\nc\n", "x.txt", "x.txt: changed")


def test_a_change_is_coloured_where_colours_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for colour in (True, False):
        file = io.StringIO()
        monkeypatch.setenv("FORCE_COLOR", "1" if colour else "")
        monkeypatch.delenv("NO_COLOR", raising=False)
        Lines(file).put(CHANGE)
        shown = file.getvalue()
        assert "\x1b[2J" not in shown
        assert ("\x1b[31m-b" in shown) is colour
        assert "x.txt: changed" in shown


async def test_the_editor_is_the_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; open(sys.argv[1], 'a').write('more')"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{program}"')
    assert await Lines(io.StringIO()).edit("text ", ".txt") == "text more"
    file = io.StringIO()
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert await Lines(file).edit("text", ".txt") is None
    assert "no-such-editor" in file.getvalue()


def test_words_stand_in_place_of_glyphs_for_a_screen_that_is_read_aloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "")
    file = io.StringIO()
    monkeypatch.setattr(file, "isatty", lambda: True)  # nothing is taken back or wrapped there
    face = Lines(file, aloud=True)
    for event in (
        ReasoningDelta("Hm.\nSo."),
        TextDelta("I look."),
        AssistantMessage("I look.", reasoning="Hm.\nSo.", tool_calls=(ToolCall("1", "ls", "{}"),)),
        ToolCallStarted("1", "ls", {}, profile="pure"),
        ToolCallFinished("1", "ls", ToolResult("a " * 60)),
        TextDelta("It is a."),
        AssistantMessage("It is a."),
    ):
        face.show(event)
    face.put(CHANGE)
    face.say("careful", WARNING)
    face.fold(3)
    assert file.getvalue().replace("\u241b", "").isascii()
    assert "\x1b[31m" not in file.getvalue()
    lines = re.sub("\x1b\\[[0-9;]*m", "", file.getvalue()).split("\n")
    assert [line.partition(":")[0] for line in lines if ": " in line] == [
        *("reasoning", "before the call", "call", "result", "answer", "x.txt", "warning", "note"),
    ]
    assert lines[1] == "So."
    assert f"result: ls (0.00 s): {'a ' * 60}".rstrip() in [line.rstrip() for line in lines]


async def test_what_was_taken_back_stands_on_the_line_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    face, texts = Lines(io.StringIO()), list[str]()

    async def read(prompt: str, *, remember: bool = True, text: str = "") -> str | None:
        del prompt, remember
        texts.append(text)
        return None

    monkeypatch.setattr(face._reader, "read", read)
    face.prefill("again")
    assert [await face.message(), await face.message()] == [None, None]
    assert texts == ["again", ""]


async def test_a_question_that_ends_is_no_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    face = Lines(io.StringIO())

    async def read(prompt: str, *, remember: bool = True, text: str = "") -> str | None:
        del prompt, remember, text
        return None

    monkeypatch.setattr(face._reader, "read", read)
    assert await face.ask(Question("well?")) is None
    assert not face.interrupted
