"""A process that asks once, in a session that is stored, and is killed while its calls run.

`python -m tests.integration.resuming STORE BASE_URL MODEL LEDGER SESSION TEXT`: every tool but
`done` writes its idempotency key into the ledger and stands still; the last one kills the process.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from toolrun import Runtime, ToolCallFinished, tool
from toolrun.tools.context import CallContext  # noqa: TC001 - tools are defined by it

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.events import Durable, Event
    from toolrun.options import RuntimeOptions

POLICIES = ("rerun", "key", "ask", "never")


class Tools:
    """One tool for each policy, and one that finishes.

    Args:
        ledger: the file that they write to.
        dying: how many calls stand still until the process is killed; 0: none does.
    """

    observes = False

    def __init__(self, ledger: Path, dying: int = 0) -> None:
        self._ledger = ledger
        self._dying = dying
        self._inside = 0
        self._finished = anyio.Event()

    def all(self) -> list[Callable[..., Any]]:
        """The tools, `done` first."""
        return [self._done(), *(self._of(policy) for policy in POLICIES)]

    def _done(self) -> Callable[..., Any]:
        @tool(trusted=True, name="done")
        async def done(context: CallContext) -> str:
            """Finish at once."""
            self._write(context)
            return "done"

        return done

    def _of(self, policy: Any) -> Callable[..., Any]:
        @tool(trusted=True, name=policy, on_crash=policy)
        async def act(context: CallContext) -> str:
            """Do something once."""
            self._write(context)
            self._inside += 1
            if self._dying:
                await self._die()
            return f"{policy} done"

        return act

    async def _die(self) -> None:
        """Stand still; the last one kills, once the outcome of `done` is stored."""
        if self._inside < self._dying:
            await anyio.sleep_forever()
        await self._finished.wait()
        os.kill(os.getpid(), signal.SIGKILL)

    def observe(self, event: Event) -> None:
        """See `Sink.observe`."""

    async def record(self, event: Durable) -> None:
        """Hear of what is stored: this sink stands behind the store."""
        if isinstance(event, ToolCallFinished):
            self._finished.set()

    def _write(self, context: CallContext) -> None:
        with self._ledger.open("a", encoding="utf-8") as file:
            file.write(context.idempotency_key + "\n")
            file.flush()
            os.fsync(file.fileno())


async def main(store: str, base_url: str, model: str, ledger: str, session: str, text: str) -> None:
    """Ask; see above."""
    tools = Tools(Path(ledger), dying=len(POLICIES))
    options: RuntimeOptions = {
        "model": model,
        "base_url": base_url,
        "tools": tools.all(),
        "sinks": [tools],
        "store": store,
    }
    async with (
        Runtime(**options) as runtime,
        runtime.session(session) as chat,
    ):
        await chat.ask(text)


if __name__ == "__main__":
    anyio.run(partial(main, *sys.argv[1:]))
