"""How does one job in a box go? Sent, read, watched, and ended at its time or its limits.

All descriptors are in one epoll set and the task waits for that alone: the same on asyncio and
trio, without threads, child watchers or tasks that could be left over.
"""

from __future__ import annotations

import codecs
import contextlib
import marshal
import os
import select
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from toolrun.sandbox import watch
from toolrun.sandbox.box import ALONE, HELLO, SWEPT
from toolrun.sandbox.descriptors import memory, pipe
from toolrun.sandbox.layer.layer import Kept
from toolrun.sandbox.outcomes import lacking
from toolrun.sandbox.protocol import Malformed, Reply, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.sandbox.box import Box
    from toolrun.sandbox.job import OnOutput, Status, Stream
    from toolrun.sandbox.profile import Profile

_CHUNK: Final = 65_536
_MESSAGE: Final = 16
_SWEPT_BYTES: Final = 5
_SWEEP_SECONDS: Final = 0.25
"""What the worker may take to end what a job left, before the whole box is killed."""


class Run:
    """One job in a box. Use once: `run`.

    Attributes:
        reply: what came through the result's pipe.
        ended: which limit ended the job, and how to say so.
        exit: the exit status of the job's process, 128 + n if signal n ended it; None where the
            box was killed.
        kept: what became of what it wrote to a writable workspace.
    """

    _interval = watch.INTERVAL

    def __init__(self, box: Box, profile: Profile, on_output: OnOutput | None) -> None:
        self.reply: Reply = Reply(profile.output_bytes, self._progress)
        self.ended: tuple[Status, str] | None = None
        self.exit: int | None = None
        self.kept: Kept = Kept()
        self.stdout: bytearray = bytearray()
        self.stderr: bytearray = bytearray()
        self._box = box
        self._profile = profile
        self._on_output = on_output
        self._swept = False
        self._alone = False
        self._sweep_by: float | None = None
        self._sample_at = time.monotonic() + watch.INTERVAL
        self._readers: dict[int, Callable[[bytes], None]] = {}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}

    async def run(
        self,
        job: dict[str, Any],
        stdin: bytes | int,
        seconds: float,
        given: Callable[[], None] | None = None,
    ) -> None:
        """Run a job until nothing of it is left; kill the box after `seconds`, or if cancelled.

        Args:
            job: see `toolrun.sandbox.inside.job.run`.
            stdin: the bytes of its standard input, or a descriptor to read them from.
            seconds: until it is ended.
            given: is called once the box has its descriptors.

        Raises:
            SandboxUnavailable: there are no descriptors for it; nothing ran.
        """
        deadline = time.monotonic() + seconds
        if self._box.group is not None:
            await self._box.group.ready()
        with contextlib.ExitStack() as stack:
            try:
                self._epoll = stack.enter_context(contextlib.closing(select.epoll()))
                self._give(stack, job, stdin)
            except OSError as error:
                raise lacking(error) from error
            if given is not None:
                given()
            try:
                while not self._done():
                    await self._step(deadline)
            finally:
                if not self._swept:
                    await self._kill()

    def _give(self, stack: contextlib.ExitStack, job: dict[str, Any], stdin: bytes | int) -> None:
        """Send the job; where the box is gone by now, `_done` says so."""
        with contextlib.ExitStack() as give:
            content = memory(give, marshal.dumps(job))
            feed = memory(give, stdin) if isinstance(stdin, bytes) else stdin
            takers = (
                partial(self._output, "stdout"),
                partial(self._output, "stderr"),
                self._on_result,
            )
            pipes = [self._pipe(stack, give, take) for take in takers]
            self._told, tells = pipe(stack, give)
            os.set_blocking(self._told, False)
            self._epoll.register(self._told, select.EPOLLIN)
            try:
                self._box.send([content, feed, *pipes, tells])
            except OSError:  # also where too many descriptors are under way: it would wait for ever
                self._box.kill()
        if not self._box.started:
            self._epoll.register(self._box.control, select.EPOLLIN)
        self._watched = set(self._box.descriptors())
        for descriptor in self._watched:
            self._epoll.register(descriptor, select.EPOLLIN)

    def _pipe(
        self, stack: contextlib.ExitStack, give: contextlib.ExitStack, take: Callable[[bytes], None]
    ) -> int:
        read, write = pipe(stack, give)
        os.set_blocking(read, False)
        self._epoll.register(read, select.EPOLLIN)
        self._readers[read] = take
        return write

    def _done(self) -> bool:
        if self._readers:
            return False
        return self._swept or self._box.gone or not self._box.alive

    async def _step(self, deadline: float) -> None:
        """Wait for anything to happen, at most until the next sample; then handle all of it."""
        remaining = (self._sweep_by or deadline) - time.monotonic()
        if remaining <= 0:
            if self._sweep_by is None:
                self._end("timeout", "did not finish within its time and was stopped")
            await self._kill()
            return
        with anyio.move_on_after(min(self._interval, remaining)):
            await anyio.wait_readable(self._epoll.fileno())
        self._handle()
        if time.monotonic() >= self._sample_at and not self._swept and self.ended is None:
            self._sample()

    def _sample(self) -> None:
        # Before the shim runs, the box's root may still be the host's. Its own word counts: a
        # module that was imported before the job could keep the job from saying that it began.
        if not self._box.started or self._box.init is None:
            return
        self._sample_at = time.monotonic() + self._interval
        self._see_memory()
        memory = not self._box.is_bound
        reached = watch.exceeded(self._box.init, self._profile, memory=memory)
        if reached is not None:
            self._end(*reached)

    def _see_memory(self) -> None:
        if self._box.ran_out_of_memory():
            self._end(*watch.memory_limit(self._profile))

    def _handle(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            if descriptor in self._readers:
                self._drain(descriptor)
            elif descriptor == self._told:
                self._hear()
            elif descriptor == self._box.control.fileno():
                self._hear_hello()
            elif descriptor in self._watched:
                self._look()

    def _hear_hello(self) -> None:
        message = self._box.receive()
        if message is not None:
            self._epoll.unregister(self._box.control)
            if message != HELLO:
                self._box.kill()

    def _hear(self) -> None:
        """Take what the worker says; the pipes hold all that the job has written by then."""
        try:
            message = os.read(self._told, _MESSAGE)
        except BlockingIOError:
            return
        if message == ALONE:
            self._alone = True
            return
        self._epoll.unregister(self._told)
        if len(message) == _SWEPT_BYTES and message[:1] == SWEPT:
            try:
                self.exit = _exit_status(int.from_bytes(message[1:], "big", signed=True))
            except ValueError:  # no worker's word
                self._box.kill()
                return
            self._see_memory()
            self._swept = True
            self._sweep_by = self._sweep_by or time.monotonic() + _SWEEP_SECONDS
        elif message or not self._alone:
            self._box.kill()

    def _look(self) -> None:
        self._box.look()
        self._watched = set(self._box.descriptors())
        for descriptor in self._watched:
            # Closed ones have left the set by themselves; their numbers may be others' by now.
            with contextlib.suppress(FileExistsError):
                self._epoll.register(descriptor, select.EPOLLIN)

    def _drain(self, descriptor: int) -> bool:
        """Take one chunk; whether there may be more.

        One of each pipe for each look: a flood in one does not starve the others.
        """
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        take = self._readers[descriptor]
        if not chunk:
            self._epoll.unregister(descriptor)
            del self._readers[descriptor]
        take(chunk)
        return bool(chunk)

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

    def _on_result(self, chunk: bytes) -> None:
        try:
            self.reply.feed(chunk)
        except TooLarge:
            limit = self._profile.output_bytes
            self._end("output_limit", f"returned or reported more than {limit} bytes")
        except Malformed as error:
            self._end("crash", f"wrote to the result's pipe: {error}")
        else:
            if self.reply.complete and self._sweep_by is None:
                # Everything is said: the worker ends what is left of it.
                self._sweep_by = time.monotonic() + _SWEEP_SECONDS

    def _end(self, status: Status, why: str) -> None:
        if self.ended is None and not self._swept:
            self.ended = (status, why)
            self._box.kill()

    async def _kill(self) -> None:
        """Kill the box and wait until it is gone, whatever a listener does meanwhile."""
        failure: Exception | None = None
        self._see_memory()
        try:
            self._handle()
        except Exception as error:  # noqa: BLE001 - raised below, when nothing is left
            failure = error
            self._on_output = None
        await self._box.wait()
        if self.ended is None and not self._swept:
            self.exit = self._box.exit
        for descriptor in list(self._readers):
            try:
                while failure is None and self._drain(descriptor):
                    pass
            except Exception as error:  # noqa: BLE001 - the same
                failure = error
        self._readers.clear()
        if failure is not None:
            raise failure


def _exit_status(status: int) -> int:
    """What `waitpid` gives as shells say it."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code
