"""Does a backend give back what it prepared, whenever it is closed?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.bubblewrap import privilege
from toolrun.sandbox.bubblewrap.privilege import Passage, Passages

if TYPE_CHECKING:
    from collections.abc import Iterable


class Preparing:
    """Stands for what prepares a namespace: it opens a file, when it is let."""

    def __init__(self) -> None:
        self.let = anyio.Event()
        self.opened: list[int] = []

    async def __call__(self, paths: Iterable[str], interpreter: str) -> Passage:
        del paths, interpreter
        await self.let.wait()
        self.opened.append(os.open(os.devnull, os.O_RDONLY))
        return Passage(("drop",), self.opened[-1])

    def still_open(self) -> list[bool]:
        return [Path(f"/proc/self/fd/{number}").exists() for number in self.opened]


@pytest.fixture
def preparing(monkeypatch: pytest.MonkeyPatch) -> Preparing:
    made = Preparing()
    monkeypatch.setattr(privilege, "open_passage", made)
    return made


async def test_the_same_paths_are_prepared_once_and_given_back(preparing: Preparing) -> None:
    passages = Passages()
    preparing.let.set()

    first = await passages.get(["/a", "/b"], "python")
    assert await passages.get(["/b", "/a"], "python") is first
    assert await passages.get(["/a"], "python") is not first
    assert preparing.still_open() == [True, True]

    passages.close()
    assert preparing.still_open() == [False, False]


async def test_of_two_first_calls_at_once_one_is_kept(preparing: Preparing) -> None:
    passages, got = Passages(), list[Passage]()

    async def get() -> None:
        got.append(await passages.get(["/a"], "python"))

    async with anyio.create_task_group() as group:
        group.start_soon(get)
        group.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        preparing.let.set()

    assert got[0] is got[1]
    assert len(preparing.opened) == 2
    # The second one opened may have the number of the first, which was closed.
    passages.close()
    assert not any(preparing.still_open())


async def test_what_is_ready_after_the_end_is_given_back_and_refused(preparing: Preparing) -> None:
    passages, refused = Passages(), list[str]()

    async def get() -> None:
        with pytest.raises(SandboxUnavailable) as caught:
            await passages.get(["/a"], "python")
        refused.append(str(caught.value))

    async with anyio.create_task_group() as group:
        group.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        passages.close()
        preparing.let.set()

    assert refused == ["sandbox: it has been closed"]
    assert preparing.still_open() == [False]


async def test_nothing_is_prepared_after_the_end(preparing: Preparing) -> None:
    passages = Passages()
    passages.close()

    with pytest.raises(SandboxUnavailable, match="it has been closed"):
        await passages.get(["/a"], "python")
    assert preparing.opened == []
