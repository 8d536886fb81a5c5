"""How are workers, a store and a ledger put together, and looked at afterwards?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from tests.chaos import checks
from tests.chaos.ledger import Ledger
from tests.chaos.worker import Plan
from toolrun.state import fold
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.chaos.worker import Workers
    from toolrun.events import Durable

KILLED = -9


class Scene:
    """A store, a ledger, and workers; each worker has a folder of its own.

    Args:
        workers: forks them.
        url: of the store.
        model: the base URL of the mock.
        folder: for files.
    """

    def __init__(self, workers: Workers, url: str, model: str, folder: Path) -> None:
        self.workers = workers
        self.url = url
        self.ledger = Ledger(folder / "ledger")
        self._model = model
        self._folder = folder
        self._gold: list[dict[str, Any]] | None = None
        self._count = 0

    def plan(self, *sessions: str, **more: Any) -> Plan:
        """What a worker of its own folder does."""
        self._count += 1
        return Plan(
            store=self.url,
            base_url=self._model,
            folder=str(self._folder / f"worker-{self._count}"),
            ledger=str(self.ledger.path),
            sessions=sessions,
            **more,
        )

    def ends(self, plan: Plan) -> None:
        """Run a worker to its end, which is a good one."""
        status = self.workers.run(plan)
        assert status == 0, (status, self.said(plan))

    def dies(self, plan: Plan) -> bool:
        """Run a worker that is to die; whether it has, and where it was to, else it has ended."""
        status = self.workers.run(plan)
        assert status in (0, KILLED), (status, self.said(plan))
        if status == 0:
            return False
        assert self.left(plan, "killed") == f"{plan.kill}\n".encode()
        return True

    def said(self, plan: Plan) -> str:
        """What a worker wrote to stderr."""
        return (self.left(plan, "stderr") or b"").decode()

    def left(self, plan: Plan, name: str) -> bytes | None:
        """A file that a worker left."""
        file = self._folder / plan.folder / name
        return file.read_bytes() if file.exists() else None

    def passed(self, plan: Plan) -> dict[str, int]:
        """How often a worker passed each place."""
        return msgspec.json.decode(self.left(plan, "passed") or b"{}", type=dict[str, int])

    def undisturbed(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """Have a session run without a kill: the places that it passed, and its transcript."""
        plan = self.plan("undisturbed")
        self.ends(plan)
        self._gold = checks.messages(fold(self.read(["undisturbed"])["undisturbed"]))
        return self.passed(plan), self._gold

    def read(self, sessions: Iterable[str]) -> dict[str, list[Durable]]:
        """What is stored of sessions."""

        async def read() -> dict[str, list[Durable]]:
            store = open_store(self.url)
            await store.open()
            try:
                return {name: await store.read(name) for name in sessions}
            finally:
                await store.aclose()

        return anyio.run(read)

    def check(self, sessions: Sequence[str], plans: Sequence[Plan]) -> int:
        """Check all that must hold of sessions that these workers drove; events seen."""
        if self._gold is None:
            self.undisturbed()
        seen = 0
        for name, events in self.read(sessions).items():
            checks.check_story(events, self.ledger)
            state = fold(events)
            assert checks.messages(state) == self._gold
            for plan in plans:
                folder = self._folder / plan.folder
                seen += checks.check_seen(folder / f"seen-{name}", events)
                live = self.left(plan, f"shape-{name}")
                if live is not None:
                    assert msgspec.json.decode(live) == checks.shape(state)
        return seen
