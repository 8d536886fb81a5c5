"""What is told where no box starts, or none takes a job, whatever is to run in it?"""

from __future__ import annotations

import errno
import select
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Job, Sandbox, load_profile, probe
from toolrun.sandbox.box import HELLO, Box
from toolrun.sandbox.calls import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def break_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on bubblewrap ends at once, and says why."""
    make = subprocess.Popen

    def broken(command: Any, *args: Any, **options: Any) -> Any:
        if any("bwrap" in str(part) for part in command):
            command = ["/bin/sh", "-c", "echo bwrap: broken >&2; exit 1"]
        return make(command, *args, **options)

    monkeypatch.setattr(subprocess, "Popen", broken)


async def test_a_call_that_would_write_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox(
        load_profile("workspace"), workspace=tmp_path, backend="bubblewrap"
    ) as sandbox:
        break_boxes(monkeypatch)
        with pytest.raises(SandboxUnavailable, match="the box did not start: bwrap: broken"):
            await sandbox.run(["touch", "a"], timeout=20)
        monkeypatch.undo()
        done = await sandbox.run(["touch", "b"], timeout=20)

    assert done.kept.note == "[Changed: b]"


async def test_a_program_that_would_go_on_running(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
        break_boxes(monkeypatch)
        with pytest.raises(SandboxUnavailable, match="the box did not start: bwrap: broken"):
            async with sandbox.start(["cat"]) as process:
                await process.wait()


async def test_a_job_that_no_box_takes_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_tool.py").write_text("def run() -> str:\n    return 'ran'\n")
    job = Job(file=str(tmp_path / "a_tool.py"), module="a_tool", qualname="run")
    tried: list[Box] = []

    def refuse(box: Box, _: Sequence[int]) -> None:
        tried.append(box)
        while box.receive() != HELLO:
            select.select([box.control], [], [], 60)
        raise OSError(errno.ETOOMANYREFS, "Too many references")

    async with Sandbox(load_profile("pure")) as sandbox:
        await sandbox.call(job, timeout=20, tenant="one")
        with monkeypatch.context() as patch:
            patch.setattr(Box, "send", refuse)
            done = await sandbox.call(job, timeout=20, tenant="one")
            command = await sandbox.run(["true"], timeout=20, tenant="two")
        again = await sandbox.call(job, timeout=20, tenant="one")

    assert done.status == "crash"
    assert (command.status, command.exit) == ("crash", None)  # not "ok", nothing ran
    assert len(set(tried)) == 3 + 3
    assert again.returned == "ran"


async def test_a_probe_that_does_not_come_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(load_profile("pure")) as sandbox:
        monkeypatch.setattr(probe, "_SECONDS", 0)
        with pytest.raises(SandboxUnavailable, match="did not run: did not finish within 0 s"):
            await probe.attacked(sandbox)


@pytest.mark.parametrize("layered", [False, True])
async def test_a_hidden_file_that_goes_while_a_box_starts_costs_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, layered: bool
) -> None:
    """Editors and coverage write `.x.swp` beside the code, and delete them at once."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "a_tool.py").write_text("def run() -> str:\n    return 'ran'\n")
    (tmp_path / ".a_tool.swp").write_text("")
    job = Job(file=str(tmp_path / "a_tool.py"), module="a_tool", qualname="run")
    start = Kind.start
    started: list[Kind] = []

    async def late(kind: Kind) -> Box:
        started.append(kind)
        (tmp_path / ".a_tool.swp").unlink(missing_ok=True)
        return await start(kind)

    monkeypatch.setattr(Kind, "start", late)
    profile = load_profile("workspace" if layered else "pure")
    where = str(workspace) if layered else None
    async with Sandbox(profile, backend="bubblewrap", workspace=where) as sandbox:
        done = await sandbox.call(job, timeout=20, tenant="one")

    assert done.returned == "ran"
    hid = ["swp" in str(kind.masks) for kind in started]
    assert hid[:2] == [True, False]
