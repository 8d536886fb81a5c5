"""Does a trace play at its pace and by keys, and are many checked with a line each?"""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.rig.mock import Call, Step
from tests.unit.cli.work import COUNT, READING, counting
from toolrun.cli.exits import Interrupted
from toolrun.cli.play import LONGEST_WAIT, Player
from toolrun.cli.screen import Screen
from toolrun.events import AssistantMessage, SessionOpened, TextDelta, TurnFinished, UserMessage

if TYPE_CHECKING:
    from tests.rig.mock import MockServer
    from tests.unit.cli.conftest import Typed
    from toolrun.events import Event

TRACES = Path(__file__).parents[2] / "traces" / "format-1"
EVENTS: tuple[Event, ...] = (
    SessionOpened("0", "2026-01-02", {}, time=10.0),
    UserMessage("one", turn=1, time=10.0),
    TextDelta("Hm.", turn=1, step=1, time=10.2),
    AssistantMessage("Hm.", turn=1, step=1, time=10.4),
    TurnFinished("finished", turn=1, step=1, time=10.4),
    UserMessage("two", turn=2, time=10.4),
    AssistantMessage("Yes.", turn=2, step=1, time=10.4),
    TurnFinished("finished", turn=2, step=1, time=10.4),
)
FIRST = EVENTS[:5]


def player(shown: list[Event], *, speed: float = 1.0) -> Player:
    return Player(EVENTS, shown.append, Screen(StringIO()), speed=speed, stepwise=True)


def waits(speed: float, monkeypatch: pytest.MonkeyPatch, *times: float) -> list[float]:
    """How long a player waits between events of these times."""
    seen: list[float] = []
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    events = [TextDelta("x", turn=1, step=1, time=each) for each in times]
    playing = Player(events, lambda _: None, Screen(StringIO()), speed=speed)

    async def key(seconds: float) -> None:
        seen.append(round(seconds, 3))
        now[0] += seconds

    monkeypatch.setattr(playing, "_key", key)
    anyio.run(playing.play)
    return seen


def test_the_waits_are_those_that_there_were_and_none_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert waits(1.0, monkeypatch, 1.0, 1.5, 1.5, 61.5) == [0.5, LONGEST_WAIT]
    assert waits(2.0, monkeypatch, 1.0, 1.5, 61.5) == [0.25, LONGEST_WAIT]
    assert waits(0.5, monkeypatch, 1.0, 1.5, 61.5) == [1.0, LONGEST_WAIT]
    assert waits(float("inf"), monkeypatch, 1.0, 1.5, 61.5) == []


async def test_a_key_shows_the_next_step_at_once_and_then_it_waits() -> None:
    shown: list[Event] = []
    playing = player(shown)

    async with anyio.create_task_group() as group:
        group.start_soon(playing.play)
        for seen in (EVENTS[:1], FIRST, EVENTS):
            await anyio.wait_all_tasks_blocked()
            assert tuple(shown) == seen
            playing.press("right")


async def test_space_goes_on_and_q_leaves() -> None:
    shown: list[Event] = []
    playing = player(shown, speed=64.0)

    async with anyio.create_task_group() as group:
        group.start_soon(playing.play)
        await anyio.wait_all_tasks_blocked()
        playing.press("x")  # nobody's
        await anyio.wait_all_tasks_blocked()
        assert tuple(shown) == EVENTS[:1]
        playing.press(" ")
    assert tuple(shown) == EVENTS

    left = player(shown)
    left.press("q")
    assert await left.play() is False
    left = player(shown)
    left.press("c-c")
    with pytest.raises(Interrupted):
        await left.play()


def test_a_trace_that_cannot_be_replayed_is_shown(typed: Typed) -> None:
    lines = (TRACES / "final.jsonl").read_text().splitlines()
    opened = json.loads(lines[1])
    changed = {"type": "SettingsChanged", "settings": {"effort": "low"}}
    kept = [
        {**json.loads(line), "seq": json.loads(line)["seq"] + (index > 1)}
        for index, line in enumerate(lines[1:], 1)
    ]
    kept.insert(1, {**changed, "session": opened["session"], "seq": 2, "time": opened["time"]})
    text = "\n".join([lines[0], *map(json.dumps, kept), ""])
    (typed.folder / "changed.jsonl").write_text(text)

    done = typed("replay", "changed.jsonl")

    assert done.returncode == 1
    assert "Hello there, friend!" in done.stdout
    why = "line 3: a session whose settings changed can't be replayed"
    assert f"not replayed: {why}" in done.stdout
    checked = typed("replay", "--check", "changed.jsonl")
    assert (checked.returncode, checked.stdout.splitlines()) == (
        1,
        [
            f"\u2717 changed.jsonl: not replayable: {why}",
            "\u2014 1 trace: 1 not replayable",
        ],
    )


