"""How much memory does a session hold that is open, stored, and waits for its user?

A fresh process says: `python -m tests.integration.test_idle_memory URL STORE`.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import resource
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.rig.mock import MODEL
from toolrun import Runtime

if TYPE_CHECKING:
    from tests.rig.mock import MockServer

FIRST: Final = 50
"""Sessions that fill what all of them share."""
SESSIONS: Final = 300
KIB: Final = 60
"""Beyond a transcript, which is two short messages here."""


@pytest.mark.load
def test_an_idle_session_with_a_store_holds_little(mock: MockServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", __name__, mock.url, f"sqlite:///{tmp_path}/sessions.db"]

    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)

    each = float(run.stdout)
    assert 1 < each <= KIB, f"{each} KiB a session"


async def _sessions(url: str, store: str) -> None:
    async with (
        Runtime(model=MODEL, base_url=url, store=store) as runtime,
        AsyncExitStack() as stack,
    ):

        async def hold(count: int) -> None:
            for _ in range(count):
                session = await stack.enter_async_context(runtime.session())
                await session.ask("Go.")

        await hold(FIRST)
        before = _resident_kib()
        await hold(SESSIONS)
        print((_resident_kib() - before) / SESSIONS)


def _resident_kib() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator keeps for later is nobody's
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


if __name__ == "__main__":
    asyncio.run(_sessions(*sys.argv[1:]))
