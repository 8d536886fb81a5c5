"""Does the screen show what it should, whatever changes above the input and in it?"""

from __future__ import annotations

import random
from contextvars import copy_context
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application.current import create_app_session, get_app_session
from prompt_toolkit.input import DummyInput
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from tests.unit.cli.chat.glass import Glass, GlassPaper
from toolrun.cli.chat.terminal.application import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """prompt_toolkit runs on asyncio alone."""
    return str(request.param)


@pytest.fixture(autouse=True)
def app_session() -> Iterator[None]:
    with create_app_session():
        yield


class Drawn:
    """A prompt whose input is any lines."""

    def __init__(self, glass: Glass) -> None:
        self.input = ["> "]
        control = FormattedTextControl(lambda: "\n".join(self.input))
        window = Window(control, height=lambda: len(self.input), dont_extend_height=True)
        self.prompt = Prompt(
            GlassPaper(glass), lambda: None, layout=Layout(window), input=DummyInput()
        )
        # Nothing reads keys or waits: the prompt only draws.
        self.prompt._is_running = True
        self.prompt.context = copy_context()
        get_app_session().app = self.prompt


def words(draw: random.Random, columns: int) -> str:
    letters = draw.choice(["abc ", "日本", "x" * 9])
    text = "".join(draw.choice(letters) for _ in range(draw.randrange(columns // 2)))
    return text.strip() or "."


@pytest.mark.parametrize("seed", range(12))
async def test_any_changes_leave_what_a_screen_drawn_at_once_would_show(seed: int) -> None:
    draw = random.Random(seed)
    glass = Glass(draw.choice([20, 41]), draw.choice([6, 10, 24]))
    drawn = Drawn(glass)
    drawn.prompt._redraw()
    settled: list[str] = []
    live: list[str] = []
    for _ in range(120):
        match draw.randrange(4):
            case 0:
                drawn.input = ["> "] * draw.randrange(1, glass.rows // 2 + 1)
                drawn.prompt._redraw()
                live = live[-drawn.prompt.room :]
            case 1 if live:
                live = [*live[:-1], words(draw, glass.columns)]
                drawn.prompt.show([], live)
            case _:
                more = [words(draw, glass.columns) for _ in range(draw.randrange(glass.rows + 3))]
                settled += more
                live = [words(draw, glass.columns) for _ in range(draw.randrange(8))]
                live = live[-drawn.prompt.room :]
                drawn.prompt.show(more, live)
        shown = [*settled, *live, *(each.rstrip() for each in drawn.input)]
        assert glass.lines == shown


async def test_a_frame_is_one_write_of_what_has_changed() -> None:
    glass = Glass()
    drawn = Drawn(glass)
    drawn.prompt._redraw()
    drawn.prompt.show([], ["one", "two", "three"])
    before = len(glass.writes)

    drawn.prompt.show([], ["one", "2", "three"])
    drawn.prompt.show([], ["one", "2", "three"])

    assert len(glass.writes) == before + 1
    assert glass.writes[-1].startswith("\x1b[?2026h")
    assert glass.writes[-1].endswith("\x1b[?2026l")
    assert "one" not in glass.writes[-1]
    assert glass.shown == ["one", "2", "three", ">"]


async def test_what_is_drawn_anew_takes_the_place_of_all() -> None:
    glass = Glass()
    drawn = Drawn(glass)
    drawn.prompt.show([f"old {number}" for number in range(40)], ["old"])

    glass.columns = 30
    glass._cells = glass._blank()
    drawn.prompt.anew([f"new {number}" for number in range(40)], ["live"])

    assert glass.lines == [*(f"new {number}" for number in range(40)), "live", ">"]


async def test_a_terminal_that_is_gone_takes_nothing_and_raises_nothing() -> None:
    class Gone(Glass):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    drawn = Drawn(Gone())
    drawn.prompt.show(["text"], [])

    assert drawn.prompt.paper.gone
