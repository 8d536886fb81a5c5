"""Which box runs a call, and does any job find what another one left?"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox import Boxes, Job, Outcome, Sandbox, load_profile
from toolrun.sandbox.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOOL = """
import os, pathlib, signal, subprocess, sys, tempfile, threading, time

LOADED = time.monotonic_ns()
VALUE = os.environ.get("SECRET", "none")

def loaded() -> int:
    return LOADED

def secret() -> str:
    return VALUE

def box() -> str:
    # The number of a namespace that is gone is given again: its first process's start tells more.
    began = pathlib.Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    return os.readlink("/proc/self/ns/pid") + began

def leave() -> str:
    for folder in ("/tmp", "/dev/shm"):
        deep = pathlib.Path(folder, "deep", "er")
        deep.mkdir(parents=True)
        (deep / "file").write_text("left")
        (pathlib.Path(folder) / "link").symlink_to("/etc")
    os.chmod("/tmp", 0o700)
    os.chdir("/tmp/deep")
    os.umask(0o777)
    os.nice(5)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    sys.modules["json"] = None
    os.environ["LEFT"] = "left"
    return box()

def found() -> dict:
    return {
        "box": box(),
        "files": sorted(os.listdir("/tmp") + os.listdir("/dev/shm")),
        "mode": oct(os.stat("/tmp").st_mode & 0o7777),
        "cwd": os.getcwd(),
        "umask": os.umask(0o22),
        "nice": os.nice(0),
        "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "json": sys.modules.get("json") is None and "json" in sys.modules,
        "environment": os.environ.get("LEFT", ""),
    }

def write_parent() -> str:
    try:
        with open(f"/proc/{os.getppid()}/mem", "r+b") as memory:
            return "opened " + str(memory.fileno())
    except OSError as error:
        return error.strerror

def kill_worker(number: int) -> str:
    os.kill(os.getppid(), number)
    time.sleep(0.05)
    return "returned"

def kill_all() -> None:
    os.kill(-1, signal.SIGKILL)
    time.sleep(60)

def many_folders() -> str:
    os.chdir("/tmp")
    for _ in range(2000):
        os.mkdir("folder")
        os.chdir("folder")
    return box()

def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds

def random_number() -> float:
    import random
    return random.random()
