"""Is a box seen to be what it is, and ended, whatever is started in its place?"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.sandbox import box as boxes
from toolrun.sandbox import load_profile
from toolrun.sandbox.backend import Start
from toolrun.sandbox.box import Box
from toolrun.sandbox.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SLEEPS = "import time; time.sleep(600)"
SAYS = "import os; os.write(INFO, b'{\"child-pid\": %d}' % os.getpid()); os.close(INFO)"


@pytest.fixture
def made() -> Iterator[Callable[..., Box]]:
    """Start Python in the place of a box; `INFO` is where it says which process is the first."""
    with contextlib.ExitStack() as stack:

        def start(code: str, **options: Any) -> Box:
            with contextlib.ExitStack() as give:
                control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                give.callback(there.close)
                info, info_end = os.pipe()
                give.callback(os.close, info_end)
                command = (sys.executable, "-I", "-S", "-c", f"INFO = {info_end}\n{code}")
                box = Box(Start(command, (info_end,), control, info, **options))
            stack.callback(box.wait_blocking)
            return box

        yield start


def seen(box: Box, what: Callable[[], bool]) -> None:
    """Look until something is so."""
    while not what():
        waiting = select.poll()
        for descriptor in box.descriptors():
            waiting.register(descriptor, select.POLLIN)
        assert waiting.poll(60_000), "nothing happens"
        box.look()


def test_a_program_that_is_not_there_leaves_nothing() -> None:
    control, there = socket.socketpair()
    with there, pytest.raises(FileNotFoundError):
        Box(Start(("/nowhere/a-program",), (), control, None))
    assert control.fileno() == -1


def test_what_is_the_first_process_itself_says_of_none() -> None:
    control, there = socket.socketpair()
    box = Box(Start(("/bin/sh", "-c", "exit 7"), (), control, None))
    with there:
        box.wait_blocking()

    assert box.exit in {7, -signal.SIGKILL}  # it was ended, or had ended before


def test_what_is_said_is_heard_until_it_is_closed_and_nothing_waits_for_more(
    made: Callable[..., Box],
) -> None:
    box = made(f"import os; os.write(2, b'something'); os.close(INFO); os.close(2); {SLEEPS}")
    with select.epoll() as waiting:
        for descriptor in box.descriptors():
            waiting.register(descriptor, select.EPOLLIN)

        seen(box, lambda: box._stderr is None)

        assert waiting.poll(0) == []  # else who runs a job would look again and again
    assert box.said == b"something"
    assert box.alive


@pytest.mark.parametrize("ends_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_no_first_one_is_not_taken_for_it(
    made: Callable[..., Box], ends_by: signal.Signals
) -> None:
    box = made(f"{SAYS}; {SLEEPS}", ends_by=ends_by)

    seen(box, lambda: box._info is None)

    of_a_namespace = ends_by == signal.SIGKILL
    assert box.init == (None if of_a_namespace else box._process.pid)


def test_all_of_a_box_is_watched_where_a_number_becomes_another_descriptors(
    made: Callable[..., Box],
) -> None:
    box = made(f"{SAYS}; {SLEEPS}", ends_by=signal.SIGTERM)
    run = Run(box, load_profile("pure"), None)
    info = box._info
    assert info is not None
    with contextlib.ExitStack() as stack:
        taken = 0
        while taken < info:  # the next one gets the number of the first that is closed
            stack.callback(os.close, taken := os.open(os.devnull, os.O_RDONLY))
        run._epoll = stack.enter_context(select.epoll())
        run._watched = set(box.descriptors())
        for descriptor in run._watched:
            run._epoll.register(descriptor, select.EPOLLIN)
        all_is_said = select.poll()
        all_is_said.register(info, 0)  # for its end alone
        assert all_is_said.poll(60_000)
        run._look()

        assert info in box.descriptors()
        for descriptor in box.descriptors():
            run._epoll.modify(descriptor, select.EPOLLIN)  # an error where it is not watched


def test_what_runs_elsewhere_is_in_no_control_group(made: Callable[..., Box]) -> None:
    box = made(SLEEPS, is_parent=False)
    box.bound(1 << 30)

    assert box.group is None
    assert not box.is_bound


async def test_a_box_that_cannot_be_killed_is_told_of(
    made: Callable[..., Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = made(SLEEPS)
    with monkeypatch.context() as patch:
        patch.setattr(Box, "kill", lambda _: None)
        patch.setattr(boxes, "_REAP_SECONDS", 0)
        with pytest.raises(RuntimeError, match=f"{box._process.pid} cannot be killed"):
            await box.wait()
        with pytest.raises(RuntimeError, match=f"{box._process.pid} cannot be killed"):
            box.wait_blocking()
