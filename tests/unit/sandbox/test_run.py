"""Does a job end as its worker says, and is a worker that lies or goes on killed?

The box is a process without walls, whose worker says what each test has it say.
"""

from __future__ import annotations

import marshal
import os
import select
import socket
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec import structs

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import load_profile
from toolrun.sandbox import run as run_module
from toolrun.sandbox.backend import Start
from toolrun.sandbox.box import Box
from toolrun.sandbox.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

PROFILE = load_profile("pure")
KILLED = -9

WORKER = """
import marshal, os, socket, sys, time
control = socket.socket(fileno=int(sys.argv[1]))

def taken(hello=b"H"):
    control.send(hello)
    return socket.recv_fds(control, 1, 6)[1]

def say(descriptor, *words):
    for word in words:
        os.write(descriptor, word)

def frame(kind, payload=b""):
    return kind + len(payload).to_bytes(4, "big") + payload

def end(*others):
    for descriptor in (1, 2, *others):
        os.close(descriptor)

SWEPT = b"S" + bytes(4)
"""
BEGIN = WORKER + "content, feed, out, err, result, tells = taken()\n"
RETURN = "say(result, frame(b'S'), frame(b'T', b'7'), frame(b'.'))\n"
END = "end(out, err, result)\nsay(tells, SWEPT)\ntime.sleep(60)\n"


class Group:
    """A control group that the kernel bounds, as far as a run asks."""

    def __init__(self, *, killed: bool = False) -> None:
        self.holds = True
        self.was_ready = False
        self.looks = 0
        self._killed = killed
        self.on_look: Callable[[], object] = lambda: None

    async def ready(self) -> None:
        self.was_ready = True

    def has_killed(self) -> bool:
        self.looks += 1
        self.on_look()
        return self._killed

    def close(self) -> None:
        """Nothing is held."""


class Ran:
    """What became of a run, and of its box."""

    def __init__(self, run: Run, box: Box) -> None:
        self.run = run
        self.box = box
        self.was_alive = box.alive

    @property
    def returned(self) -> Any:
        return bytes(self.run.reply.value()) if self.run.reply.complete else None


def made(worker: str) -> Box:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = (sys.executable, "-I", "-S", "-c", worker, str(theirs.fileno()))
    with theirs:
        return Box(Start(command=command, inherit=(theirs.fileno(),), control=mine, info=None))


async def ran(
    worker: str,
    *,
    stdin: bytes | int = b"",
    seconds: float = 20,
    on_output: Any = None,
    group: Group | None = None,
    given: Any = None,
    is_init: bool = False,
    **profile: Any,
) -> Ran:
    box = made(worker)
    box.group = cast("Any", group)
    if is_init:
        box.init = box._process.pid
    run = Run(box, structs.replace(PROFILE, **profile), on_output)
    try:
        await run.run({"the": "job"}, stdin, seconds, given)
        return Ran(run, box)
    finally:
        await box.wait()
        assert box.gone


async def test_a_worker_gets_the_job_and_its_input_and_is_heard() -> None:
    heard: list[tuple[str, str]] = []
    given: list[str] = []
    worker = (
        "say(out, os.read(content, 1000))\n"
        "say(err, os.read(feed, 1000))\n"
        "say(result, frame(b'S'), frame(b'P', b'half way'), frame(b'J', b'[1]'), frame(b'.'))\n"
    )
    done = await ran(
        BEGIN + worker + END,
        stdin=b"in",
        on_output=lambda stream, text: heard.append((stream, text)),
        given=lambda: given.append("once"),
    )

    assert marshal.loads(done.run.stdout) == {"the": "job"}
    assert bytes(done.run.stderr) == b"in"
    assert done.returned == b"[1]"
    assert (done.run.ended, done.run.exit, done.was_alive) == (None, 0, True)
    assert {("stderr", "in"), ("progress", "half way")} < set(heard)
    assert given == ["once"]
    assert (done.box.started, done.box.jobs) == (True, 1)


