"""Do conversations outlive their processes, whatever ends them, and do terminals share a store?"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.chats import Chats, chats
from tests.integration.pane import Pane
from tests.rig.mock import Call, Step
from tests.unit.cli.work import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer

__all__ = ["chats"]

TOOLS = '''
import asyncio
from pathlib import Path
from toolrun import tool

@tool(trusted=True)
async def pay(amount: int) -> str:
    """Pay something."""
    ledger = Path("ledger")
    ledger.write_text(ledger.read_text() + "paid\\n" if ledger.exists() else "paid\\n")
    if not Path("fast").exists():
        await asyncio.sleep(60)
    return f"paid {amount}"

@tool(trusted=True, approve=True)
async def send(text: str) -> str:
    """Send a text."""
    return "sent " + text
'''
PAY = Step("One payment.", "I pay.", tool_calls=(Call("pay", '{"amount":5}', "call_pay"),))
SEND = Step("One text.", tool_calls=(Call("send", '{"text":"hi"}', "call_send"),))
PAYING = ("--tools", "paying.py")


@pytest.fixture
def ledger(chats: Chats) -> Path:
    (chats.folder / "paying.py").write_text(TOOLS)
    return chats.folder / "ledger"


def database(chats: Chats) -> Path:
    return chats.folder / "state" / "toolrun" / "sessions.db"


def sessions(chats: Chats) -> list[tuple[str, str, str]]:
    """Status, turns and title of each session, the newest first."""
    words = [sys.executable, "-m", "toolrun", "sessions", "list"]
    done = subprocess.run(
        words, env=chats.env, cwd=chats.folder, capture_output=True, text=True, check=True
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [(row[1], row[2], row[5]) for row in rows]


def stored(chats: Chats, kind: str) -> bool:
    """Whether an event of that kind is in the store, which another process writes."""
    if not database(chats).exists():
        return False
    found = sqlite3.connect(f"file:{database(chats)}?mode=ro", uri=True, timeout=20)
    try:
        return bool(found.execute("SELECT 1 FROM events WHERE type = ?", (kind,)).fetchone())
    except sqlite3.OperationalError:  # its tables are being made
        return False
    finally:
        found.close()


def killed(pane: Pane) -> None:
    pane.signal(signal.SIGKILL)
    pane.shows("ended with 137")


def test_a_conversation_is_killed_and_goes_on(chats: Chats, mock: MockServer) -> None:
    mock.script(Step(None, "The first answer."), name="one")
    pane = chats()
    pane.say("Moin [[script:one]]")
    pane.shows("The first answer.")
    until(lambda: stored(chats, "TurnFinished"))
    killed(pane)
    assert [each[:2] for each in sessions(chats)] == [("finished", "1")]

    again = chats("--continue")
    again.shows("The first answer.")
    assert "cut off" not in again.screen()
    mock.script(Step(None, "The second answer."), name="two")
    again.say("And? [[script:two]]")
    again.shows("The second answer.")
    sent = mock.bodies()[-1]["messages"]
    assert [each["role"] for each in sent if each["role"] != "system"] == [
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.load
def test_who_says_nothing_leaves_nothing(chats: Chats) -> None:
    pane = chats()
    pane.shows("/help lists the commands")
    killed(pane)
    pane = chats()
    pane.shows("/help lists the commands")
    pane.press("C-d")
    pane.shows("ended with 0")
    until(lambda: not database(chats).exists() or sessions(chats) == [])


@pytest.mark.load
def test_a_call_that_was_cut_off_is_asked_about(
    chats: Chats, mock: MockServer, ledger: Path
) -> None:
    mock.script(PAY, Step(None, "It is paid."), name="pay")
    pane = chats(*PAYING)
    pane.say("[[script:pay]] Pay.")
    until(ledger.exists)
    killed(pane)
    (chats.folder / "fast").touch()

    again = chats("--continue", *PAYING)
    again.shows("go on with it?")
    shown = " ".join(again.rests().split())  # the question may be drawn before the lines above it
    assert "the last turn was cut off: its process ended while its calls ran" in shown
    assert "pay(amount=5) began; its outcome is unknown: you are asked" in shown
    again.say("y")
    again.shows("run it")
    again.shows("y  yes")  # the question has the keys
    assert ledger.read_text() == "paid\n"
    again.say("y")
    again.shows("It is paid.")
    assert ledger.read_text() == "paid\npaid\n"


@pytest.mark.load
def test_a_turn_that_was_cut_off_while_it_was_sampled_goes_on(
    chats: Chats, mock: MockServer
) -> None:
    mock.script(Step("Slow. " * 200, "Never.", chunk_delay_s=0.1, chunks_per_write=1), name="s")
    pane = chats()
    pane.say("[[script:s]] Think.")
    pane.shows("thinking")
    until(lambda: stored(chats, "UserMessage"))
    killed(pane)
    mock.script(Step(None, "It went on."), name="s")

    again = chats("--continue")
    again.shows("its process ended while the model was answering")
    again.shows("y  yes")
    again.say("y")
    again.shows("It went on.")
    again.press("C-d")
    again.shows("ended with 0")
    assert [each[:2] for each in sessions(chats)] == [("finished", "1")]


@pytest.mark.load
def test_what_was_cut_off_is_left_where_somebody_says_no(chats: Chats, mock: MockServer) -> None:
    mock.script(Step("Slow. " * 200, "Never.", chunk_delay_s=0.1, chunks_per_write=1), name="s")
    pane = chats()
    pane.say("[[script:s]] Think.")
    pane.shows("thinking")
    until(lambda: stored(chats, "UserMessage"))
    killed(pane)

    again = chats("--continue")
    again.shows("go on with it?")
    again.shows("y  yes")
    again.say("n")
    again.shows("left as it is")
    mock.script(Step(None, "Something else."), name="other")
    again.say("[[script:other]] Forget it.")
    again.shows("Something else.")
    again.press("C-d")
    again.shows("ended with 0")
    assert [each[:2] for each in sessions(chats)] == [("finished", "2")]


@pytest.mark.load
def test_a_question_that_was_cut_off_is_asked_again(
    chats: Chats, mock: MockServer, ledger: Path
) -> None:
    assert not ledger.exists()
    mock.script(SEND, Step(None, "It is sent."), name="send")
    pane = chats(*PAYING)
    pane.say("[[script:send]] Send hi.")
    pane.shows("run it")
    killed(pane)

    again = chats("--continue", *PAYING)
    again.shows("the last turn waits for your decision")
    again.shows("run it")
    again.shows("y  yes")
    again.say("y")
    again.shows("It is sent.")


@pytest.mark.load
def test_two_terminals_share_a_store_and_not_a_session(chats: Chats, mock: MockServer) -> None:
    mock.script(Step(None, "To the first."), name="one")
    mock.script(Step(None, "To the second."), name="two")
    first = chats("--id", "shared")
    first.say("[[script:one]] One")
    first.shows("To the first.")
    second = chats("--resume", "shared")
    second.shows("is held by process")
    second.shows("what then?")
    second.say("f")
    second.shows("To the first.")
    second.say("[[script:two]] Two")
    second.shows("To the second.")
    first.say("[[script:two]] Still here")
    first.shows("To the second.")
    for pane in (first, second):
        pane.press("C-d")
        pane.shows("ended with 0")
    assert [each[:2] for each in sessions(chats)] == [("finished", "2")] * 2


@pytest.mark.load
def test_one_is_picked_from_a_list_that_is_searched(chats: Chats, mock: MockServer) -> None:
    for name in ("apples", "pears"):
        mock.script(Step(None, f"About {name}."), name=name)
        pane = chats()
        pane.say(f"Tell me of {name} [[script:{name}]]")
        pane.shows(f"About {name}.")
        pane.press("C-d")
        pane.shows("ended with 0")
    pane = chats("--resume")
    pane.shows("which session?")
    assert pane.screen().index("of pears") < pane.screen().index("of apples")
    pane.type("apples")
    pane.shows("1 of 2")
    pane.press("Enter")
    pane.shows("About apples.")
    assert "About pears." not in pane.screen()


@pytest.mark.load
def test_a_pipe_is_asked_nothing(chats: Chats, mock: MockServer) -> None:
    mock.script(Step(None, "One."), name="one")
    words = [sys.executable, "-m", "toolrun", "chat"]

    def piped(*more: str, lines: str) -> str:
        done = subprocess.run(
            [*words, *more],
            input=lines,
            env=chats.env,
            cwd=chats.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    piped(lines="[[script:one]] First\n")
    shown = piped("-c", lines="[[script:one]] Second\n").splitlines()
    assert shown.index("\u276f [[script:one]] First") < shown.index("One.")
    assert shown.count("One.") == 2
    assert [each[:2] for each in sessions(chats)] == [("finished", "2")]


@pytest.mark.load
def test_one_is_picked_where_only_lines_are_written(chats: Chats, mock: MockServer) -> None:
    for name in ("apples", "pears"):
        mock.script(Step(None, f"About {name}."), name=name)
        pane = chats()
        pane.say(f"Tell me of {name} [[script:{name}]]")
        pane.shows(f"About {name}.")
        pane.press("C-d")
        pane.shows("ended with 0")
    words = ("chat", "--resume")
    pane = Pane(chats.folder, chats.env, *words, term="dumb")
    try:
        pane.shows("which session? 2 of 2")
        assert "  1  just now  Tell me of pears" in pane.screen()
        pane.say("apples")
        pane.shows("which session? 1 of 2")
        pane.say("2")
        pane.shows("About apples.")
        assert "\u276f Tell me of apples" in pane.screen()
    finally:
        pane.close()
