"""Does each command do at a real terminal what its help says? All of them, in one conversation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.chats import chats
from tests.unit.cli.work import until
from toolrun.cli.chat.commands.registry import COMMANDS

if TYPE_CHECKING:
    from tests.integration.chats import Chats
    from tests.integration.pane import Pane

__all__ = ["chats"]

pytestmark = pytest.mark.load
FIRST: Final = (
    ("/help", "/compact  have the model summarise"),
    ("/help undo", "What was asked stands on the input line again."),
    ("/tools", "Count the words of a text file."),
    ("/tools send", "text (string)"),
    ("/usage", "limits of a turn"),
    ("/model", "this one"),
    ("/effort high", "effort: high from the next message on"),
    ("/system Answer in French.", "system text of 17 characters"),
    ("/profile", "workspace read-only"),
    ("/approve", "these ask: send"),
    ("/doctor", "13 of 13"),
    ("/trace on talk.jsonl", "recorded to talk.jsonl"),
    ("/title A talk about words", "this session is called"),
    ("/undoo", "did you mean /undo?"),
)
"""What is typed before anything is said, and what then stands on the screen."""
LATER: Final = frozenset(
    {"/stop", "/undo", "/retry", "/edit", "/fork", "/compact", "/exit", "/save", "/load", "/replay"}
    | {"/new", "/resume", "/fold", "/show"}
)


def test_all_commands_are_tried() -> None:
    """Those of `LATER` in the tests below, or in those of the keys."""
    assert {typed.split()[0] for typed, _ in FIRST} - {"/undoo"} | LATER == set(COMMANDS)


def obeys(pane: Pane, typed: str, shows: str) -> None:
    """Type a command, and see on the screen what it shows."""
    assert shows not in pane.everything()
    pane.say(typed)
    pane.has_shown(shows)
    pane.rests()


def asks(chats: Chats, pane: Pane, typed: str) -> list[str]:
    """Type what asks the model something; what the user says in that request."""
    before = len(chats.mock.bodies())
    pane.say(typed)
    until(lambda: len(chats.mock.bodies()) > before)
    until(lambda: chats.mock.running() == 0)
    pane.rests()
    said = chats.mock.bodies()[-1]["messages"]
    return [each["content"].rpartition("]] ")[2] for each in said if each["role"] == "user"]


def test_what_is_set_and_looked_at(chats: Chats) -> None:
    pane = chats("--tools", "my_tools.py", "--workspace", "notes", "--profile", "workspace-ro")
    pane.shows("Ctrl-D leaves")
    for typed, shows in FIRST:
        obeys(pane, typed, shows)
    asks(chats, pane, "Bonjour")
    sent = chats.mock.bodies()[-1]
    assert sent["reasoning_effort"] == "high"
    assert sent["messages"][0]["content"] == "Answer in French."
    until((chats.folder / "talk.jsonl").exists)
    pane.say("/exit")
    pane.shows("ended with 0")


def test_what_was_said_is_taken_back_asked_again_forked_and_kept(chats: Chats) -> None:
    pane = chats()
    pane.shows("Ctrl-D leaves")
    asks(chats, pane, "first")
    asks(chats, pane, "second")

    pane.say("/undo")
    pane.rests()
    assert "\u276f second" in pane.screen().splitlines()[-3:]  # to be changed
    pane.press("C-c")
    pane.rests()
    assert asks(chats, pane, "third") == ["first", "third"]
    assert asks(chats, pane, "/retry --effort low") == ["first", "third"]
    assert chats.mock.bodies()[-1]["reasoning_effort"] == "low"
    assert asks(chats, pane, "/edit another") == ["first", "another"]
    assert "reasoning_effort" not in chats.mock.bodies()[-1]

    pane.say("/save talk.json")
    pane.say("/save talk.jsonl")
    until((chats.folder / "talk.jsonl").exists)
    kept = json.loads((chats.folder / "talk.json").read_text())
    assert [each["role"] for each in kept] == ["user", "assistant"] * 2

    obeys(pane, "/fork another-way", "this is a copy")
    assert asks(chats, pane, "in the fork") == ["first", "another", "in the fork"]
    pane.say("/new")
    pane.rests()
    assert asks(chats, pane, "in a new session") == ["in a new session"]
    pane.say("/load talk.json")
    pane.rests()
    assert asks(chats, pane, "loaded") == ["first", "another", "loaded"]
    obeys(pane, "/replay talk.jsonl", "end of the replay")

    pane.say("/resume another-way")
    pane.shows("in the fork")
    pane.rests()
    assert asks(chats, pane, "back") == ["first", "another", "in the fork", "back"]
    obeys(pane, "/compact 1", "no longer than a")  # summary would be
    pane.say("/exit")
    pane.shows("ended with 0")


def test_a_command_is_completed_as_it_is_typed(chats: Chats) -> None:
    pane = chats()
    pane.shows("Ctrl-D leaves")
    pane.type("/comp")
    pane.shows("/compact")
    pane.press("Tab")
    pane.rests()
    assert re.search(r"\u276f /compact", pane.screen())
