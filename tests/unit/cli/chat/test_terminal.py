"""Does what a person presses at a terminal reach the conversation, and what it says the screen?"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.input import create_pipe_input

from tests.unit.cli.chat.glass import Glass, GlassPaper
from toolrun.cli.chat.face import Choice, Question, Row
from toolrun.cli.chat.terminal.face import Terminal
from toolrun.cli.chat.view.look import Look
from toolrun.events import TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from prompt_toolkit.input.base import PipeInput

_QUESTION = Question("delete it?", (Choice("y", "yes", "do"), Choice("n", "no", "do not")))
_PASTE = "\x1b[200~{}\x1b[201~"


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """prompt_toolkit runs on asyncio alone."""
    return str(request.param)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


class Talk:
    """A conversation that does what a test says."""

    running = False

    def __init__(self, hold: Callable[[], Awaitable[Any]]) -> None:
        self._hold = hold

    async def hold(self) -> int:
        return await self._hold() or 0

    async def at_once(self, typed: str) -> bool:
        raise AssertionError(typed)

    def stop(self, reason: str = "") -> bool:
        raise AssertionError(reason)

    def complete(self, typed: str) -> Iterable[tuple[str, str]]:
        return [(each, f"does {each}") for each in ("/help", "/exit") if each.startswith(typed)]


class Sat:
    """A terminal that somebody sits at."""

    def __init__(self, face: Terminal, glass: Glass, keys: PipeInput) -> None:
        self.face = face
        self.glass = glass
        self._keys = keys

    def type(self, text: str) -> None:
        self._keys.send_text(text)

    async def shows(self, *texts: str) -> None:
        """Wait until the screen, or what has scrolled out of it, holds them all."""
        async with asyncio.timeout(10):
            while not all(each in "\n".join(self.glass.lines) for each in texts):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # the screen tells nobody

    async def lacks(self, text: str) -> None:
        async with asyncio.timeout(10):
            while text in "\n".join(self.glass.shown):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)


@asynccontextmanager
async def sat(columns: int = 60, rows: int = 24) -> AsyncIterator[Sat]:
    glass = Glass(columns, rows)
    with create_pipe_input() as keys, create_app_session():
        face = Terminal(GlassPaper(glass), keys, Look(colour=False))
        async with face.opened():
            yield Sat(face, glass, keys)


async def test_a_message_typed_before_there_is_a_conversation_waits_for_it() -> None:
    async with sat() as at:
        await at.shows("\u276f a message")
        at.type("hello\r")
        await at.shows("\u2934 hello")

        said: list[str | None] = []

        async def hold() -> None:
            said.append(await at.face.message())

        assert await at.face.run(Talk(hold)) == 0
        assert said == ["hello"]
        await at.lacks("\u2934 hello")


async def test_what_is_typed_while_a_turn_runs_waits_and_can_be_taken_back() -> None:
    async with sat() as at:
        with at.face.turning(lambda: True):
            at.type("first\rsecond\r")
            await at.shows("\u2934 first", "\u2934 second", "Ctrl-C stops")
            at.type("\x1b[A")
            await at.shows("\u276f second")
            await at.lacks("\u2934 second")
            at.type(", changed\r")
            await at.shows("\u2934 second, changed")

        assert await at.face.message() == "first"
        assert await at.face.message() == "second, changed"


async def test_ctrl_c_stops_a_turn_and_puts_what_waited_on_the_line() -> None:
    stopped: list[bool] = []

    def stop() -> bool:
        stopped.append(True)
        return True

    async with sat() as at:
        with at.face.turning(stop):
            at.type("later\rand this")
            await at.shows("\u2934 later", "\u276f and this")
            at.type("\x03")
            await at.shows("\u276f later", "  and this")
        assert stopped == [True]
        assert at.face.waiting.messages == []


async def test_ctrl_c_twice_in_a_turn_stops_it_and_leaves() -> None:
    stopped: list[bool] = []

    def stop() -> bool:
        stopped.append(True)
        return True

    async with sat() as at:
        with at.face.turning(stop):
            at.type("\x03\x03")
            await at.shows("leaving")
        assert await at.face.message() is None
        assert stopped == [True, True]


@pytest.mark.parametrize("keys", ["\x03\x03", "\x04", "text\x03\x03\x03"])
async def test_ctrl_c_twice_or_ctrl_d_on_an_empty_line_leaves(keys: str) -> None:
    async with sat() as at:
        at.type(keys)
        assert await at.face.message() is None


async def test_ctrl_c_once_drops_what_is_on_the_line_and_says_what_leaves() -> None:
    async with sat() as at:
        at.type("dropped")
        await at.shows("dropped")
        at.type("\x03")
        await at.lacks("dropped")
        at.type("\x03")
        await at.shows("Ctrl-C once more leaves")
        at.type("kept\r")
        assert await at.face.message() == "kept"


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ("y\r", "yes"),
        ("NO\r", "no"),
        ("\r\x1b[B\x1b[B\r", "no"),
        ("\t\t\t\r", "yes"),
        ("too dangerous\r", "too dangerous"),
        ("\x03", None),
        ("\x04", None),
    ],
)
async def test_a_question_is_answered_by_key_word_arrow_or_text(
    keys: str, answer: str | None
) -> None:
    async with sat() as at:
        at.type("a draft")
        await at.shows("\u276f a draft")
        asking = asyncio.ensure_future(at.face.ask(_QUESTION))
        await at.shows("delete it?", "y  yes  do")
        at.type(keys)

        assert await asking == answer
        await at.shows("\u276f a draft")


async def test_what_is_typed_as_a_question_comes_up_is_no_answer_to_it() -> None:
    """Nobody looks at the screen while they type: `y` and Enter were the end of a message."""
    async with sat() as at:
        said: list[str | None] = []

        async def hold() -> None:
            at.type("say wh")
            await at.shows("say wh")
            asked = asyncio.ensure_future(at.face.ask(_QUESTION))
            for letter in "y":
                await asyncio.sleep(0.05)  # as fingers do
                at.type(letter)
            at.type("\r")
            await at.shows("\u2934 say why")
            await at.shows("delete it?")
            assert not asked.done()
            at.type("n\r")
            said.append(await asked)
            said.append(await at.face.message())

        await at.face.run(Talk(hold))
        assert said == ["no", "say why"]


async def test_one_of_many_is_picked_by_what_is_typed() -> None:
    rows = [Row(f"talk {number}", "about words") for number in range(100)]
    async with sat() as at:
        picking = asyncio.ensure_future(at.face.pick("which?", rows))
        await at.shows("100 of 100")
        at.type("7 words")
        await at.shows("19 of 100")
        at.type("\x1b[B\r")
        assert await picking == 17


async def test_lines_are_added_by_alt_enter_and_ctrl_j() -> None:
    async with sat() as at:
        at.type("one\x1b\rtwo\nthree\r")
        assert await at.face.message() == "one\ntwo\nthree"


async def test_a_long_paste_is_one_word_and_is_sent_whole() -> None:
    text = "\n".join(f"line {number}" for number in range(20_000))
    async with sat() as at:
        at.type("see ")
        await asyncio.to_thread(at.type, _PASTE.format(text))  # more than a pipe holds
        await at.shows("see [pasted 20,000 lines]")
        at.type("\x7f")
        await at.lacks("pasted")
        await asyncio.to_thread(at.type, _PASTE.format(text))
        await at.shows("see [pasted 20,000 lines]")
        at.type(" now\r")
        assert await at.face.message() == f"see {text} now"
        await asyncio.to_thread(at.type, _PASTE.format(f"{text}\n"))
        await at.shows("\u276f [pasted 20,000 lines]")


async def test_what_is_found_again_stands_alone_on_the_line() -> None:
    async with sat() as at:
        at.type("an earlier question\r")
        assert await at.face.message() == "an earlier question"
        await at.shows("a message, or /")
        async with asyncio.timeout(10):
            while "an earlier question" not in "\n".join(at.glass.shown):
                # Read beside the keys: what is looked for before that is not found.
                at.type("\x07\x12earl")
                await asyncio.sleep(0.05)
        await at.lacks("a message, or /")


async def test_commands_are_completed_and_enter_takes_what_is_chosen_before_it_sends() -> None:
    async with sat() as at:
        at.face._talk = Talk(lambda: asyncio.sleep(0))
        at.type("/")
        await at.shows("/help  does /help", "/exit  does /exit")
        at.type("\t\r")
        await at.lacks("does")
        at.type("\r")
        assert await at.face.message() == "/help"


async def test_what_others_print_is_shown_above_and_colours_nothing() -> None:
    async with sat() as at:
        print("\x1b[31mred\x1b[0m and \x1b]0;title\x07")
        print("a warning", file=sys.stderr, end="")
        await at.shows("red and \u241b]0;title\u2407")
    assert "a warning" in "\n".join(at.glass.lines)


async def test_an_editor_changes_the_line_and_one_that_fails_leaves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s\\n" "$(cat "$1") and more" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    async with sat() as at:
        at.type("words\x0f")
        await at.shows("\u276f words and more")
        monkeypatch.setenv("VISUAL", "false")
        at.type("\x0f")
        await at.shows("! false ended with 1; the text is left as it was")
        monkeypatch.setenv("VISUAL", "no-such-editor -f")
        at.type("\x0f")
        await at.shows("names no-such-editor, which is not there")
        at.type("\r")
        assert await at.face.message() == "words and more"


async def test_a_conversation_that_is_opening_keeps_nobody_who_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("toolrun.cli.chat.terminal.face._GRACE", 0.05)
    began = asyncio.Event()
    closed = []

    async def hold() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            closed.append(1)

    async with sat() as at:
        running = asyncio.ensure_future(at.face.run(Talk(hold)))
        await began.wait()
        at.type("\x04")
        assert await running == 0
    assert closed == [1]


@pytest.mark.parametrize("rows", [5, 10, 30])
async def test_the_input_never_outgrows_the_screen(rows: int) -> None:
    async with sat(40, rows) as at:
        with at.face.turning(lambda: True):
            at.face._talk = Talk(lambda: asyncio.sleep(0))
            for number in range(9):
                at.type(f"waits {number}\r")
            for number in range(60):
                at.face.show(TextDelta(text=f"word{number} "))
            at.type("\n".join("a line" for _ in range(30)))
            at.face.frames.paint()
            await at.shows("word59", "a line")
            assert len(at.glass.shown) <= rows
            assert at.face._prompt._height(at.face._prompt.size) < rows
