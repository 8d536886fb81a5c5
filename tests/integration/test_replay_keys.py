"""Does a trace play in a real terminal, by real keys, also where its width changes?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolrun
from tests.integration.pane import Pane
from tests.unit.cli.work import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(toolrun.__file__).parent.parent
TRACES = ROOT / "tests" / "traces" / "format-1"


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Callable[..., Pane]]:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux to press keys in; `.ci/run` installs it")
    env = {key: value for key, value in os.environ.items() if not key.startswith("TOOLRUN_")}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
    opened: list[Pane] = []

    def play(name: str, *words: str) -> Pane:
        opened.append(Pane(tmp_path, env, "replay", str(TRACES / name), *words))
        return opened[-1]

    yield play
    for pane in opened:
        pane.close()


def test_steps_and_pauses_and_a_terminal_that_gets_narrow(playing: Callable[..., Pane]) -> None:
    pane = playing("three-turns-with-calls-streamed.jsonl", "--step")
    pane.shows("[paused, 1/8: space goes on, right: next step, q quits]")
    assert "How warm is Paris?" not in pane.screen()

    pane.press("Right")
    pane.shows("[paused, 2/8:")
    assert "get_weather (0.00 s)" in pane.screen()
    assert "It is 20 degrees in Paris." not in pane.screen()
    pane.press("Enter")
    pane.shows("[paused, 3/8:")
    assert pane.screen().splitlines()[-2].startswith("\u2014 2 steps, 1 call")

    pane.resize(40)
    pane.press("Right")
    pane.shows("[paused, 4/8: space, right, + -, q]")
    assert max(map(len, pane.screen().splitlines())) <= 40
    pane.type(" " + "+" * 9)
    pane.shows("replayed 128 events, 8 steps: identical")
    pane.shows("ended with 0")
    screen = pane.screen()
    assert "paused" not in screen
    assert "[" not in screen.replace("[TRUSTED", "").replace("[sandbox", "").replace("[[script", "")


@pytest.mark.load
def test_a_text_that_is_paused_in_the_middle_goes_on_in_a_narrow_terminal(
    playing: Callable[..., Pane],
) -> None:
    pane = playing("long-result-streamed.jsonl", "--speed", "0.02")
    # Somewhere within the first line of reasoning, whose words come one by one.
    pane.shows("  \u250a ")
    pane.type(" ")
    pane.shows("[paused, ")
    pane.resize(40)
    pane.type(" " + "+" * 12)
    pane.shows("ended with 0")
    assert "[paused" not in pane.screen()
    assert "identical" in pane.screen()


def test_q_leaves_with_the_verdict_and_ctrl_c_without_one(playing: Callable[..., Pane]) -> None:
    pane = playing("final-streamed.jsonl", "--step")
    pane.shows("[paused")
    pane.press("q")
    pane.shows("1 steps: identical")
    pane.shows("ended with 0")

    pane = playing("final-streamed.jsonl", "--step")
    pane.shows("[paused")
    pane.press("C-c")
    pane.shows("ended with 130")
    pane.type("the terminal shows keys again")
    until(lambda: "keys again" in pane.screen())
