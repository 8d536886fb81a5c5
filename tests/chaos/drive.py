"""What does a worker do with the sessions that it is given?"""

from __future__ import annotations

import mmap
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from tests.chaos import story
from tests.chaos.checks import shape
from tests.chaos.killing import Killer, Watched, watch_commits
from tests.chaos.ledger import Ledger
from toolrun import Runtime, SessionBusy
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from tests.chaos.worker import Plan
    from toolrun.events import Durable, Event


class Seen:
    """A sink that writes down each durable event that it hears of, at once."""

    observes = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def observe(self, event: Event) -> None:
        """See `Sink.observe`."""

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        with (self._folder / f"seen-{event.session}").open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(event) + b"\n")


class Worker:
    """A runtime with a killer in its store and in its tools."""

    def __init__(self, plan: Plan) -> None:
        self.folder = Path(plan.folder)
        self.killer = Killer(plan.kill, self.folder, stops=plan.stops)
        self.ledger = Ledger(Path(plan.ledger))
        watch_commits(self.killer)
        self.runtime = Runtime(
            base_url=plan.base_url,
            store=Watched(open_store(plan.store), self.killer),
            sinks=[Seen(self.folder)],
            tools=story.tools(self.ledger, self.killer, plan.work),
        )

    def say(self, name: str, value: object) -> None:
        """Leave a file for the test, whole or not at all."""
        new = self.folder / f".{name}"
        new.write_bytes(msgspec.json.encode(value))
        new.replace(self.folder / name)


async def all(plan: Plan) -> None:  # noqa: A001 - what it drives
    """Drive all sessions at once to their end."""
    worker = Worker(plan)

    async def drive(name: str) -> None:
        session = await story.begun(worker.runtime, name)
        async with aclosing(session):
            await story.to_the_end(session, worker.ledger)
            worker.say(f"shape-{name}", shape(session.state))

    async with worker.runtime, anyio.create_task_group() as group:
        for name in plan.sessions:
            group.start_soon(drive, name)
    worker.say("passed", worker.killer.passed)


async def race(plan: Plan) -> None:
    """Race another worker for each session; the winner drives it to its end."""
    worker = Worker(plan)
    assert plan.racing is not None
    meeting = Meeting(*plan.racing)
    came: dict[str, str] = {}
    async with worker.runtime:
        await worker.runtime.store()  # both have their store open before they race
        for number, name in enumerate(plan.sessions, 1):
            await meeting.at(number)
            try:
                async with worker.runtime.resume(name) as session:
                    drove = await story.to_the_end(session, worker.ledger)
                    came[name] = "late" if drove is None else "won"
            except SessionBusy:
                came[name] = "busy"
    worker.say("came", came)


class Meeting:
    """Where two processes wait for each other: a byte of each in a file that both map."""

    def __init__(self, file: str, mine: int) -> None:
        with Path(file).open("r+b") as opened:
            self._bytes = mmap.mmap(opened.fileno(), 16)
        self._mine = mine

    async def at(self, number: int) -> None:
        """Return when both are there."""
        self._put(number)
        while self._get(1 - self._mine) < number:  # noqa: ASYNC110 - another process: no event
            await anyio.sleep(0.001)  # shorter than what both are about to do at once

    def _put(self, number: int) -> None:
        self._bytes[8 * self._mine : 8 * self._mine + 8] = number.to_bytes(8, "little")

    def _get(self, which: int) -> int:
        return int.from_bytes(self._bytes[8 * which : 8 * which + 8], "little")
