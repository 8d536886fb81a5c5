"""Which box runs a call? One kept warm for its tenant, one that waits unused, or a new one.

A box that has run a job of one tenant never runs one of another. What nobody uses is bounded, and
so is what runs and what starts at once: calls beyond wait in line.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
import structlog

from toolrun.errors import ConfigError, ToolrunError
from toolrun.sandbox.box import Box
from toolrun.sandbox.later import later

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Make = Callable[[], Awaitable[Box]]

_JOBS: Final = 200
_IDLE_SECONDS: Final = 300.0
_KINDS: Final = 64
_AT_ONCE: Final = max(2, os.cpu_count() or 1)
"""How many boxes start at once: a storm of them would slow all."""


class Boxes(msgspec.Struct, frozen=True):
    """How many boxes there may be.

    Attributes:
        running: at once, for all sessions; calls beyond wait in the order in which they came.
        idle: that wait for a job, used or not; some 7 MiB each, and what the tool imports.
        spare: unused ones to keep ready of each kind that several tenants call for, so that the
            first call of a tenant finds one that has started.

    Raises:
        ConfigError: a number is too small.
    """

    running: int = 64
    idle: int = 16
    spare: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, least in (("running", 1), ("idle", 0), ("spare", 0)):
            if (value := getattr(self, name)) < least:
                raise ConfigError(f"boxes: {name} must be {least} or more, not {value}")


class Idle(msgspec.Struct, frozen=True, eq=False):
    """A box that waits; `tenant` is None while it is unused."""

    box: Box
    key: object
    tenant: str | None
    since: float


class _Coming:
    """A box that is being started for a call to come."""

    def __init__(self, key: object) -> None:
        self.key = key
        self.claimed = False
        self.over = anyio.Event()


class Pool:
    """The boxes of a runtime, or of one `Sandbox`. For one event loop at a time.

    Attributes:
        bounds: how many boxes run and wait.
    """

    def __init__(self, bounds: Boxes | None = None) -> None:
        self.bounds: Boxes = bounds or Boxes()
        self._idle: deque[Idle] = deque()
        self._dying: list[Box] = []
        self._running: anyio.Semaphore | None = None
        self._starting: anyio.Semaphore | None = None
        self._coming: list[_Coming] = []
        self._replacing: list[object] = []
        self._seen: deque[tuple[object, str | None]] = deque(maxlen=_KINDS)
        self._closed = False
        self._process = os.getpid()

    @contextlib.asynccontextmanager
    async def lease(
        self,
        key: object,
        tenant: str | None,
        make: Make,
        *,
        fresh: bool = False,
        once: bool = False,
    ) -> AsyncIterator[Box]:
        """Internal: hold a box; it is kept for its tenant afterwards if as good as new.

        Args:
            key: what kind of box: those of one key are alike.
            tenant: whose job it will run; None: nobody else's job will ever run in it.
            make: starts a box of this kind.
            fresh: only a new one will do.
            once: nobody else will want one of this kind.
        """
        self._disown()
        self._running = self._running or anyio.Semaphore(self.bounds.running)
        async with self._running:
            self._tidy()
            box = None if fresh else await self._waiting(key, tenant)
            box = box or await self._start(make)
            try:
                yield box
            except BaseException as error:
                self._discard(box)
                if self._closed and not isinstance(error, GeneratorExit):
                    await self.aclose()
                raise
            finally:
                box.tell_started()
            if tenant is not None and box.alive and box.jobs < _JOBS:
                self._keep(Idle(box, key, tenant, time.monotonic()))
            else:
                self._discard(box)
            if self._closed:  # meanwhile: nobody will come by any more to bury it
                await self.aclose()
            elif not once and self._is_shared(key, tenant):
                self._replace(key, make)

    async def warm(self, key: object, tenant: str | None, make: Make) -> None:
        """Internal: start a box that a call will soon need, unless one waits, or many start."""
        self._disown()
        if not self.bounds.idle:
            return
        self._tidy()
        starting = sum(not each.box.started for each in self._idle)
        if self._find(key, tenant) is None and starting < _AT_ONCE:
            await self._add(key, make)

    @property
    def running(self) -> int:
        """How many boxes run a job, or are held between two calls."""
        return 0 if self._running is None else self.bounds.running - self._running.value

    @property
    def idle(self) -> int:
        """How many boxes wait for a job."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many calls wait for a box, since all that there may be run."""
        return 0 if self._running is None else self._running.statistics().tasks_waiting

    async def aclose(self) -> None:
        """Kill all boxes that wait, and see all of them gone.

        Raises:
            RuntimeError: one cannot be killed; all others are gone.
        """
        self._empty()
        failure: RuntimeError | None = None
        while self._dying:
            try:
                await self._dying.pop().wait()
            except RuntimeError as error:
                failure = error
        if failure is not None:
            raise failure

    def close(self) -> None:
        """The same where no event loop runs."""
        self._empty()
        failure: RuntimeError | None = None
        while self._dying:
            try:
                self._dying.pop().wait_blocking()
            except RuntimeError as error:
                failure = error
        if failure is not None:
            raise failure

    def _disown(self) -> None:
        """In a process that was forked from the boxes' own: leave them to that one."""
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        for box in (*(each.box for each in self._idle), *self._dying):
            box.let_go()
        self._idle.clear()
        self._dying.clear()
        self._seen.clear()
        self._coming.clear()
        self._replacing.clear()
        self._running = self._starting = None

    def _empty(self) -> None:
        self._disown()
        self._closed = True
        while self._idle:
            self._discard(self._idle.pop().box)

    def _find(self, key: object, tenant: str | None) -> Idle | None:
        """The tenant's own box, else an unused one; the one used last, since it is warmest."""
        unused = None
        for each in reversed(self._idle):
            if each.key == key and each.tenant is None:
                unused = unused or each
            elif each.key == key and each.tenant == tenant:
                return each
        return unused

    async def _waiting(self, key: object, tenant: str | None) -> Box | None:
        """A box that waits, or one that somebody has begun to start and nobody waits for yet."""
        box = self._take(key, tenant)
        coming = next((each for each in self._coming if each.key == key and not each.claimed), None)
        if box is not None or coming is None:
            return box
        coming.claimed = True
        await coming.over.wait()
        return self._take(key, tenant)

    def _take(self, key: object, tenant: str | None) -> Box | None:
        while (found := self._find(key, tenant)) is not None:
            self._idle.remove(found)
            if _serves(found.box):
                return found.box
            self._discard(found.box)
        return None

    def _keep(self, idle: Idle) -> None:
        if self._closed:
            self._discard(idle.box)
            return
        self._idle.append(idle)
        while len(self._idle) > self.bounds.idle:
            self._discard(self._idle.popleft().box)

    def _is_shared(self, key: object, tenant: str | None) -> bool:
        """Whether others may want a box of this kind: two tenants had one, or it serves once."""
        others = any(known == key and whose != tenant for known, whose in self._seen)
        if (key, tenant) not in self._seen:
            self._seen.append((key, tenant))
        return others or tenant is None

    def _replace(self, key: object, make: Make) -> None:
        """Have unused boxes ready again, after the call has given its result."""
        unused = sum(each.key == key and each.tenant is None for each in self._idle)
        wanted = min(self.bounds.spare, self.bounds.idle)
        if self._closed or unused >= wanted or key in self._replacing:
            return
        self._replacing.append(key)

        async def start() -> None:
            try:
                await self._add(key, make)
            except ToolrunError as error:  # the next call will start one, and say so to its caller
                structlog.get_logger("toolrun").warning("no spare box", error=str(error))
            finally:  # in a process that was forked meanwhile it is not there any more
                self._replacing = [each for each in self._replacing if each != key]

        later(start)

    async def _add(self, key: object, make: Make) -> None:
        if self._is_closed():
            return
        coming = _Coming(key)
        self._coming.append(coming)
        try:
            box = await make()
            if self._is_closed():  # meanwhile
                await box.wait()
            else:
                self._keep(Idle(box, key, None, time.monotonic()))
        finally:
            self._coming = [each for each in self._coming if each is not coming]
            coming.over.set()

    def _is_closed(self) -> bool:
        return self._closed

    async def _start(self, make: Make) -> Box:
        """Start a box, when so few others do that it is not slowed by them."""
        slot = self._starting = self._starting or anyio.Semaphore(_AT_ONCE)
        await slot.acquire()
        try:
            box = await make()
        except BaseException:
            slot.release()
            raise
        box.on_started = slot.release
        return box

    def _discard(self, box: Box) -> None:
        self._dying.append(box)
        box.kill()

    def _tidy(self) -> None:
        """Bury what has died, and end what nobody has used for long."""
        for box in self._dying[:]:
            box.look()
            if box.gone:
                box.close()
                self._dying.remove(box)
        before = time.monotonic() - _IDLE_SECONDS
        while self._idle and self._idle[0].since < before:
            self._discard(self._idle.popleft().box)


def _serves(box: Box) -> bool:
    """Whether a box that waits is still there, as far as can be seen without asking it."""
    if box.receive() == b"" or box.has_hung_up:
        box.kill()
        return False
    box.look()
    return box.alive
