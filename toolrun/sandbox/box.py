"""How does one box live? Started, read, watched, and gone to the last process when `run` returns.

All its descriptors are in one epoll set and the task waits for that alone: the same on asyncio and
trio, without threads, child watchers or tasks that could be left over.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from toolrun.sandbox import watch
from toolrun.sandbox.order import ENVIRONMENT
from toolrun.sandbox.protocol import Malformed, Reply, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.sandbox.backend import Start
    from toolrun.sandbox.job import OnOutput, Status, Stream
    from toolrun.sandbox.profile import Profile

_CHUNK: Final = 65_536
_REAP_SECONDS: Final = 10.0
_INFO_SECONDS: Final = 1.0


class Box:
    """One box: a process tree with its pipes. Use once: `run`."""

    def __init__(self, start: Start, profile: Profile, on_output: OnOutput | None) -> None:
        self.reply = Reply(profile.output_bytes, self._progress)
        self.ended: tuple[Status, str] | None = None
        self.exit: int | None = None
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._profile = profile
        self._on_output = on_output
        self._init: int | None = None
        self._init_pidfd: int | None = None
        self._info_descriptor = start.info
        self._info = bytearray()
        self._killed = False
        self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603
            start.command,
            stdin=start.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=start.inherit,
            env=dict(ENVIRONMENT),
            cwd="/",
            # Ctrl-C in a terminal goes to all of its foreground group: a half-started bubblewrap
            # would die of it and leave a child behind that waits for it for ever.
            start_new_session=True,
        )
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[bytes], None]] = {}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}
        self._watch_all(start)

    async def run(self, seconds: float) -> None:
        """Wait until the whole tree is gone; kill it after `seconds`, or if cancelled."""
        deadline = time.monotonic() + seconds
        try:
            while not (self._gone() or self._killed):
                await self._step(deadline)
        finally:
            with anyio.CancelScope(shield=True):
                await self._reap()
            self._close()

    def _watch_all(self, start: Start) -> None:
        self._process_pidfd: int | None = os.pidfd_open(self._process.pid)
        self._epoll.register(self._process_pidfd, select.EPOLLIN)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._read(self._process.stdout.fileno(), lambda chunk: self._output("stdout", chunk))
        self._read(self._process.stderr.fileno(), lambda chunk: self._output("stderr", chunk))
        self._read(start.info, self._on_info)
        if start.result is not None:
            self._read(start.result, self._on_result)

    def _read(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        os.set_blocking(descriptor, False)
        self._epoll.register(descriptor, select.EPOLLIN)
        self._readers[descriptor] = take

    async def _step(self, deadline: float) -> None:
        """Wait for anything to happen, at most until the next sample; then handle all of it."""
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            self._end("timeout", "did not finish within its time and was stopped")
            return
        with anyio.move_on_after(min(watch.INTERVAL, remaining)):
            await anyio.wait_readable(self._epoll.fileno())
        self._handle()
        # Before the shim runs, the box's root may still be the host's.
        if self.reply.started and self._init is not None and not self._killed:
            reached = watch.exceeded(self._init, self._profile)
            if reached is not None:
                self._end(*reached)

    def _handle(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            if descriptor in self._readers:
                self._drain(descriptor)
            elif descriptor == self._process_pidfd:
                self._on_exit()
            elif descriptor == self._init_pidfd:
                self._forget(descriptor)
                self._init_pidfd = self._init = None

    def _drain(self, descriptor: int) -> bool:
        """One chunk of each pipe for each look: a flood in one does not starve the others."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        take = self._readers[descriptor]
        if not chunk:
            self._epoll.unregister(descriptor)
            del self._readers[descriptor]
        take(chunk)
        return True

    def _output(self, name: Stream, chunk: bytes) -> None:
        room = self._profile.output_bytes - len(self.stdout) - len(self.stderr)
        kept = chunk[:room]
        (self.stdout if name == "stdout" else self.stderr).extend(kept)
        if self._on_output is not None:
            text = self._decoders[name].decode(kept, final=not chunk)
            if text:
                self._on_output(name, text)
        if len(chunk) > room:
            self._end("output_limit", f"printed more than {self._profile.output_bytes} bytes")

    def _progress(self, text: str) -> None:
        if self._on_output is not None:
            self._on_output("progress", text)

    def _on_info(self, chunk: bytes) -> None:
        self._info += chunk
        if not chunk:
            self._find_init()

    def _find_init(self) -> None:
        """Take hold of the box's first process, once bubblewrap has said which it is."""
        # Written in pieces: JSON only if bubblewrap was not killed between two of them.
        said = re.search(rb'"child-pid": (\d+)\s*[,}]', self._info)
        if said is None or self._init is not None:
            return
        self._init = int(said[1])
        try:
            pidfd = os.pidfd_open(self._init)
        except ProcessLookupError:
            self._init = None
            return
        # A number can be another process's by now.
        if not _is_first(self._init):
            os.close(pidfd)
            self._init = None
            return
        self._init_pidfd = pidfd
        self._epoll.register(pidfd, select.EPOLLIN)
        if self._killed:
            self._kill()

    def _on_exit(self) -> None:
        """Bubblewrap is gone, and so is the box, unless it was killed from outside.

        It says which process is the first before that one leaves its group and goes on. So the two
        kills below reach it wherever it was, even where it had not asked yet to die with its
        parent: it would wait for it, or run on, without end.
        """
        while self._info_descriptor in self._readers and self._drain(self._info_descriptor):
            pass
        self._find_init()
        # Before it is waited for, so that its number is still its own.
        self._kill_group()
        self.exit = self._process.wait()
        assert self._process_pidfd is not None
        self._forget(self._process_pidfd)
        self._process_pidfd = None
        if self._init_pidfd is not None:
            self._kill()

    def _on_result(self, chunk: bytes) -> None:
        try:
            self.reply.feed(chunk)
        except TooLarge:
            limit = self._profile.output_bytes
            self._end("output_limit", f"returned or reported more than {limit} bytes")
        except Malformed as error:
            self._end("crash", f"wrote to the result's pipe: {error}")
        else:
            if self.reply.complete:
                # Everything is said, and what was printed is in the pipes: nothing to wait for.
                self._kill()

    def _end(self, status: Status, why: str) -> None:
        if not self._killed:
            self.ended = (status, why)
            self._kill()

    def _kill(self) -> None:
        """Kill the box's first process, and with it, by the kernel, all the others."""
        self._killed = True
        if self._init_pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_pidfd, signal.SIGKILL)

    def _kill_group(self) -> None:
        """Kill bubblewrap, and a first process that has not made a session of its own yet."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _reap(self) -> None:
        """Kill what is left and wait until it is gone, whatever a listener does meanwhile."""
        started = time.monotonic()
        failure: Exception | None = None
        self._kill()
        while not self._gone():
            waited = time.monotonic() - started
            if self._init_pidfd is None and waited > _INFO_SECONDS and self.exit is None:
                self._kill_group()  # it never got as far as starting the box
            if waited > _REAP_SECONDS:
                raise RuntimeError(f"sandbox: process {self._process.pid} cannot be killed")
            with anyio.move_on_after(watch.INTERVAL):
                await anyio.wait_readable(self._epoll.fileno())
            try:
                self._handle()
            except Exception as error:  # noqa: BLE001 - raised below, when nothing is left
                failure = error
                self._on_output = None
        if failure is not None:
            raise failure

    def _gone(self) -> bool:
        return self.exit is not None and self._init_pidfd is None and not self._readers

    def _forget(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        os.close(descriptor)

    def _close(self) -> None:
        self._epoll.close()
        for descriptor in (self._process_pidfd, self._init_pidfd):
            if descriptor is not None:
                os.close(descriptor)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


def _is_first(pid: int) -> bool:
    """Whether a process is the first of a namespace below this one's."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return False
    return re.search(rb"^NSpid:\t\d+(\t\d+)*\t1$", status, re.MULTILINE) is not None