def test_many_are_checked_with_a_line_each(typed: Typed) -> None:
    folder = typed.folder / "traces"
    (folder / "deep").mkdir(parents=True)
    good = (TRACES / "one-call.jsonl").read_text()
    (folder / "a.jsonl").write_text(good)
    (folder / "b.jsonl").write_text(good.replace('"degrees\\":20', '"degrees\\":21', 1))
    (folder / "deep" / "c.jsonl").write_text("no trace\n")
    (folder / "note.txt").write_text("no trace either")

    done = typed("replay", "--check", "traces")
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (1, 4)
    assert lines[0].startswith("\u2713 traces/a.jsonl  ")
    assert lines[1].startswith("\u2717 traces/b.jsonl: line ")
    assert lines[2].startswith("\u2717 traces/deep/c.jsonl: not replayable: line 1: not a trace")
    assert lines[3] == "\u2014 3 traces: 1 as recorded, 1 different, 1 not replayable"

    first = typed("replay", "--check", "-x", "traces", "traces/a.jsonl")
    assert "1 as recorded, 1 different, 1 not looked at" in first.stdout
    assert typed("replay", "--check", "traces/a.jsonl").returncode == 0
    report = json.loads(typed("replay", "--check", "--json", "traces").stdout)
    assert [each["result"] for each in report["traces"]] == ["ok", "differs", "not replayable"]
    assert report["traces"][1]["what"].splitlines()[0] in lines[1]


def test_a_check_may_be_less_strict(typed: Typed) -> None:
    good = (TRACES / "one-call.jsonl").read_text()
    digest = json.loads(next(line for line in good.splitlines() if "RequestSent" in line))["digest"]
    other = good.replace(digest, "0" * 64, 1)
    (typed.folder / "bytes.jsonl").write_text(other)
    lines = good.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if '"ToolCallStarted"' in line)
    lines[at] = lines[at].replace('"Paris"', '"Rome"')
    (typed.folder / "call.jsonl").write_text("".join(lines))

    results = {
        (strictness, name): typed(
            "replay", "--check", "--strictness", strictness, f"{name}.jsonl"
        ).returncode
        for strictness in ("strict", "semantic", "loose")
        for name in ("bytes", "call")
    }

    assert results == {
        ("strict", "bytes"): 1,
        ("strict", "call"): 1,
        ("semantic", "bytes"): 0,
        ("semantic", "call"): 1,
        ("loose", "bytes"): 0,
        ("loose", "call"): 0,
    }


def test_options_that_do_not_fit_are_refused(typed: Typed) -> None:
    trace = str(TRACES / "final.jsonl")
    for words, said in (
        ((), "name a trace"),
        (("traces-are-here",), "there is no trace traces-are-here"),
        ((str(TRACES),), "is a folder: name one trace in it"),
        ((trace, trace), "one trace is played at a time; --check takes many"),
        ((trace, "--json"), "--json and -x are for --check"),
        ((trace, "--speed", "0"), "--speed is a number greater than 0, or max, not '0'"),
        ((trace, "--step"), "--step waits for keys, and there is no terminal"),
        ((trace, "--check", "--quiet"), "not --check"),
        ((trace, "--strictness", "loose"), "--strictness for --check"),
        (("--check", "notes"), "there is no trace (*.jsonl) in notes"),
    ):
        done = typed("replay", *words)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def _recorded(typed: Typed, mock: MockServer, name: str = "t.jsonl") -> None:
    """Record two turns' worth of behaviour: a call, and an answer."""
    counting(mock)
    assert typed("run", "How many?", *READING, "--trace", name).returncode == 0
    mock.reset()


