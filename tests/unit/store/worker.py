"""A process that holds a session: `python -m tests.unit.store.worker URL SESSION HOW`.

It says what it does, a line each, and does the next at a line on its standard input.
"""

from __future__ import annotations

import sys

import anyio
import anyio.to_thread

from tests.unit.store.stories import said
from toolrun.errors import LeaseLost, SessionBusy
from toolrun.store.opening import sql_store


def say(text: str) -> None:
    print(text, flush=True)


async def hold(url: str, session: str) -> None:
    """Take a session, and add an event at each line."""
    store = sql_store(url)
    await store.open()
    say("open")
    await anyio.to_thread.run_sync(sys.stdin.readline)
    try:
        lease = await store.acquire(session)
    except SessionBusy:
        say("busy")
        await store.aclose()
        return
    say(f"held {lease.token}")
    while await anyio.to_thread.run_sync(sys.stdin.readline):
        try:
            await store.append(lease, said(session, 1, after=lease.stored))
        except LeaseLost:
            say("lost")
            break
        say("stored")
    await store.aclose()


if __name__ == "__main__":
    anyio.run(hold, sys.argv[1], sys.argv[2])