async def test_what_is_no_utf_8_is_told_as_such_and_kept_as_it_is() -> None:
    heard = {"stdout": "", "stderr": ""}

    def listen(stream: str, text: str) -> None:
        assert text
        heard[stream] += text

    said = "say(out, b'\\xc3', b'\\xa4\\xff', b'\\xc3')\nsay(err, b'\\xff', b'\\xc3')\n"
    done = await ran(BEGIN + said + RETURN + END, on_output=listen)

    assert heard == {"stdout": "ä\ufffd\ufffd", "stderr": "\ufffd\ufffd"}
    assert bytes(done.run.stdout + done.run.stderr) == b"\xc3\xa4\xff\xc3\xff\xc3"
    assert done.returned == b'"7"'


@pytest.mark.parametrize(("status", "code"), [(0, 0), (3 << 8, 3), (9, 137), (139, 139)])
async def test_a_status_is_said_as_shells_say_it(status: int, code: int) -> None:
    swept = f"end(out, err, result)\nsay(tells, b'S' + ({status}).to_bytes(4, 'big'))\n"
    done = await ran(BEGIN + swept + "time.sleep(60)")

    assert (done.run.exit, done.run.ended, done.was_alive) == (code, None, True)


@pytest.mark.parametrize(
    "word",
    ["b'S' + b'\\xff' * 4", "b'S' + b'\\x7f' + b'\\xff' * 3", "b'S12'", "b'S' + bytes(5)", "b'X'"],
)
@pytest.mark.parametrize("before", ["", "say(tells, b'A')\nos.read(feed, 1)\n"])
async def test_a_worker_that_lies_about_the_end_is_killed(word: str, before: str) -> None:
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write, "wb", buffering=0) as goes_on:
        goes_on.write(b"!")  # once it has said that it is alone; the words may come as one
        done = await ran(
            BEGIN + f"end(out, err, result)\n{before}say(tells, {word})\ntime.sleep(60)", stdin=read
        )

    assert (done.run.ended, done.was_alive) == (None, False)
    assert done.run.exit == KILLED


@pytest.mark.parametrize(("said", "returned"), [(RETURN, b'"7"'), ("", None)])
async def test_a_worker_that_closes_the_pipe_is_killed(said: str, returned: Any) -> None:
    done = await ran(BEGIN + said + "end(out, err, result, tells)\ntime.sleep(60)")

    assert (done.run.ended, done.run.exit) == (None, KILLED)
    assert done.returned == returned


async def test_a_worker_that_does_the_job_itself_ends_with_it() -> None:
    alone = "say(tells, b'A')\nend(out, err, result, tells)\ncontrol.close()\n"
    # It ends after its pipes do: what is told is how it ended, not that they did.
    done = await ran(BEGIN + alone + "time.sleep(0.1)\nos._exit(5)")

    assert (done.run.ended, done.run.exit, done.was_alive) == (None, 5, False)


async def test_what_greets_in_another_way_is_no_worker() -> None:
    done = await ran(WORKER + "taken(b'Hi')\ntime.sleep(60)")

    assert (done.box.started, done.run.exit, done.run.ended) == (False, KILLED, None)


async def test_a_box_that_ended_before_it_was_given_the_job_says_how() -> None:
    done = await ran("raise SystemExit(4)")

    assert (done.box.started, done.run.exit, done.run.ended) == (False, 4, None)
    assert done.returned is None


async def test_output_up_to_the_limit_is_taken_and_no_more() -> None:
    heard: list[str] = []
    said = "say(out, b'12345')\nsay(err, b'67890')\n"
    done = await ran(BEGIN + said + RETURN + END, output_bytes=10)
    assert (done.run.ended, done.returned) == (None, b'"7"')
    done = await ran(
        BEGIN + said + "say(out, b'x')\n" + RETURN + END,
        output_bytes=10,
        on_output=lambda _, text: heard.append(text),
    )

    assert done.run.ended == ("output_limit", "printed more than 10 bytes")
    assert len(done.run.stdout) + len(done.run.stderr) == len("".join(heard)) == 10
    assert not done.was_alive