"""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pooled_tool.py"
    path.write_text(TOOL)
    # Long ago, so that a change is one.
    os.utime(path, ns=(1, 1))
    return path


@contextlib.asynccontextmanager
async def boxes(bounds: Boxes | None = None) -> AsyncIterator[Sandbox]:
    pool = Pool(bounds)
    async with Sandbox(load_profile("pure"), pool=pool) as sandbox:
        yield sandbox
        await pool.aclose()
    assert not pool._idle
    assert not pool._dying


async def call(
    sandbox: Sandbox, file: Path, name: str, tenant: str | None = "a", **arguments: Any
) -> Outcome:
    job = Job(
        file=str(file),
        module="pooled_tool",
        qualname=name,
        arguments=msgspec.json.encode(arguments),
    )
    return await sandbox.call(job, timeout=20, tenant=tenant)


async def prepared(sandbox: Sandbox, file: Path) -> None:
    """Wait until the worker has imported the module: two jobs in a row then find one import."""
    before = None
    with anyio.fail_after(10):
        while (now := value(await call(sandbox, file, "loaded"))) != before:
            before = now
            await anyio.sleep(0.05)


def value(outcome: Outcome) -> Any:
    assert outcome.status == "ok", outcome
    assert outcome.value is not None
    return msgspec.json.decode(outcome.value)


@pytest.mark.anyio
async def test_a_tenant_gets_its_own_box_again_and_nobody_else_does(file: Path) -> None:
    async with boxes() as sandbox:
        mine = [value(await call(sandbox, file, "box", "a")) for _ in range(3)]
        others = [value(await call(sandbox, file, "box", "b")) for _ in range(2)]
        nobodys = [value(await call(sandbox, file, "box", whose)) for whose in (None, "")]
        kept = [each.tenant for each in sandbox._pool._idle]

    assert len(set(mine)) == len(set(others)) == 1
    assert not {*mine, *others} & {*nobodys}
    assert mine[0] != others[0]
    assert kept == ["a", "b"]  # a number can be a later box's again, so nobody's are not counted


@pytest.mark.anyio
async def test_nothing_of_a_job_is_left_for_the_next(file: Path) -> None:
    async with boxes() as sandbox:
        clean = value(await call(sandbox, file, "found"))
        left = value(await call(sandbox, file, "leave"))
        found = value(await call(sandbox, file, "found"))

    assert clean["box"] == left
    assert {**found, "box": ""} == {**clean, "box": ""}
    assert "deep" not in clean["files"]
    assert clean["processes"] == 3  # the box's first, the worker, the job


@pytest.mark.anyio
async def test_what_cannot_be_cleaned_ends_the_box(file: Path) -> None:
    async with boxes() as sandbox:
        used = value(await call(sandbox, file, "many_folders"))
        found = value(await call(sandbox, file, "found"))

    assert "folder" not in found["files"]
    assert found["box"] != used


@pytest.mark.anyio
async def test_the_module_is_imported_once_for_many_jobs(file: Path) -> None:
    async with boxes() as sandbox:
        await prepared(sandbox, file)
        times = {value(await call(sandbox, file, "loaded")) for _ in range(3)}

    assert len(times) == 1


@pytest.mark.anyio
async def test_a_module_that_changes_is_imported_anew(file: Path) -> None:
    async with boxes() as sandbox:
        await prepared(sandbox, file)
        before = value(await call(sandbox, file, "box"))
        changed = TOOL.replace("def box() -> str:", "def box() -> str:\n    return 'new'\n")
        file.write_text(changed)  # noqa: ASYNC240 - a line of a test
        after = [value(await call(sandbox, file, "box")) for _ in range(2)]

    assert before.startswith("pid:")
    assert after == ["new", "new"]


@pytest.mark.anyio
async def test_the_environment_of_a_call_is_there_when_its_module_is_imported(file: Path) -> None:
    job = Job(file=str(file), module="pooled_tool", qualname="secret")
    async with boxes() as sandbox:
        seen = []
        for secret in ("one", "two"):
            outcome = await sandbox.call(job, timeout=20, env={"SECRET": secret}, tenant="a")
            seen.append(value(outcome))
            await anyio.sleep(0.2)
        seen.append(value(await sandbox.call(job, timeout=20, tenant="a")))

    assert seen == ["one", "two", "none"]


@pytest.mark.anyio
async def test_random_numbers_differ_from_job_to_job(file: Path) -> None:
    async with boxes() as sandbox:
        numbers = {value(await call(sandbox, file, "random_number")) for _ in range(4)}

    assert len(numbers) == 4


@pytest.mark.anyio
async def test_a_job_cannot_write_into_its_worker(file: Path) -> None:
    async with boxes() as sandbox:
        await prepared(sandbox, file)
        assert value(await call(sandbox, file, "write_parent")) in {
            "Permission denied",
            "Read-only file system",
        }


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_job_that_ends_or_stops_its_worker_harms_itself_alone(
    file: Path, number: int
) -> None:
    async with boxes() as sandbox:
        used = value(await call(sandbox, file, "box"))
        outcome = await call(sandbox, file, "kill_worker", number=number)
        after = value(await call(sandbox, file, "box"))

    if number == signal.SIGSTOP:
        assert value(outcome) == "returned"
    else:
        assert outcome.status == "crash"
    assert after != used


@pytest.mark.anyio
async def test_a_job_that_kills_everything_is_a_crash(file: Path) -> None:
    async with boxes() as sandbox:
        assert (await call(sandbox, file, "kill_all")).status == "crash"
        assert value(await call(sandbox, file, "box")).startswith("pid:")


@pytest.mark.anyio
async def test_calls_of_one_tenant_at_once_get_a_box_each(file: Path) -> None:
    async with boxes() as sandbox:
        began = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(call, sandbox, file, "sleep", "a")
        assert time.monotonic() - began < 60


@pytest.mark.anyio
async def test_no_more_boxes_run_than_may(file: Path) -> None:
    running = most = 0

    async def one(sandbox: Sandbox) -> None:
        nonlocal running, most
        outcome = await call(sandbox, file, "sleep", "a", seconds=0.1)
        assert outcome.status == "ok"

    async with boxes(Boxes(running=2, idle=1)) as sandbox:
        pool = sandbox._pool
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(one, sandbox)
            for _ in range(40):
                await anyio.sleep(0.01)
                assert pool._running is not None
                most = max(most, 2 - pool._running.value)
                assert len(pool._idle) <= 1

    assert most == 2


@pytest.mark.anyio
async def test_a_warmed_box_is_the_one_that_the_call_gets(file: Path) -> None:
    job = Job(file=str(file), module="pooled_tool", qualname="box")
    async with boxes() as sandbox:
        await sandbox.warm(job, tenant="a")
        await sandbox.warm(job, tenant="a")
        assert len(sandbox._pool._idle) == 1
        waiting = sandbox._pool._idle[0].box
        await call(sandbox, file, "box")
        assert waiting.jobs == 1
        await sandbox.warm(job, tenant="a")
        assert len(sandbox._pool._idle) == 1


@pytest.mark.anyio
async def test_spare_boxes_are_started_where_tenants_differ(file: Path) -> None:
    async with boxes(Boxes(spare=1)) as sandbox:
        pool = sandbox._pool
        await call(sandbox, file, "box", "a")
        await anyio.sleep(0.1)
        assert [each.tenant for each in pool._idle] == ["a"]
        await call(sandbox, file, "box", "b")
        with anyio.fail_after(5):
            while len(pool._idle) < 3:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
        assert [each.tenant for each in pool._idle] == ["a", "b", None]


@pytest.mark.anyio
async def test_a_box_that_dies_while_it_waits_is_replaced(file: Path) -> None:
    async with boxes() as sandbox:
        used = value(await call(sandbox, file, "box"))
        box = sandbox._pool._idle[0].box
        box.look()
        assert box.init is not None
        os.kill(box.init, signal.SIGKILL)
        await anyio.sleep(0.05)
        assert value(await call(sandbox, file, "box")) != used


@pytest.mark.anyio
async def test_a_cancelled_call_kills_its_box_at_once(file: Path) -> None:
    async with boxes() as sandbox:
        await call(sandbox, file, "box")
        box = sandbox._pool._idle[0].box
        with anyio.move_on_after(0.3):
            await call(sandbox, file, "sleep", seconds=60)
        assert box.gone
        assert not sandbox._pool._idle


@pytest.mark.anyio
async def test_a_module_that_starts_threads_is_not_forked(tmp_path: Path) -> None:
    path = tmp_path / "pooled_tool.py"
    path.write_text(
        "import threading\nEVENT = threading.Event()\n"
        "threading.Thread(target=EVENT.wait, daemon=True).start()\n"
        "def threads() -> int:\n    return threading.active_count()\n"
    )
    async with boxes() as sandbox:
        counts = []
        for _ in range(3):
            counts.append(value(await call(sandbox, path, "threads")))
            await anyio.sleep(0.3)

    assert counts == [2, 2, 2]


@pytest.mark.anyio
async def test_a_box_that_cannot_start_is_told_to_its_caller(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = subprocess.Popen

    def broken(command: Any, *args: Any, **options: Any) -> Any:
        return make(["/bin/sh", "-c", "echo bwrap: broken >&2; exit 1"], *args, **options)

    async with boxes() as sandbox:
        await call(sandbox, file, "box", None)
        monkeypatch.setattr(subprocess, "Popen", broken)
        with pytest.raises(SandboxUnavailable, match="bwrap: broken"):
            await call(sandbox, file, "box")
        monkeypatch.undo()
        assert value(await call(sandbox, file, "box")).startswith("pid:")


@pytest.mark.parametrize("wrong", [{"running": 0}, {"idle": -1}, {"spare": -1}])
def test_bounds_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"boxes: {next(iter(wrong))} must be"):
        Boxes(**wrong)
