"""Does a control group bound a tree of processes, and where may one be made?"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolrun.sandbox import cgroup

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
TAKE = """
import os, sys, time
sys.stdin.readline()
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        held = b"x" * (int(sys.argv[2]) << 20)
        time.sleep(60)
        os._exit(0)
print("forked", flush=True)
time.sleep(60)
"""
KERNEL = """
import os, sys, time
sys.stdin.readline()
file = os.memfd_create("held")
for _ in range(int(sys.argv[2])):
    os.write(file, bytes(1 << 20))
print("forked", flush=True)
time.sleep(60)
"""


@pytest.fixture
def place() -> cgroup.Place:
    found = cgroup.place()
    if found is None:
        pytest.skip("no control group of memory can be made by this user on this machine")
    return found


@pytest.fixture
def tree(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process that forks others, which take memory, once it is told to."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", *request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        yield process
        kill(process)


@pytest.fixture
def gone() -> subprocess.Popen[bytes]:
    """A process that has ended."""
    with subprocess.Popen(["true"]) as process:
        return process


def kill(tree: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(tree.pid, 9)
    tree.wait()


def end(tree: subprocess.Popen[bytes], group: cgroup.Group) -> None:
    """Kill a tree, and close its group; orphans are waited for by another process first."""
    kill(tree)
    procs = Path(group._folder, "cgroup.procs")
    deadline = time.monotonic() + 10
    while procs.exists() and procs.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    group.close()


def groups(place: cgroup.Place) -> set[str]:
    return {path.name for path in Path(place.folder).glob(f"toolrun-{os.getpid()}-*")}


async def killed(process: subprocess.Popen[bytes], group: cgroup.Group) -> bool:
    """Whether the kernel kills something of a tree that begins to take memory."""
    await group.ready()
    assert group.holds
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()
    for _ in range(1_500):
        if group.has_killed():
            return True
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        return group.has_killed()
    return False


@pytest.mark.parametrize(
    "tree", [(TAKE, "4", "40"), (KERNEL, "1", "150")], ids=["together", "kernel"], indirect=True
)
async def test_a_tree_is_bounded(place: cgroup.Place, tree: subprocess.Popen[bytes]) -> None:
    group = cgroup.Group(place, 100 * MIB, tree.pid)
    try:
        assert await killed(tree, group)
        assert len(groups(place)) == 1
    finally:
        end(tree, group)
    assert not groups(place)


@pytest.mark.parametrize("tree", [(TAKE, "2", "10")], ids=["small"], indirect=True)
async def test_what_fits_is_left_alone(place: cgroup.Place, tree: subprocess.Popen[bytes]) -> None:
    group = cgroup.Group(place, 200 * MIB, tree.pid)
    await group.ready()
    assert tree.stdin is not None
    assert tree.stdout is not None
    tree.stdin.write(b"go\n")
    tree.stdin.flush()

    assert tree.stdout.readline() == b"forked\n"
    assert not group.has_killed()
    end(tree, group)
    assert not groups(place)


async def test_a_process_that_is_gone(place: cgroup.Place, gone: subprocess.Popen[bytes]) -> None:
    group = cgroup.Group(place, 100 * MIB, gone.pid)
    await group.ready()
    group.close()

    assert not groups(place)


async def test_a_place_that_is_gone_leaves_it_to_the_watchdog(tmp_path: Path) -> None:
    group = cgroup.Group(cgroup.Place(str(tmp_path / "gone"), 1), 100 * MIB, os.getpid())
    await group.ready()

    assert not group.holds
    assert not group.has_killed()
    group.close()


async def test_without_a_thread(
    place: cgroup.Place, gone: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    group = cgroup.Group(place, 100 * MIB, gone.pid)
    await group.ready()

    assert group.holds
    group.close()
    assert not groups(place)


@pytest.mark.parametrize("tree", [(KERNEL, "together", "1")], indirect=True)
async def test_a_group_in_which_something_ends_late_is_removed_with_the_next(
    place: cgroup.Place, tree: subprocess.Popen[bytes], gone: subprocess.Popen[bytes]
) -> None:
    early = cgroup.Group(place, 100 * MIB, tree.pid)
    await early.ready()
    early.close()
    assert len(groups(place)) == 1

    kill(tree)
    deadline = time.monotonic() + 10
    while groups(place) and time.monotonic() < deadline:
        later = cgroup.Group(place, 100 * MIB, gone.pid)
        await later.ready()
        later.close()
    assert not groups(place)


def test_without_a_descriptor(place: cgroup.Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "eventfd", refuse)

    assert cgroup.hold(100 * MIB, os.getpid()) is None


def test_groups_of_processes_that_are_gone_are_swept(
    place: cgroup.Place, gone: subprocess.Popen[bytes]
) -> None:
    left = Path(place.folder, f"toolrun-{gone.pid}-1-0")
    mine = Path(place.folder, f"toolrun-{os.getpid()}-{cgroup._began(os.getpid())}-9999")
    left.mkdir()
    mine.mkdir()
    try:
        cgroup.sweep(place)
        assert not left.exists()
        assert mine.exists()
    finally:
        mine.rmdir()


# Where groups may be made: a made-up hierarchy.


def machine(folder: Path, group: str, *, root: str = "/", kind: str = "cgroup2") -> Path:
    proc = folder / "proc"
    proc.mkdir()
    controllers = "rw" if kind == "cgroup2" else "rw,memory"
    name = "0::" if kind == "cgroup2" else "4:memory:"
    (proc / "cgroup").write_text(f"1:name=systemd:/\n{name}{group}\n")
    (proc / "mountinfo").write_text(
        "22 27 0:21 / /proc rw - proc proc rw\n"
        f"31 23 0:28 {root} {folder}/cg rw,relatime shared:9 - {kind} cgroup {controllers}\n"
    )
    return proc


def level(path: Path, *, gives: str = "", limit: str | None = "max") -> str:
    path.mkdir(parents=True, exist_ok=True)
    (path / "cgroup.subtree_control").write_text(gives)
    (path / "cgroup.procs").write_text("")
    if limit is not None:
        (path / "memory.max").write_text(limit)
    return str(path)


def test_a_delegated_group_above(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/user/app/scope")
    level(tmp_path / "cg", gives="cpu memory", limit=None)
    above = level(tmp_path / "cg/user/app", gives="memory pids")
    level(tmp_path / "cg/user/app/scope")

    assert cgroup.find(proc) == cgroup.Place(above, 2)


def test_not_beyond_a_limit(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/app/scope")
    level(tmp_path / "cg", limit=None)
    level(tmp_path / "cg/app", gives="memory")
    level(tmp_path / "cg/app/scope", limit="1048576")

    assert cgroup.find(proc) is None


def test_nothing_is_delegated(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/app/scope")
    level(tmp_path / "cg", gives="cpu", limit=None)
    level(tmp_path / "cg/app", gives="cpu")
    level(tmp_path / "cg/app/scope")

    assert cgroup.find(proc) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_others_own(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/app")
    level(tmp_path / "cg", limit=None)
    level(tmp_path / "cg/app", gives="memory")
    (tmp_path / "cg/app").chmod(0o555)

    assert cgroup.find(proc) is None


def test_version_1_and_a_container_s_mount(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/pods/this/job", root="/pods/this", kind="cgroup")
    (tmp_path / "cg/job").mkdir(parents=True)

    assert cgroup.find(proc) == cgroup.Place(str(tmp_path / "cg/job"), 1)


def test_a_mount_that_does_not_show_this_group(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/elsewhere", root="/pods/this", kind="cgroup")
    (tmp_path / "cg").mkdir()

    assert cgroup.find(proc) is None


def test_what_is_written_for_each_version() -> None:
    for version, limit, events in (
        (1, "memory.limit_in_bytes", "memory.oom_control"),
        (2, "memory.max", "memory.events"),
    ):
        files, counts = cgroup._files(version, 7)
        assert files[0] == (limit, "7", True)
        assert counts == events


def test_where_there_is_no_place_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "find", lambda _: None)
    cgroup.place.cache_clear()
    try:
        assert cgroup.hold(1 << 30, os.getpid()) is None
    finally:
        cgroup.place.cache_clear()


def test_no_control_groups(tmp_path: Path) -> None:
    assert cgroup.find(tmp_path) is None


CRASH = """
import os, signal, sys, anyio
from toolrun.sandbox import Sandbox, load_profile

async def main():
    async with Sandbox(load_profile("pure")) as sandbox, anyio.create_task_group() as group:
        def tell(stream, text):
            print(text, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        await sandbox.run("print('up', flush=True); import time; time.sleep(60)",
                          timeout=50, on_output=tell)

anyio.run(main)
"""


def test_what_a_crash_leaves_is_swept(place: cgroup.Place) -> None:
    with subprocess.Popen([sys.executable, "-c", CRASH], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    left = list(Path(place.folder).glob(f"toolrun-{process.pid}-*"))
    assert said == b"up\n\n"
    assert left  # the box's, and mostly that of the probe before
    deadline = time.monotonic() + 10
    # Its processes die with their parent, at once but not before it.
    while any((each / "cgroup.procs").read_text() for each in left):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    cgroup.sweep(place)

    assert not any(each.exists() for each in left)
