"""Does a test that replays reach nothing, whatever it tries, and does it say what it tried?

A socket of this process listens: what the replaying test tries is seen to be an attempt that would
have come through, since the same test comes through with `--trace-mode=live`.
"""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.unit.pytest_plugin.conftest import outcomes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.pytest_plugin.conftest import Project

ASYNC = """
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", {backends})
@pytest.mark.trace("paris.jsonl")
async def test_it(toolrun_session):
    async with toolrun_session(**OPTIONS) as session:
        await session.ask("How warm is Paris?")
    import anyio
    stream = await anyio.connect_tcp("127.0.0.1", PORT)
    await stream.aclose()
"""
SYNC = """
import asyncio, os, socket, subprocess, threading, urllib.request

@pytest.mark.trace("paris.jsonl")
def test_it(toolrun_session, tmp_path):
    with toolrun_session.sync(**OPTIONS) as session:
        session.ask("How warm is Paris?")
    {tries}
"""
WAYS = {
    "connect": ("socket.create_connection(('127.0.0.1', PORT)).close()", "connect to 127.0.0.1:"),
    "connect without an error": (
        "with socket.socket() as s: s.connect_ex(('127.0.0.1', PORT))",
        "connect to 127.0.0.1:",
    ),
    "a reference of before": ("CONNECT(('127.0.0.1', PORT)).close()", "connect to 127.0.0.1:"),
    "udp": (
        "with socket.socket(type=2) as s: s.sendto(b'x', ('127.0.0.1', PORT))",
        "connect to 127.0.0.1:",
    ),
    "http": (
        "urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=5)",
        "connect to 127.0.0.1:",
    ),
}

RARE = ("connect without an error", "a reference of before", "http")


def listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    return listener


def told(code: str, listener: socket.socket) -> str:
    head = "import socket\nCONNECT = socket.create_connection\n"
    return f"{head}PORT = {listener.getsockname()[1]}\n{code}"


def was_reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=[pytest.mark.load] if way in RARE else []) for way in WAYS]
)
def test_a_connection_is_refused_and_named(project: Project, way: str) -> None:
    tries, says = WAYS[way]
    project.trace("paris.jsonl")
    with closing(listening()) as listener:
        project.test(told(SYNC.format(tries=tries), listener))
        result = project.run()
        assert not was_reached(listener)

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["*Tried to reach, and refused*", f"test_it.py:*: {says}*"])


@pytest.mark.parametrize("backend", ["'asyncio'", "'trio'"])
def test_it_is_refused_on_every_event_loop(project: Project, backend: str) -> None:
    is_refused_on(backend, project, project.run)


@pytest.mark.load  # uvloop keeps pipes for the life of its process
def test_it_is_refused_on_uvloop(project: Project) -> None:
    pytest.importorskip("uvloop")
    is_refused_on("('asyncio', {'use_uvloop': True})", project, project.run_apart)


def is_refused_on(backend: str, project: Project, run: Callable[..., pytest.RunResult]) -> None:
    project.trace("paris.jsonl")
    with closing(listening()) as listener:
        code = ASYNC.replace("{backends}", f"[{backend}]")
        project.test(told(code, listener))
        result = run()
        assert not was_reached(listener)
        # The same test comes through where it may.
        assert outcomes(run("--trace-mode=live")) == {"passed": 1}
        assert was_reached(listener)

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["*Tried to reach, and refused*", "*connect to 127.0.0.1:*"])


def test_it_is_refused_in_threads_and_a_name_is_not_looked_up(project: Project) -> None:
    project.trace("paris.jsonl")
    tries = """
    def look():
        for name in ("example.com", b"example.net"):
            with pytest.raises(OSError, match="look up example.*: refused, since the test replays"):
                socket.getaddrinfo(name, 80)
        with pytest.raises(OSError, match="look up example.org"):
            socket.gethostbyname("example.org")
        found.append(1)
    found = []
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found
"""
    project.test(SYNC.format(tries=tries.strip()))
    result = project.run()

    assert outcomes(result) == {"passed": 1}


def test_what_is_swallowed_is_refused_all_the_same(project: Project) -> None:
    project.trace("paris.jsonl")
    tries = """
    try:
        socket.create_connection(("127.0.0.1", PORT)).close()
    except OSError:
        pass
"""
    with closing(listening()) as listener:
        project.test(told(SYNC.format(tries=tries.strip()), listener))

        assert outcomes(project.run()) == {"passed": 1}
        assert not was_reached(listener)
        assert outcomes(project.run("--trace-mode=live")) == {"passed": 1}
        assert was_reached(listener)


def test_this_machine_itself_is_at_hand(project: Project) -> None:
    project.trace("paris.jsonl")
    tries = """
    os.chdir(tmp_path)  # the path of such a socket is short
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("here")
        server.listen()
        client.connect("here")
    assert socket.getaddrinfo("127.0.0.1", 80) and socket.getaddrinfo("localhost", 80)
    assert subprocess.run(["true"]).returncode == 0

    async def run():
        process = await asyncio.create_subprocess_exec("echo", "hello", stdout=-1)
        return (await process.communicate())[0]
    assert asyncio.run(run()) == b"hello\\n"
"""
    project.test(SYNC.format(tries=tries.strip()))

    assert outcomes(project.run()) == {"passed": 1}


def test_only_tests_that_replay_are_kept_from_it(project: Project) -> None:
    project.trace("paris.jsonl")
    others = """

def test_after_it():
    CONNECT(("127.0.0.1", PORT)).close()
"""
    with closing(listening()) as listener:
        code = SYNC.format(tries="pass") + others
        project.test(told(code, listener))

        assert outcomes(project.run()) == {"passed": 2}
        assert was_reached(listener)
