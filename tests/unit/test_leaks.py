"""Does the guard against leaks catch each kind, name it, and let idle things be?"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import sniffio

from tests.rig import leaks
from tests.rig.mock import MockServer

SOON = 0.1


def left(before: leaks.Snapshot) -> str:
    return "\n".join(leaks.wait_until_clean(before, SOON))


def test_a_running_process_is_named_by_its_command() -> None:
    before = leaks.snapshot()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        try:
            # Between fork and exec the child still bears this process's command.
            assert f"process {process.pid}" in left(before)
            assert "time.sleep(60)" in left(before)
        finally:
            process.kill()
    assert left(before) == ""


def test_a_process_that_was_not_waited_for_is_a_zombie() -> None:
    before = leaks.snapshot()
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert f"process {process.pid}: zombie" in left(before)
    process.wait()
    assert left(before) == ""


def test_a_grandchild_is_seen() -> None:
    before = leaks.snapshot()
    code = (
        "import subprocess; p = subprocess.Popen(['sleep', '60']);"
        "print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        assert f"process {grandchild}: sleep 60" in left(before)
        os.kill(grandchild, 9)
    assert left(before) == ""


def test_a_thread_is_named_with_its_place() -> None:
    before, stop = leaks.snapshot(), threading.Event()

    def busy() -> None:
        stop.wait()

    thread = threading.Thread(target=busy, name="straggler")
    thread.start()
    assert "straggler" in left(before)
    assert "busy" in left(before)
    stop.set()
    thread.join()
    assert left(before) == ""


def test_a_thread_of_a_pool_counts_while_it_works() -> None:
    before, stop, begun = leaks.snapshot(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        stop.wait()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        assert begun.wait(5)
        assert "in " in left(before)
        stop.set()
        future.result()
        assert leaks.wait_until_clean(before) == []  # idle, though the pool is open


async def test_idle_worker_threads_do_not_count() -> None:
    before = leaks.snapshot()
    await anyio.to_thread.run_sync(threading.get_ident)
    assert [line for line in leaks.wait_until_clean(before) if line.startswith("thread")] == []


def test_a_file_and_a_socket_are_seen(tmp_path: Path) -> None:
    before = leaks.snapshot()
    with (tmp_path / "open.txt").open("w"), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "open.txt" in left(before)
        assert f"port {port} to port 0" in left(before)
    assert left(before) == ""


def test_a_number_that_a_known_descriptor_had_is_seen_when_it_is_used_again(tmp_path: Path) -> None:
    with (tmp_path / "known.txt").open("w") as known:
        number = known.fileno()
        leaks.KNOWN.add_descriptors([number])
    before = leaks.snapshot()
    with (tmp_path / "open.txt").open("w") as again:
        assert again.fileno() == number
        assert "open.txt" in left(before)
    leaks.KNOWN.fds.pop(number)


def test_a_temporary_folder_is_seen() -> None:
    before = leaks.snapshot()
    with tempfile.TemporaryDirectory(prefix=leaks.PREFIX) as folder:
        assert f"temporary folder {folder}" in left(before)
    assert left(before) == ""


async def test_a_task_is_seen() -> None:
    if sniffio.current_async_library() != "asyncio":
        assert asyncio._get_running_loop() is None  # trio's tasks have parents
        return
    before = leaks.tasks()
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60), name="orphan")
    assert "orphan" in "\n".join(await leaks.tasks_left_since(before, SOON))
    task.cancel()
    assert await leaks.tasks_left_since(before) == []


def test_what_goes_within_the_grace_is_no_leak() -> None:
    before = leaks.snapshot()
    thread = threading.Thread(target=threading.Event().wait, args=(0.2,))
    thread.start()
    assert leaks.left_since(before) != []
    assert leaks.wait_until_clean(before) == []
    thread.join()


def test_known_servers_do_not_count() -> None:
    before = leaks.snapshot()
    with MockServer() as server:
        assert f"process {server.process.pid}" in left(before)
        leaks.KNOWN.add(server.process.pid, fds := server.fds)
        try:
            assert left(before) == ""
        finally:
            leaks.KNOWN.pids.remove(server.process.pid)
            for fd in fds:
                leaks.KNOWN.fds.pop(fd)
    assert left(before) == ""


LEAKY = """
import asyncio, subprocess, tempfile, threading
from pathlib import Path

def test_process(): subprocess.Popen(["sleep", "90"])
def test_thread(): threading.Thread(target=threading.Event().wait, args=(20,)).start()
def test_folder(): tempfile.mkdtemp(prefix="toolrun-")
def test_descriptor(kept=[]): kept.append(open("/proc/self/status"))
async def test_task():
    try: asyncio.get_running_loop().create_task(asyncio.sleep(60), name="orphan")
    except RuntimeError: raise AssertionError("not asyncio")
def test_nothing(): pass
"""


@pytest.mark.load
def test_a_leaky_test_fails_in_a_run_of_its_own(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    (tmp_path / "conftest.py").write_text((root / "tests/conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {root}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-k", "not trio", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    blamed = {line.split("::")[1].split()[0] for line in lines}
    expected = {
        "test_process",
        "test_thread",
        "test_folder",
        "test_descriptor",
        "test_task[asyncio]",
    }
    assert blamed == expected, run.stdout
    assert "sleep 90" in run.stdout
    assert "orphan" in run.stdout
