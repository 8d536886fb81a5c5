"""What does a worker do with the sessions that it is given?"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from tests.chaos import story
from tests.chaos.checks import shape
from tests.chaos.killing import Killer, Watched, watch_commits
from tests.chaos.ledger import Ledger
from toolrun import Runtime
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
        self.killer = Killer(plan.kill, self.folder)
        self.ledger = Ledger(Path(plan.ledger))
        watch_commits(self.killer)
        self.runtime = Runtime(
            base_url=plan.base_url,
            store=Watched(open_store(plan.store), self.killer),
            sinks=[Seen(self.folder)],
            tools=story.tools(self.ledger, self.killer),
        )

    def say(self, name: str, value: object) -> None:
        """Leave a file for the test."""
        (self.folder / name).write_bytes(msgspec.json.encode(value))


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
