"""Does a process that opens and closes sessions for ever stay as it is?"""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.rig.mock import MockServer, Step
from toolrun import Runtime, Session, tool
from toolrun.testing import ScriptedModel, call

SESSIONS = 10_000
AT_ONCE = 50


@tool(trusted=True)
async def echo(text: str) -> str:
    """Say it again."""
    return text


def objects() -> Counter[str]:
    """The objects that the garbage collector knows, by their type."""
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def open_and_close(runtime: Runtime, number: int, many: int) -> None:
    async def one(name: str) -> None:
        async with runtime.session(name) as session:
            assert (await session.ask("Say hi.")).text == "Done."

    for begin in range(0, many, AT_ONCE):
        async with anyio.create_task_group() as group:
            for each in range(begin, begin + AT_ONCE):
                group.start_soon(one, f"{number}-{each}")


@pytest.mark.load
@pytest.mark.alone
async def test_ten_thousand_sessions_opened_and_closed_leave_nothing(anyio_backend: str) -> None:
    script = (call("echo", {"text": "hi"}), "Done.")
    many = SESSIONS if anyio_backend == "asyncio" else SESSIONS // 4
    async with Runtime(model=_Forgetful(*script), tools=[echo]) as runtime:
        await open_and_close(runtime, 0, many // 5)
        before, open_before, at_first = objects(), descriptors(), resident()
        threads = threading.active_count()
        await open_and_close(runtime, 1, many - many // 5)
        grown = objects() - before
        assert runtime.counts["TurnFinished.finished"] == many

    # A few objects come and go; what a session leaves would be there thousands of times.
    assert {kind: count for kind, count in grown.items() if count > many // 50} == {}
    assert descriptors() == open_before
    assert threading.active_count() <= threads
    assert resident() < at_first * 1.05 + 2 * 1024 * 1024


class _Forgetful(ScriptedModel):
    """One that does not keep the requests for a test to look at."""

    async def sample(self, *arguments: Any) -> Any:
        self.requests.clear()
        return await super().sample(*arguments)


async def test_sessions_of_their_own_runtimes_leave_no_connection(mock: MockServer) -> None:
    mock.script(Step(content="Done."))
    before = descriptors()
    for _ in range(20):
        async with Session(model=mock.model, base_url=mock.url) as session:
            assert (await session.ask("Hi.")).text == "Done."
    with anyio.fail_after(5):
        while descriptors() > before:  # noqa: ASYNC110 - the kernel gives no event
            await anyio.sleep(0.01)