def test_a_live_model_that_does_the_same_passes(typed: Typed, mock: MockServer) -> None:
    _recorded(typed, mock)
    (typed.folder / "notes" / "notes.md").write_text("one")  # no tool runs: nobody counts again
    counting(mock)

    same = typed("replay", "--against", mock.url, "t.jsonl", "--record", "new")

    assert (same.returncode, same.stdout.splitlines()) == (
        0,
        ["\u2713 t.jsonl: the same", "1 trace: 1 as recorded, 0 not (--fail-on calls)"],
    )
    assert mock.bodies()[1]["messages"][-1]["content"] == "4"
    assert typed("replay", "--check", "new/t.jsonl").returncode == 0
    again = typed("replay", "--against", mock.url, "t.jsonl", "--record", "new")
    assert (again.returncode, "new/t.jsonl is there already" in again.stderr) == (2, True)


def test_a_live_model_that_does_something_else_is_told_apart(
    typed: Typed, mock: MockServer
) -> None:
    _recorded(typed, mock)
    _recorded(typed, mock, "u.jsonl")
    other = Call("word_count", '{"path":"other.md"}')
    mock.script(
        Step("Hm.", tool_calls=(other,)),
        Step("It cannot be counted.", "I don't know."),
        *(Step("I should count.", "I will count.", tool_calls=(COUNT,)), Step(None, "Four.")),
    )

    done = typed("replay", "--against", mock.url, "t.jsonl")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "\u2717 t.jsonl: other calls and answers"
    at = lines.index("  argument path of word_count")
    assert lines[at + 1 : at + 3] == ['    - "notes.md"', '    + "other.md"']
    unrecorded = 'no result is recorded of word_count({"path":"other.md"})'
    assert f"! turn 1, step 1: {unrecorded}" in lines
    assert "was not run" in mock.bodies()[1]["messages"][-1]["content"]

    mock.reset()
    mock.script(Step("I should count.", "I will count.", tool_calls=(COUNT,)), Step(None, "Four."))
    assert typed("replay", "--against", mock.url, "t.jsonl").returncode == 0
    for fail_on, code in (("answer", 1), ("none", 0)):
        mock.reset()
        done = typed("replay", "--against", mock.url, "t.jsonl", "--fail-on", fail_on)
        assert done.returncode == code, done.stdout

    mock.reset()
    report = json.loads(
        typed("replay", "--against", mock.url, "t.jsonl", "u.jsonl", "--json").stdout
    )
    assert [each["failed"] for each in report["traces"]] == [True, True]
    found = report["traces"][0]["comparison"]
    assert (found["calls"], found["ends"], found["answers"]) == (False, True, False)
    assert (found["recorded"]["steps"], found["live"]["steps"]) == (2, 1)
    table = typed("replay", "--against", mock.url, "t.jsonl", "u.jsonl").stdout
    assert "2 traces: 0 as recorded, 2 not (--fail-on calls)" in table
    assert " 2 > 1 " in table
    first = typed("replay", "--against", mock.url, "-x", "t.jsonl", "u.jsonl").stdout
    assert "0 as recorded, 1 not, 1 not asked" in first


def test_nobody_to_ask_is_no_difference(typed: Typed, mock: MockServer) -> None:
    _recorded(typed, mock)
    gone = typed("replay", "--against", "http://127.0.0.1:9/v1", "t.jsonl")
    assert gone.returncode == 5
    unknown = typed("replay", "--against", mock.url, "--model", "no-such-model", "t.jsonl")
    assert (unknown.returncode, "no-such-model" in unknown.stderr) == (5, True)
    for words, said in (
        (("--against", mock.url, "--check", "t.jsonl"), "take one of them"),
        (("--against", mock.url, "--step", "t.jsonl"), "not --against"),
        (("--model", "m", "t.jsonl"), "who is to be asked?"),
    ):
        done = typed("replay", *words)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_trace_that_cannot_be_asked_again_is_no_pass(typed: Typed, mock: MockServer) -> None:
    (typed.folder / "bad.jsonl").write_text("no trace\n")
    done = typed("replay", "--against", mock.url, "bad.jsonl")
    assert (done.returncode, "bad.jsonl: not asked: " in done.stdout) == (1, True)
