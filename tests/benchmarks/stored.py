"""What does keeping a conversation in a database cost toolrun? Contestants that all keep one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

from tests.benchmarks import task
from tests.benchmarks.contestants.toolrun_session import LIMITS, WEATHER
from toolrun import Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SQLITE: Final = "toolrun, SQLite"
POSTGRES: Final = "toolrun, PostgreSQL"


class Keeping(Protocol):
    """Holds conversations that it keeps."""

    async def talk(self, session: str, turns: int) -> None:
        """Hold a new conversation of so many turns."""
        ...

    async def resume(self, session: str) -> int:
        """Have an old one ready to go on with; says how many messages it has."""
        ...


class KeptSession:
    """toolrun; without a store, it keeps nothing and resumes nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def talk(self, session: str, turns: int) -> None:
        async with self.runtime.session(id=session) as opened:
            for _ in range(turns):
                answer = await opened.ask(task.PROMPT)
                assert answer.text == task.ANSWER, answer

    async def resume(self, session: str) -> int:
        async with self.runtime.resume(session) as resumed:
            return len(resumed.state.transcript)


@asynccontextmanager
async def entry(url: str, model: str, store: str | None) -> AsyncIterator[KeptSession]:
    async with Runtime(
        model=model,
        base_url=url,
        tools=[WEATHER],
        instructions=task.INSTRUCTIONS,
        limits=LIMITS,
        store=store,
    ) as runtime:
        yield KeptSession(runtime)
