"""Does a runtime hold on to no more sandboxes than it uses?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.tools import sandboxes
from toolrun.tools.sandboxes import Sandboxes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def held(anyio_backend: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandboxes]:
    monkeypatch.setattr(sandboxes, "MOST", 2)
    made = Sandboxes()
    yield made
    await made.aclose()


def folder(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir(exist_ok=True)
    (path / "name.txt").write_text(name)
    return path


@pytest.mark.anyio
async def test_one_workspace_for_each_session_does_not_pile_up(
    held: Sandboxes, tmp_path: Path
) -> None:
    for name in (*"abcd", "a"):
        box = await held.opened("workspace", folder(tmp_path, name))
        done = await box.run(["cat", "name.txt"], timeout=20)
        assert done.stdout.decode() == name
        assert len(held._open) <= 2

    assert {key[1] for key in held._open} == {tmp_path / "a", tmp_path / "d"}


@pytest.mark.anyio
async def test_one_that_is_used_stays_open(held: Sandboxes, tmp_path: Path) -> None:
    used = await held.opened("workspace-ro", folder(tmp_path, "used"))
    begun = anyio.Event()
    printed: list[bytes] = []

    async def read_late() -> None:
        code = "import time; print('on', flush=True); time.sleep(1); print(open('name.txt').read())"
        done = await used.run(code, timeout=20, on_output=lambda *_: begun.set())
        printed.append(done.stdout)

    async with anyio.create_task_group() as group:
        group.start_soon(read_late)
        await begun.wait()
        assert used.is_used
        for name in "abc":
            await held.opened("workspace-ro", folder(tmp_path, name))
        assert used in held._open.values()

    assert printed == [b"on\nused\n"]
    assert not used.is_used


@pytest.mark.anyio
async def test_one_that_is_closed_prepares_nothing_more(held: Sandboxes, tmp_path: Path) -> None:
    box = await held.opened("workspace-ro", folder(tmp_path, "closed"))
    await box.aclose()
    with pytest.raises(SandboxUnavailable, match="has been closed"):
        await box.run(["true"], timeout=20)
    await box.open()  # again
    assert (await box.run(["cat", "name.txt"], timeout=20)).stdout == b"closed"