@pytest.mark.parametrize(
    ("said", "ended"),
    [
        (
            "frame(b'T', b'x' * 11)",
            ("output_limit", "returned or reported more than 10 bytes"),
        ),
        ("frame(b'P', b'x' * 6)", ("output_limit", "returned or reported more than 10 bytes")),
        ("frame(b'?')", ("crash", "wrote to the result's pipe: unexpected frame b'?'")),
    ],
)
async def test_what_is_no_result_ends_the_job(said: str, ended: tuple[str, str]) -> None:
    done = await ran(BEGIN + f"say(result, {said})\ntime.sleep(60)", output_bytes=10)

    assert done.run.ended == ended
    assert (done.run.exit, done.was_alive) == (None, False)


async def test_what_does_not_finish_is_killed_at_its_time() -> None:
    done = await ran(BEGIN + "say(out, b'so far')\ntime.sleep(60)", seconds=5)

    assert done.run.ended == ("timeout", "did not finish within its time and was stopped")
    assert (done.run.exit, done.was_alive) == (None, False)
    assert bytes(done.run.stdout) == b"so far"


async def test_a_job_has_all_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr(run_module, "time", stopped)
    done = await ran(BEGIN + RETURN + END, seconds=0.5)

    assert (done.run.ended, done.returned) == (None, b'"7"')


async def test_what_has_returned_is_killed_where_its_worker_does_not_end_it() -> None:
    done = await ran(BEGIN + "say(out, b'kept')\n" + RETURN + "time.sleep(60)")

    assert (done.run.ended, done.returned) == (None, b'"7"')
    assert (done.run.exit, done.was_alive) == (KILLED, False)
    assert bytes(done.run.stdout) == b"kept"


async def test_a_listener_that_raises_ends_the_job() -> None:
    heard: list[str] = []

    def listen(stream: str, text: str) -> None:
        heard.append(stream)
        raise KeyError(text)

    with pytest.raises(KeyError, match="said"):
        await ran(BEGIN + "say(out, b'said')\nsay(err, b'said')\ntime.sleep(60)", on_output=listen)

    assert heard


async def test_memory_is_sampled_where_the_kernel_does_not_bound_it() -> None:
    done = await ran(BEGIN + "time.sleep(60)", is_init=True, memory_bytes=1)

    assert done.run.ended == ("memory_limit", "used more than 0 MiB of memory")


async def test_memory_is_not_sampled_where_the_kernel_bounds_it() -> None:
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write, "wb", buffering=0) as goes_on:
        group = Group()
        group.on_look = lambda: group.looks == 3 and goes_on.write(b"!")
        done = await ran(
            BEGIN + "os.read(feed, 1)\n" + RETURN + END,
            stdin=read,
            is_init=True,
            memory_bytes=1,
            group=group,
        )

    assert (done.run.ended, done.returned) == (None, b'"7"')
    assert group.was_ready


@pytest.mark.parametrize("rest", [RETURN + END, "time.sleep(60)"])
async def test_what_the_kernel_killed_for_its_memory_says_so(rest: str) -> None:
    done = await ran(BEGIN + rest, group=Group(killed=True), is_init=True, memory_bytes=2**20)

    assert done.run.ended == ("memory_limit", "used more than 1 MiB of memory")


async def test_without_descriptors_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    box = made(WORKER + "time.sleep(60)")

    def none_left() -> None:
        raise OSError(24, "Too many open files")

    try:
        with monkeypatch.context() as patch:
            patch.setattr(select, "epoll", none_left)
            with pytest.raises(SandboxUnavailable, match="Too many open files"):
                await Run(box, PROFILE, None).run({}, b"", 20)
        assert box.jobs == 0
    finally:
        await box.wait()
