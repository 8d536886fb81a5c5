"""Does a backend give back what it prepared, whenever it is closed?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.unit.sandbox.user import as_a_user
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.bubblewrap import privilege
from toolrun.sandbox.bubblewrap.privilege import Passage, Passages, open_passage

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


async def test_a_user_needs_no_passage() -> None:
    with as_a_user():
        passage = await open_passage(["/nowhere"], "/nothing")
    passage.close()

    assert (passage.prefix, passage.as_root) == ((), ())


async def test_root_needs_the_program_that_drops_to_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privilege, "is_real_root", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(SandboxUnavailable, match=r"nsenter.* is missing\. Install util-linux"):
        await open_passage(["/a"], "python")


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("exit 1", "failed: no output"),
        ("echo one >&2; echo 'no such library' >&2", "failed: no such library"),
        ("exec sleep 600", r"failed: no answer for 0\.5 s"),
    ],
    ids=["ends", "fails", "waits"],
)
async def test_what_keeps_the_script_from_an_answer_is_told(
    does: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (interpreter := tmp_path / "python").write_text(f"#!/bin/sh\nexec <&-\n{does}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(privilege, "_STAGE_SECONDS", 0.5 if "sleep" in does else 60)
    more_than_a_pipe_holds = ["/" + "x" * 1_000] * 200

    with pytest.raises(SandboxUnavailable, match=told):
        await privilege._stage(more_than_a_pipe_holds, str(interpreter))


def test_what_cannot_be_read_is_named_with_what_to_do() -> None:
    answer = {"staged": True, "unreadable": [["/a/b", "Permission denied"], ["/c", "-"]]}

    with pytest.raises(SandboxUnavailable, match=r"/a/b: Permission denied .*chmod o\+rX /a/b\)"):
        privilege._namespace(os.getpid(), answer)


def test_where_nothing_is_staged_there_is_no_namespace_to_enter() -> None:
    assert privilege._namespace(os.getpid(), {"staged": False, "unreadable": []}) is None
