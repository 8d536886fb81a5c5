"""Can sessions that a store keeps be gone on with, found, looked at and removed from the shell?"""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.rig.mock import Call, Step

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tests.rig.mock import MockServer
    from tests.unit.cli.conftest import Typed

STORE = "sqlite:///s.db"
SEND = Call("send", '{"text":"hi"}', "call_send")
TOOLS = ("--tools", "my_tools.py:send")


def finished(typed: Typed, name: str, prompt: str = "Say hello.") -> None:
    done = typed("run", prompt, "--store", STORE, "--id", name)
    assert done.returncode == 0, done.stderr


def parked(typed: Typed, mock: MockServer, name: str, *words: str) -> CompletedProcess[str]:
    mock.script(Step("Send it.", tool_calls=(SEND,)), Step("Done.", "It is sent."))
    done = typed("run", "Send hi.", "--id", name, "--store", STORE, *TOOLS, *words)
    assert done.returncode == 6, done.stderr
    return done


def listed(typed: Typed, *words: str) -> list[str]:
    done = typed("sessions", "list", "--store", STORE, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


# --- run


def test_a_parked_run_says_how_to_go_on_and_does(typed: Typed, mock: MockServer) -> None:
    said = parked(typed, mock, "a").stderr.splitlines()[-1]
    assert said == "go on with: toolrun run --resume a --approve-call call_send"

    done = typed(*said.partition("toolrun ")[2].split(), "--store", STORE, *TOOLS)

    assert (done.returncode, done.stdout) == (0, "It is sent.\n"), done.stderr
    assert "sent hi" in done.stderr


def test_a_call_that_waits_is_denied_with_a_reason(typed: Typed, mock: MockServer) -> None:
    parked(typed, mock, "a")
    words = ("--resume", "a", "--deny-call", "call_send", "--reason", "not today")
    done = typed("run", *words, "--store", STORE, *TOOLS)

    assert (done.returncode, done.stdout) == (4, "It is sent.\n"), done.stderr
    assert "not today" in mock.bodies()[-1]["messages"][-1]["content"]


def test_approve_all_decides_on_what_waits(typed: Typed, mock: MockServer) -> None:
    parked(typed, mock, "a")
    done = typed("run", "--resume", "a", "--approve", "all", "--store", STORE, *TOOLS)
    assert (done.returncode, done.stdout) == (0, "It is sent.\n"), done.stderr


def test_what_waits_still_waits_where_nobody_decides(typed: Typed, mock: MockServer) -> None:
    parked(typed, mock, "a")
    done = typed("run", "--resume", "a", "--store", STORE, *TOOLS)
    assert done.returncode == 6, done.stderr
    assert "--approve-call call_send" in done.stderr


def test_a_session_goes_on_with_another_prompt(typed: Typed, mock: MockServer) -> None:
    finished(typed, "a", "The first.")
    done = typed("run", "The second.", "--resume", "a", "--store", STORE, "--effort", "low")

    assert done.returncode == 0, done.stderr
    last = mock.bodies()[-1]
    assert [each["content"] for each in last["messages"] if each["role"] == "user"] == [
        "The first.",
        "The second.",
    ]
    assert last["reasoning_effort"] == "low"


def test_a_setting_of_the_environment_does_not_change_a_session(
    typed: Typed, mock: MockServer
) -> None:
    finished(typed, "a")
    typed("run", "More.", "--resume", "a", "--store", STORE, TOOLRUN_EFFORT="high")
    assert "reasoning_effort" not in mock.bodies()[-1]


def test_a_named_session_is_kept_below_the_state_folder(typed: Typed) -> None:
    assert typed("run", "Say hello.", "--id", "a").returncode == 0
    assert (typed.folder / "state" / "toolrun" / "sessions.db").exists()
    assert typed("sessions", "list").stdout.startswith("a\tfinished\t1\t")


def test_a_run_without_a_name_keeps_nothing(typed: Typed) -> None:
    assert typed("run", "Say hello.").returncode == 0
    assert not (typed.folder / "state" / "toolrun" / "sessions.db").exists()


def test_the_settings_name_a_store_beside_their_file(typed: Typed) -> None:
    (typed.folder / "sub").mkdir()
    (typed.folder / "sub" / "toolrun.toml").write_text('store = "sqlite:///kept.db"\n')
    assert typed("run", "Say hello.", "--config", "sub/toolrun.toml").returncode == 0
    assert (typed.folder / "sub" / "kept.db").exists()


WRONG = [
    (("run", "--resume", "none", "--store", STORE), "there is no session 'none'"),
    (("run", "hi", "--resume", "a", "--id", "b"), "--id names a new session"),
    (("run", "hi", "--approve-call", "c"), "need --resume ID"),
    (("run", "--resume", "a", "--reason", "no"), "--reason is for calls that --deny-call"),
    (
        ("run", "--resume", "a", "--deny-call", "c", "--approve-call", "c"),
        "call c is approved and denied",
    ),
    (("run", "hi", "--store", "mysql://x"), "begins with sqlite:/// or postgresql://"),
    (("sessions", "list", "--store", "sqlite:///none.db"), "there is no store none.db"),
    (("sessions", "show", "none", "--store", STORE), "there is no session 'none'"),
    (("sessions", "rm", "none", "--yes", "--store", STORE), "there is no session 'none'"),
    (("sessions", "rm", "--store", STORE), "name a session"),
    (("sessions", "rm", "a", "--store", STORE), "--yes removes without asking"),
    (("sessions", "purge", "--older-than", "soon"), "30d fits"),
    (("sessions", "list", "--status", "finsihed"), "Invalid value"),
]


def test_what_is_wrong_is_one_message(typed: Typed) -> None:
    finished(typed, "a")
    for words, message in WRONG:
        done = typed(*words)
        assert (done.returncode, done.stdout) == (2, ""), (words, done.stderr)
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert not (typed.folder / "none.db").exists()


@pytest.mark.load  # ten seconds, in which a database may come back
def test_a_password_is_in_no_message(typed: Typed) -> None:
    done = typed("sessions", "list", "--store", "postgresql://me:hunter2@/none?host=/nowhere")
    assert done.returncode != 0
    assert "hunter2" not in done.stdout + done.stderr


# --- sessions


def test_sessions_are_listed_the_newest_first(typed: Typed, mock: MockServer) -> None:
    finished(typed, "old", "What is \x1b[2J a\nword?")
    parked(typed, mock, "new")

    done = typed("sessions", "list", "--store", STORE)

    assert re.fullmatch(
        r"new\tparked\t1\t\S+ \S+\t-\tSend hi\.\nold\tfinished\t1\t\S+ \S+\t-\tWhat is .* word\?\n",
        done.stdout,
    ), done.stdout
    assert "\x1b" not in done.stdout
    assert listed(typed, "--status", "parked") == ["new"]
    assert listed(typed, "--status", "parked", "--status", "finished") == ["new", "old"]
    assert listed(typed, "--search", "word") == ["old"]
    assert listed(typed, "--limit", "1") == ["new"]
    assert listed(typed, "--older-than", "1h") == []
    assert listed(typed, "--tenant", "acme") == []


def test_sessions_are_objects_for_programs(typed: Typed) -> None:
    finished(typed, "a")
    (line,) = typed("sessions", "list", "--json", "--store", STORE).stdout.splitlines()
    found = json.loads(line)
    assert {"id", "tenant", "title", "status", "created", "updated", "seq", "turns"} <= set(found)
    assert (found["id"], found["turns"], found["holder"]) == ("a", 1, None)


def test_a_session_is_shown_as_a_trace_is(typed: Typed) -> None:
    finished(typed, "a")
    done = typed("sessions", "show", "a", "--store", STORE)

    assert done.returncode == 0, done.stderr
    for part in ("session a", "\u276f Say hello.", "The user greets me.", "turns: 1 finished"):
        assert part in done.stdout
    assert "The user greets" not in (
        typed("sessions", "show", "a", "--no-reasoning", "--store", STORE).stdout
    )
    events = typed("sessions", "show", "a", "--json", "--store", STORE).stdout.splitlines()
    assert [json.loads(line)["type"] for line in events] == [
        "SessionOpened",
        "UserMessage",
        "AssistantMessage",
        "TurnFinished",
    ]
    missing = typed("sessions", "show", "a", "--turn", "2", "--store", STORE)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "the session has no turn 2; it has 1 turn" in missing.stderr


def test_sessions_are_removed(typed: Typed) -> None:
    for name in ("a", "b", "c"):
        finished(typed, name)
    done = typed("sessions", "rm", "a", "c", "--yes", "--store", STORE)
    assert (done.returncode, done.stderr) == (0, "")
    assert listed(typed) == ["b"]


def test_what_another_process_drives_stays(typed: Typed) -> None:
    finished(typed, "a")
    with sqlite3.connect(typed.folder / "s.db") as database:
        database.execute("UPDATE leases SET owner = 'somebody', until = 1e12")
    database.close()

    done = typed("sessions", "rm", "a", "--yes", "--store", STORE)

    assert done.returncode == 1
    assert "a stays: session 'a' is held by somebody" in done.stdout
    assert typed("sessions", "list", "--store", STORE).stdout.startswith("a\tfinished, held\t")


def test_old_sessions_are_purged(typed: Typed, mock: MockServer) -> None:
    finished(typed, "old")
    parked(typed, mock, "waiting")
    with sqlite3.connect(typed.folder / "s.db") as database:
        database.execute("UPDATE sessions SET updated = updated - 40 * 86400")
    database.close()
    finished(typed, "new")
    purge = ("sessions", "purge", "--older-than", "30d", "--store", STORE)

    dry = typed(*purge, "--status", "finished", "--dry-run")
    assert [line.split("\t")[0] for line in dry.stdout.splitlines()] == ["old"]
    assert set(listed(typed)) == {"new", "waiting", "old"}

    done = typed(*purge, "--status", "finished")
    assert (done.returncode, "1 session removed" in done.stdout) == (0, True), done.stderr
    assert set(listed(typed)) == {"new", "waiting"}
    assert "1 session removed" in typed(*purge).stdout
    assert listed(typed) == ["new"]
