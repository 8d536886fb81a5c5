"""How a call ended: is it said in the right words, and never taken for a result?"""

from __future__ import annotations

import signal
from typing import Any, cast

import pytest

from toolrun.sandbox import load_profile
from toolrun.sandbox.layer.layer import Kept
from toolrun.sandbox.outcomes import ended_by_itself, lacking, outcome
from toolrun.sandbox.protocol import END, ERROR, JSON, STARTED, TEXT, TRACEBACK
from toolrun.sandbox.run import Run

KILLED = 128 + signal.SIGKILL


def run_of(*frames: tuple[bytes, bytes], **attributes: Any) -> Run:
    """A job whose box is gone, and what is known of it by then."""
    run = Run(cast("Any", None), load_profile("pure"), None)
    for kind, payload in frames:
        run.reply.feed(kind + len(payload).to_bytes(4, "big") + payload)
    for name, value in attributes.items():
        setattr(run, name, value)
    return run


def test_what_it_returned_printed_and_took() -> None:
    kept = Kept(dropped=True)
    run = run_of((STARTED, b""), (TEXT, b"7"), (END, b""), exit=0, kept=kept)
    run.stdout += b"out \xff"
    run.stderr += b"err \xff"
    ended = outcome(run, 1.5, 30)

    assert (ended.status, ended.returned, ended.error, ended.traceback) == ("ok", "7", None, None)
    assert (ended.stdout, ended.stderr, ended.seconds) == ("out \ufffd", "err \ufffd", 1.5)
    assert ended.kept is kept
    assert ended.exit is None  # the result came first


def test_what_it_raised() -> None:
    run = run_of((ERROR, b"E: no \xff"), (TRACEBACK, b"line \xff"), (END, b""))
    run.stdout += b"out"
    ended = outcome(run, 0.1, 30)

    assert (ended.stdout, ended.seconds) == ("out", 0.1)
    assert (ended.status, ended.value) == ("exception", None)
    assert (ended.error, ended.traceback) == ("E: no \ufffd", "line \ufffd")


def test_an_error_without_a_traceback_is_one() -> None:
    ended = outcome(run_of((ERROR, b"E"), (END, b"")), 0.1, 30)

    assert (ended.status, ended.error, ended.traceback) == ("exception", "E", None)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "not one value"),
        ([(TEXT, b"a"), (JSON, b"1")], "not one value"),
        ([(TEXT, b"\xff")], "'utf-8' codec can't decode byte 0xff in position 0: invalid start"),
        ([(JSON, b"{")], "Input data was truncated"),
        ([(JSON, b"1 2")], "JSON is malformed: trailing characters (byte 3)"),
    ],
)
def test_what_is_no_result_is_a_crash(frames: list[tuple[bytes, bytes]], why: str) -> None:
    run = run_of(*frames, (END, b""))
    run.stdout += b"out"
    ended = outcome(run, 0.1, 30)

    assert (ended.status, ended.value, ended.stdout) == ("crash", None, "out")
    assert ended.error is not None
    assert ended.error.startswith(f"wrote to the result's pipe: {why}")


@pytest.mark.parametrize(
    ("status", "exit_status", "why"),
    [
        ("crash", None, "its box ended before it returned"),
        ("crash", 0, "its process ended with status 0 before it returned"),
        ("crash", 3, "its process ended with status 3 before it returned"),
        ("crash", 128, "its process ended with status 128 before it returned"),
        ("crash", KILLED, "its process was ended by SIGKILL before it returned"),
        ("crash", 128 + signal.SIGHUP, "its process was ended by SIGHUP before it returned"),
        ("timeout", 128 + signal.SIGXCPU, "used up its CPU time and was stopped"),
    ],
)
def test_how_it_ended_before_it_returned(status: str, exit_status: int | None, why: str) -> None:
    # What it had said by then does not count.
    run = run_of((STARTED, b""), (TEXT, b"half"), exit=exit_status)
    run.stderr += b"err"
    ended = outcome(run, 0.1, 30)

    assert (ended.stderr, ended.seconds) == ("err", 0.1)
    assert (ended.status, ended.error, ended.exit) == (status, why, exit_status)
    assert ended.value is None


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (("timeout", "?"), "did not finish within 2.5 s and was stopped"),
        (("memory_limit", "used more than 1 MiB"), "used more than 1 MiB"),
    ],
)
def test_the_limit_that_ended_it_has_the_last_word(limit: tuple[str, str], why: str) -> None:
    whole = run_of((TEXT, b"7"), (END, b""), ended=limit, exit=0)
    whole.stdout += b"out"
    ended = outcome(whole, 0.1, 2.5)

    assert (ended.stdout, ended.seconds) == ("out", 0.1)
    assert (ended.status, ended.error, ended.value) == (limit[0], why, None)
    assert ended.exit is None


@pytest.mark.parametrize(
    ("run", "function", "command"),
    [
        (run_of((TEXT, b"7"), (END, b"")), True, False),
        (run_of((ERROR, b"E"), (END, b"")), True, False),
        (run_of((TEXT, b"7")), False, False),
        (run_of(exit=0), False, True),
        (run_of(exit=7), False, True),
        (run_of(exit=128), False, True),
        (run_of(exit=KILLED), False, False),
        (run_of(exit=128 + signal.SIGHUP), False, False),
        (run_of((TEXT, b"7"), (END, b""), exit=0, ended=("timeout", "?")), False, False),
    ],
)
def test_what_came_to_an_end_of_its_own(run: Run, *, function: bool, command: bool) -> None:
    assert ended_by_itself(run, command=False) is function
    assert ended_by_itself(run, command=True) is command


def test_a_machine_that_has_too_little_says_what_to_do() -> None:
    assert str(lacking(OSError(24, "Too many open files"))) == (
        "sandbox: the box could not be made: [Errno 24] Too many open files. Where files or "
        "processes are too many, let this process have more (ulimit -n, ulimit -u), or fewer boxes "
        "run at once (Boxes.running)"
    )
