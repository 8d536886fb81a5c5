"""How does one box live? Started, given jobs by its socket, and killed to the last process."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

import anyio

from toolrun.sandbox.cgroup import hold
from toolrun.sandbox.egress.way import Way
from toolrun.sandbox.order import ENVIRONMENT
from toolrun.sandbox.pidfds import has_ended
from toolrun.sandbox.pidfds import hold as hold_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.sandbox.backend import Start
    from toolrun.sandbox.cgroup import Group

HELLO: Final = b"H"
"""The worker in the box is up."""
SWEPT: Final = b"S"
"""A job's processes are gone; its status as `waitpid` gives it follows, in four bytes."""

ALONE: Final = b"A"
"""The worker itself runs the job, since its module started threads: the box ends with it."""

_MESSAGE: Final = 16
_REAP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02
_SAID_BYTES: Final = 65_536


class Box:
    """The tree of processes of one box.

    Attributes:
        group: the control group that bounds its memory, where there is one.
        way: what its loopback takes for the proxy, where its profile has one.
        started: whether its worker has said hello: what fails before is the sandbox's fault.
        on_started: is called once, when it has started or is given up.
        jobs: how many it was given.
        said: what was printed before the worker was up.
        init: the number of its first process here; None before it is known, and afterwards.
    """

    def __init__(self, start: Start) -> None:
        self.started: bool = False
        self.on_started: Callable[[], None] | None = None
        self.jobs: int = 0
        self.said: bytearray = bytearray()
        self.init: int | None = None
        self.exit: int | None = None
        self.control: socket.socket = start.control
        self.way: Way = Way()
        self.group: Group | None = None
        self.control.setblocking(False)  # noqa: FBT003 - positional only
        self._killed = False
        self._info = start.info
        self._is_parent = start.is_parent
        self._ends_by = start.ends_by
        self._info_said = bytearray()
        self._init_pidfd: int | None = None
        self._unheld: int | None = None
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own arguments
                start.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=start.inherit,
                env=dict(ENVIRONMENT),
                cwd="/",
                # Ctrl-C in a terminal goes to all of its foreground group: a half-started
                # bubblewrap would die of it and leave a child that waits for it without end.
                start_new_session=True,
            )
        except BaseException:
            self.control.close()
            if start.info is not None:
                os.close(start.info)
            raise
        assert self._process.stderr is not None
        self._stderr: int | None = self._process.stderr.fileno()
        os.set_blocking(self._stderr, False)
        if self._info is not None:
            os.set_blocking(self._info, False)
        self._process_pidfd: int | None = None
        try:
            self._process_pidfd = os.pidfd_open(self._process.pid)
        except OSError:  # no descriptor is to be had
            self._kill_group()
            self.exit = self._process.wait()
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether it may be given a job: nothing was seen to have ended."""
        return not self._killed and self.exit is None and self._process_pidfd is not None

    @property
    def gone(self) -> bool:
        """Whether all its processes are."""
        return self.exit is not None and self._init_pidfd is None and self._unheld is None

    def bound(self, memory_bytes: int) -> None:
        """Have the kernel bound its memory, where that can be; before it is given a job."""
        if self._is_parent:
            self.group = hold(memory_bytes, self._process.pid)

    @property
    def is_bound(self) -> bool:
        """Whether the kernel bounds its memory."""
        return self.group is not None and self.group.holds

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed something in it for that, since this was last asked."""
        return self.group is not None and self.group.has_killed()

    def descriptors(self) -> list[int]:
        """What to wait for besides `control`: readable where `look` has something to see."""
        watched = (self._process_pidfd, self._info, self._init_pidfd, self._stderr)
        return [descriptor for descriptor in watched if descriptor is not None]

    def send(self, descriptors: Sequence[int]) -> None:
        """Give it a job: descriptors of its content, stdin, stdout, stderr, result and end.

        By the last one the worker says `ALONE` and `SWEPT`.

        Raises:
            OSError: it is gone; nothing was run.
        """
        socket.send_fds(self.control, [b"J"], list(descriptors))
        self.jobs += 1

    def receive(self) -> bytes | None:
        """The worker's hello; empty where it is gone, None where there is none yet.

        Nothing else is ever received: the worker can send nothing after it. A descriptor that a
        tool has sent could be a socket that takes its time to close, and this process with it.
        """
        if self.started:
            return HELLO
        try:
            flags = socket.MSG_CMSG_CLOEXEC
            message, descriptors, *_ = socket.recv_fds(self.control, _MESSAGE, 1, flags)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        for descriptor in descriptors:
            with contextlib.suppress(ValueError):  # no way out, then
                self.way.open(descriptor)
        if message == HELLO:
            self.started = True
            self.tell_started()
        return message

    @property
    def has_hung_up(self) -> bool:
        """Whether its worker is gone, as far as the socket knows."""
        poll = select.poll()
        poll.register(self.control, 0)
        return bool(poll.poll(0))

    def tell_started(self) -> None:
        """Tell who waits for it to have started, or to be given up."""
        told, self.on_started = self.on_started, None
        if told is not None:
            told()

    def look(self) -> None:
        """See what has happened to its processes."""
        self._read_said()
        self._read_info()
        if self._init_pidfd is not None and has_ended(self._init_pidfd):
            os.close(self._init_pidfd)
            self._init_pidfd = self.init = None
        if self._process_pidfd is not None and has_ended(self._process_pidfd):
            self._on_exit()

    def kill(self) -> None:
        """Kill its first process, and with it, by the kernel, all the others; does not wait."""
        self._killed = True
        self._read_info()
        if self._init_pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_pidfd, self._ends_by)
        elif self.exit is None:
            self._kill_group()

    async def wait(self) -> None:
        """Kill what is left of it and wait until it is gone; not to be cancelled."""
        self.kill()
        deadline = time.monotonic() + _REAP_SECONDS
        with anyio.CancelScope(shield=True):
            self.look()
            while not self.gone:
                self._check(deadline)
                with anyio.move_on_after(_POLL_SECONDS):
                    await self._watch()
                self.look()
        self.close()

    async def _watch(self) -> None:
        try:
            epoll = select.epoll()
        except OSError:  # no descriptor is to be had
            await anyio.sleep(_POLL_SECONDS)
            return
        with epoll:
            for descriptor in self.descriptors():
                epoll.register(descriptor, select.EPOLLIN)
            await anyio.wait_readable(epoll.fileno())

    def wait_blocking(self) -> None:
        """The same where no event loop runs."""
        self.kill()
        deadline = time.monotonic() + _REAP_SECONDS
        self.look()
        while not self.gone:
            self._check(deadline)
            # Not `select`: it takes no descriptor above 1,023.
            poll = select.poll()
            for descriptor in self.descriptors():
                poll.register(descriptor, select.POLLIN)
            poll.poll(1_000 * _POLL_SECONDS)
            self.look()
        self.close()

    def close(self) -> None:
        """Close its descriptors; it must be gone."""
        self.way.close()
        self.control.close()
        for descriptor in (self._process_pidfd, self._init_pidfd, self._info):
            if descriptor is not None:
                os.close(descriptor)
        self._process_pidfd = self._init_pidfd = self._info = None
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._stderr = None
        if self.group is not None:
            self.group.close()

    def let_go(self) -> None:
        """Close its descriptors, in a process that was forked from the one whose box it is."""
        self._process.returncode = 0  # another's child: not to be waited for here
        self.close()

    def _check(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"sandbox: process {self._process.pid} cannot be killed")

    def _read_said(self) -> None:
        # Once a look: a job that finds this pipe could fill it for ever.
        if self._stderr is not None and (chunk := _read(self._stderr)) is not None:
            if not chunk:  # closed here as well: who waits for it would be woken without end
                assert self._process.stderr is not None
                self._process.stderr.close()
                self._stderr = None
            self.said += chunk[: _SAID_BYTES - len(self.said)]

    def _read_info(self) -> None:
        """Take hold of the box's first process, once bubblewrap has said which it is."""
        while self._info is not None and (chunk := _read(self._info)) is not None:
            if not chunk:
                os.close(self._info)
                self._info = None
            self._info_said += chunk
        # Written in pieces: JSON only if bubblewrap was not killed between two of them.
        if said := re.search(rb'"child-pid": (\d+)\s*[,}]', self._info_said):
            self._unheld = int(said[1])
            self._info_said.clear()
        if self._unheld is None:
            return
        try:
            pidfd = hold_process(self._unheld, first=self._ends_by == signal.SIGKILL)
        except OSError:  # no descriptor is to be had now: at the next look
            return
        pid, self._unheld = self._unheld, None
        if pidfd is not None:
            self.init, self._init_pidfd = pid, pidfd
            if self._killed:
                self.kill()

    def _on_exit(self) -> None:
        """Bubblewrap is gone, and so is the box, unless it was killed from outside.

        It says which process is the first before that one leaves its group and goes on. So the two
        kills below reach it wherever it was, even where it had not asked yet to die with its
        parent: it would wait for it, or run on, without end.
        """
        # Before it is waited for, so that its number is still its own.
        self._read_info()
        self._kill_group()
        self.exit = self._process.wait()
        assert self._process_pidfd is not None
        os.close(self._process_pidfd)
        self._process_pidfd = None
        self.kill()

    def _kill_group(self) -> None:
        """Kill bubblewrap, and a first process that has not made a session of its own yet."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _read(descriptor: int) -> bytes | None:
    try:
        return os.read(descriptor, _SAID_BYTES)
    except BlockingIOError:
        return None
