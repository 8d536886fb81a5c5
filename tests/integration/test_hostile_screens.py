"""Does no text of a model, a tool, a server or a file reach the terminal as anything but text?

Every case goes through every door into a real terminal, whose input is read byte by byte: only the
program's own sequences may be there, and each text has to be there, as printed signs.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import pytest

from tests.integration.hostile_sequences import (
    CASES,
    COLOURS,
    LONG,
    NAMES,
    got_through,
    not_shown,
    text_of,
    whole,
)
from tests.integration.pane import Pane
from tests.integration.test_cli import env
from tests.rig.mock import Call, Step
from tests.unit.cli.work import PROMPT
from toolrun import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.rig.mock import MockServer

__all__ = ["env"]

TOOLS: Final = str(Path(__file__).with_name("hostile_tools.py"))
MANY: Final = ("--limits-tool-calls", "1000", "--limits-repeats", "1000")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def chat(folder: Path, env: dict[str, str], mock: MockServer) -> Iterator[Callable[..., Pane]]:
    """Starts a chat on a wide screen."""
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux to press keys in; `.ci/run` installs it")
    panes: list[Pane] = []

    def start(*words: str, other: Sequence[str] = ()) -> Pane:
        pane = Pane(
            folder,
            env | {"LC_ALL": "C.UTF-8"},
            *(other or ("chat", "--base-url", mock.url, *words)),
            columns=200,
            rows=50,
            term="xterm-256color",
            raw=folder / f"raw-{len(panes)}",
        )
        panes.append(pane)
        return pane

    yield start
    for pane in panes:
        pane.close()


def test_there_are_forty_cases_and_each_is_seen_where_it_gets_through() -> None:
    assert len(CASES) >= 40
    for name in NAMES:
        text = text_of(name, "T")
        assert name in got_through(f"before \x1b[1m{text}\x1b[0m\r\n".encode()), name
        assert not_shown(text, "T", (name,)) == ([] if name in LONG else [name])
        assert not_shown(text[1:], "T", (name,)) == [name]
    assert (
        got_through(b"\x1b[?25l\x1b[2J\x1b[1;1H\x1b[0;38;5;12mtext\x1b[0m\r\n\x1b[K\x1b[6n") == []
    )


def calls(tool: str, door: str | None = None) -> tuple[Call, ...]:
    """A call of a tool for each case: with its text in its arguments, or with its number."""
    asked = [
        {"number": at} if door is None else {"text": text_of(name, door)}
        for at, name in enumerate(NAMES)
    ]
    return tuple(Call(tool, json.dumps(each)) for each in asked)


DONE: Final = Step(None, "Done.")
DOORS: Final[dict[str, tuple[str, tuple[Step, ...]]]] = {
    "reasoning": ("R", (Step(whole("R"), "Thought."),)),
    "answer": ("A", (Step(None, whole("A")),)),
    "code": ("C", (Step(None, f"Code:\n\n```python\n{whole('C')}\n```\n\nend"),)),
    "preamble": ("P", (Step(None, whole("P"), (Call("swallow", '{"text":"x"}'),)), DONE)),
    "tool name": ("N", (Step(None, None, tuple(Call(text_of(name, "N")) for name in NAMES)), DONE)),
    "arguments": ("G", (Step(None, None, calls("swallow", "G")), DONE)),
    "result": ("S", (Step(None, None, calls("give")), DONE)),
    "error": ("F", (Step(None, None, calls("fail")), DONE)),
}
"""Where a text comes from: the letter that marks it there, and what the model says."""


@pytest.mark.load
@pytest.mark.parametrize("door", DOORS)
def test_a_turn_shows_them_as_signs(chat: Callable[..., Pane], mock: MockServer, door: str) -> None:
    mark, steps = DOORS[door]
    mock.script(*steps)
    pane = chat("--tools", TOOLS, *MANY)
    pane.shows(PROMPT)
    if door == "reasoning":
        pane.say("/fold")  # it is shown whole from now on
    pane.say("go")
    pane.has_shown("\u2014 1 step" if len(steps) == 1 else "\u2014 2 steps", 60)
    shown = pane.everything()
    assert pane.raw is not None
    assert got_through(pane.raw.read_bytes()) == []
    assert not_shown(shown, mark, colours=COLOURS if mark in "SF" else frozenset()) == []


SHORT: Final = tuple(name for name in NAMES if name not in LONG)
ALL_AT_ONCE: Final = " | ".join(text_of(name, "M") for name in SHORT)


@pytest.mark.load
def test_a_server_s_names_and_errors_are_shown_as_signs(
    chat: Callable[..., Pane], mock: MockServer
) -> None:
    mock.settings(version=f"0.32.0{CASES['title']}")
    pane = chat("--model", "another")
    mock.settings(model=ALL_AT_ONCE)
    pane.shows(PROMPT)
    pane.say("go")
    pane.has_shown("M70z")
    pane.say("/model")
    pane.rests()
    assert pane.raw is not None
    assert got_through(pane.raw.read_bytes()) == []
    assert not_shown(pane.everything(), "M", SHORT) == []


@pytest.mark.load
def test_a_call_that_is_asked_about_is_shown_as_signs(
    chat: Callable[..., Pane], mock: MockServer
) -> None:
    some = NAMES[::8]
    asked = [Call("risk", json.dumps({"text": text_of(name, "Q")})) for name in some]
    mock.script(Step(None, None, tuple(asked)), DONE)
    pane = chat("--tools", TOOLS, *MANY)
    pane.shows(PROMPT)
    pane.say("go")
    for name in some:
        pane.has_shown(f"Q{NAMES.index(name):02}a")
        pane.shows("y  yes")  # the question has the keys
        pane.rests()
        pane.say("n")
    pane.has_shown("Done.")
    assert pane.raw is not None
    assert got_through(pane.raw.read_bytes()) == []
    assert not_shown(pane.everything(), "Q", some) == []


@pytest.mark.load
def test_what_a_sandboxed_tool_prints_is_shown_as_signs(
    chat: Callable[..., Pane], mock: MockServer
) -> None:
    """Colours of its own are left out, and a carriage return begins its line anew: it is live."""
    mock.script(Step(None, None, (Call("tell", '{"number":-1}'),)), DONE)
    pane = chat("--tools", TOOLS)
    pane.shows(PROMPT)
    pane.say("go")
    pane.has_shown("Done.", 40)
    found = re.search(r"/show (\d+)", pane.screen())
    assert found is not None  # it is long, and folded
    pane.say(f"/show {found[1]}")
    pane.has_shown("O30z")  # it is shown whole
    pane.rests()
    assert pane.raw is not None
    assert got_through(pane.raw.read_bytes()) == []
    printed = tuple(name for name in NAMES if "\r" not in CASES[name])
    assert not_shown(pane.everything(), "O", printed, COLOURS) == []


@pytest.mark.load
def test_names_of_files_are_shown_as_signs(chat: Callable[..., Pane], folder: Path) -> None:
    """In the menu below the line, and on the line once one was taken."""
    some = [name for name in SHORT if not {"/", "\0"} & set(CASES[name])]
    for name in some:
        (folder / text_of(name, "L").replace(" ", "_")).touch()
    pane = chat("--workspace", ".")
    pane.shows("Ctrl-D leaves")
    for name in some[::6]:
        number = NAMES.index(name)
        pane.type(f"@L{number:02}")
        pane.shows(f"L{number:02}a")
        shown = pane.rests()
        assert f"L{number:02}a_" in shown
        pane.press("Tab")
        pane.rests()
        pane.press("Escape", "C-c")
        pane.rests()
    assert pane.raw is not None
    assert got_through(pane.raw.read_bytes()) == []


@pytest.mark.load
def test_what_is_pasted_is_shown_as_signs_on_the_line_and_above_it(
    chat: Callable[..., Pane], folder: Path, mock: MockServer
) -> None:
    pane = chat()
    pane.shows("Ctrl-D leaves")
    some = (*SHORT[::10], "right to left", "isolates", "marks of direction")
    for number, name in enumerate(some):
        file = folder / f"paste-{number}"
        file.write_text(text_of(name, "V"))
        pane.paste(file)
        pane.shows(f"V{NAMES.index(name):02}z")
        pane.press("Enter")
        pane.shows("1 step")
        pane.press("C-l")
    assert pane.raw is not None
    assert got_through(pane.raw.read_bytes()) == []
    assert len(mock.bodies()) == len(some)


@pytest.mark.load
def test_titles_of_sessions_are_shown_as_signs(
    chat: Callable[..., Pane], folder: Path, env: dict[str, str], mock: MockServer
) -> None:
    """In the picker, and in the list of the command line."""
    store = f"sqlite:///{folder}/sessions.db"
    anyio.run(said, mock, store, SHORT)
    pane = chat("--resume", "--store", store)
    pane.shows("which session?")
    for name in SHORT[::6]:
        mark = f"T{NAMES.index(name):02}a"
        pane.type(mark)
        pane.shows(mark)
        pane.rests()
        assert not_shown(pane.screen(), "T", (name,)) == []
        pane.press(*["BSpace"] * len(mark))
    pane.press("C-c")
    listed = chat(other=("sessions", "list", "--store", store, "--limit", "100"))
    listed.has_shown("ended with 0")
    for each in (pane, listed):
        assert each.raw is not None
        assert got_through(each.raw.read_bytes()) == []


async def said(mock: MockServer, store: str, names: Sequence[str]) -> None:
    """Keep a session for each, which is called by a hostile text."""
    async with Runtime(base_url=mock.url, model=mock.model, store=store) as runtime:
        for name in names:
            async with runtime.session(title=text_of(name, "T")) as session:
                await session.ask("hi")
