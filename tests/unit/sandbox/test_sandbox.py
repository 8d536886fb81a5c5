"""What does a caller of a box get back, and is anything left when it is over?"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox import Job, Outcome, Sandbox, load_profile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOOL = """
from __future__ import annotations
import dataclasses, os, sys, time
import sibling

@dataclasses.dataclass
class Point:
    x: int

def add(a: int, b: int = 2) -> int:
    print("adding")
    print("carefully", file=sys.stderr)
    return a + b

async def later(point: Point) -> dict:
    import asyncio
    await asyncio.sleep(0.01)
    return {"x": point.x, "where": os.getcwd(), "sibling": sibling.NAME}

def text() -> str:
    return "naïve\\n"

def fail() -> None:
    raise ValueError("no good: ünicode")

def leave() -> None:
    sys.exit(3)

def crash() -> None:
    os._exit(7)

def segfault() -> None:
    import ctypes
    ctypes.string_at(0)

def words(path: str) -> int:
    return len(open(path).read().split())

def environment() -> dict:
    return dict(os.environ)

def third_party() -> str:
    import msgspec
    return msgspec.__name__

def package() -> list:
    before = set(sys.modules)
    from toolrun import tool
    heavy = {"openai", "pydantic", "jsonschema", "msgspec", "anyio"}
    decorated = tool(package)
    assert decorated is package or callable(decorated)
    return sorted(heavy & set(sys.modules))

def name() -> str:
    return __name__

def sleep() -> None:
    print("sleeping")
    time.sleep(60)

class Tools:
    @staticmethod
    def inner() -> str:
        return "inner"

if __name__ == "__main__":
    raise SystemExit("a script must not run when its tools are imported")
"""


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_tool.py"
    path.write_text(TOOL)
    (tmp_path / "sibling.py").write_text("NAME = 'sibling'\n")
    return path


def run(backend: str, body: Callable[[Sandbox], Awaitable[Any]], **settings: Any) -> Any:
    profile = load_profile("workspace-ro" if "workspace" in settings else "pure")

    async def main() -> Any:
        async with Sandbox(profile, **settings) as sandbox:
            return await body(sandbox)

    return anyio.run(main, backend=backend)


def call(
    file: Path, qualname: str, arguments: bytes = b"{}", backend: str = "asyncio", **settings: Any
) -> Outcome:
    options = {
        name: settings.pop(name) for name in ("env", "on_output", "timeout") if name in settings
    }
    module = settings.pop("module", "my_tool")
    job = Job(file=str(file), module=module, qualname=qualname, arguments=arguments)

    async def body(sandbox: Sandbox) -> Outcome:
        return await sandbox.call(job, **{"timeout": 20, **options})

    outcome: Outcome = run(backend, body, **settings)
    return outcome


def living(group: int) -> list[bytes]:
    """What runs of a process group; not what is dead and waits for the machine's init."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats.append(path.read_bytes())
    fields = [(stat, stat.rpartition(b")")[2].split()) for stat in stats]
    return [stat for stat, (state, _, its, *_) in fields if int(its) == group and state != b"Z"]


def value(outcome: Outcome) -> Any:
    assert outcome.status == "ok", outcome
    assert outcome.value is not None
    return msgspec.json.decode(outcome.value)


def test_a_function_returns(file: Path, backend: str) -> None:
    outcome = call(file, "add", b'{"a": 40}', backend)

    assert value(outcome) == 42
    assert (outcome.stdout, outcome.stderr) == ("adding\n", "carefully\n")
    assert 0 < outcome.seconds < 20


def test_a_coroutine_function_gets_its_dataclass(file: Path) -> None:
    seen = value(call(file, "later", b'{"point": {"x": 3}}'))

    assert seen == {"x": 3, "where": "/tmp", "sibling": "sibling"}


def test_text_comes_back_as_it_is(file: Path) -> None:
    assert value(call(file, "text")) == "naïve\n"


def test_an_exception_is_told_apart_for_model_and_log(file: Path) -> None:
    outcome = call(file, "fail")

    assert (outcome.status, outcome.error) == ("exception", "ValueError: no good: ünicode")
    assert outcome.traceback is not None
    assert "my_tool.py" in outcome.traceback
    assert "shim" not in outcome.traceback


def test_leaving_is_an_exception(file: Path) -> None:
    assert call(file, "leave").error == "SystemExit: 3"


def test_a_crash_says_how(file: Path) -> None:
    outcome = call(file, "crash")
    assert (outcome.status, outcome.exit) == ("crash", 7)
    assert outcome.error == "its process ended with status 7 before it returned"

    assert call(file, "segfault").error == "its process was ended by SIGSEGV before it returned"


def test_a_missing_function_is_an_exception(file: Path) -> None:
    assert "AttributeError" in str(call(file, "nothing").error)


def test_a_name_inside_a_class(file: Path) -> None:
    assert value(call(file, "Tools.inner")) == "inner"


def test_a_script_is_imported_under_another_name(file: Path) -> None:
    assert value(call(file, "name", module="__main__")) == "__mp_main__"
    assert value(call(file, "name")) == "my_tool"


def test_the_environment_is_what_was_given(file: Path) -> None:
    seen = value(call(file, "environment", env={"TOKEN": "t"}))

    assert seen.pop("TOKEN") == "t"
    assert set(seen) == {
        *("PATH", "HOME", "LANG", "TMPDIR", "PWD"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    }


def test_relative_paths_are_the_workspaces(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "notes.md").write_text("three short words")

    for path in ("notes.md", str(folder / "notes.md")):
        outcome = call(file, "words", msgspec.json.encode({"path": path}), workspace=folder)
        assert value(outcome) == 3


def test_installed_packages_can_be_imported(file: Path) -> None:
    outcome = call(file, "third_party")
    assert value(outcome) == "msgspec"


def test_importing_toolrun_in_the_box_is_cheap(file: Path) -> None:
    assert value(call(file, "package")) == []


def test_folders_to_import_from(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "sibling.py").write_text("NAME = 'elsewhere'\n")
    (tmp_path / "sibling.py").unlink()

    seen = value(call(file, "later", b'{"point": {"x": 1}}', python_paths=[elsewhere]))
    assert seen["sibling"] == "elsewhere"


def test_output_comes_while_it_runs(file: Path) -> None:
    heard: list[tuple[str, str]] = []
    job = Job(file=str(file), module="my_tool", qualname="sleep")

    async def body(sandbox: Sandbox) -> None:
        with anyio.CancelScope() as scope:

            def listen(stream: str, text: str) -> None:
                heard.append((stream, text))
                scope.cancel()

            await sandbox.call(job, timeout=60, on_output=listen)  # it sleeps for as long
        assert scope.cancelled_caught

    run("asyncio", body)
    assert heard == [("stdout", "sleeping\n")]


def test_what_takes_too_long_is_stopped(file: Path) -> None:
    outcome = call(file, "sleep", timeout=0.2)

    assert outcome.status == "timeout"
    assert outcome.error == "did not finish within 0.2 s and was stopped"


def test_a_listener_that_raises_ends_the_box(file: Path) -> None:
    def listen(stream: str, text: str) -> None:
        raise KeyError(text)

    before = _children()
    with pytest.raises(KeyError, match="sleeping"):
        call(file, "sleep", on_output=listen)
    assert _children() == before


def test_arguments_that_are_no_object(file: Path) -> None:
    with pytest.raises(ConfigError, match="no JSON object"):
        call(file, "add", b"[1]")


def test_cancelling_kills_at_once(file: Path, backend: str) -> None:
    before = _children()

    async def body(sandbox: Sandbox) -> float:
        job = Job(file=str(file), module="my_tool", qualname="sleep")
        running = anyio.Event()
        async with anyio.create_task_group() as group:

            async def sleep() -> None:
                await sandbox.call(job, timeout=20, on_output=lambda *_: running.set())

            group.start_soon(sleep)
            await running.wait()
            cancelled = time.monotonic()
            group.cancel_scope.cancel()
        return time.monotonic() - cancelled

    assert run(backend, body) < 10  # it sleeps for 60; what it takes is measured by the benchmark
    assert _children() == before


@pytest.mark.parametrize("after", [0.0, 0.002, 0.005, 0.01, 0.015, 0.02])
def test_cancelling_at_any_moment_leaves_nothing(file: Path, after: float) -> None:
    before = _children(), _descriptors()

    async def body(sandbox: Sandbox) -> None:
        job = Job(file=str(file), module="my_tool", qualname="sleep")
        with anyio.move_on_after(after):
            await sandbox.call(job, timeout=20)

    run("asyncio", body)
    assert (_children(), _descriptors()) == before


def test_many_calls_leave_nothing(file: Path, backend: str) -> None:
    call(file, "add", b'{"a": 1}', backend)
    gc.collect()  # what an earlier test has left would be collected in between
    before, threads = (_children(), _descriptors()), threading.active_count()

    async def body(sandbox: Sandbox) -> None:
        job = Job(file=str(file), module="my_tool", qualname="add", arguments=b'{"a": 1}')

        async def once() -> None:
            assert (await sandbox.call(job, timeout=20)).status == "ok"

        for _ in range(5):
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(once)

    run(backend, body)
    assert (_children(), _descriptors()) == before
    assert threading.active_count() <= threads  # an idle one of an earlier test may have ended


def test_a_command(file: Path, backend: str) -> None:
    async def body(sandbox: Sandbox) -> Any:
        return await sandbox.run(
            ["sh", "-c", "cat; echo $WORD >&2; exit 4"],
            input=b"in" * 100_000,
            timeout=20,
            env={"WORD": "w"},
        )

    done = run(backend, body)
    assert (done.status, done.exit, done.stderr) == ("ok", 4, b"w\n")
    assert done.stdout == b"in" * 100_000


def test_a_command_that_is_not_there(file: Path) -> None:
    async def body(sandbox: Sandbox) -> Any:
        return await sandbox.run(["no-such-program"], timeout=20)

    done = run("asyncio", body)
    assert (done.exit, done.stderr) == (127, b"no-such-program: No such file or directory\n")


def _children() -> list[str]:
    return sorted(
        pid
        for task in Path(f"/proc/{os.getpid()}/task").iterdir()
        for pid in (task / "children").read_text().split()
    )


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008])
def test_a_bubblewrap_that_is_killed_half_way_leaves_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, delay: float
) -> None:
    """The first process of its box would wait for it without end, with the pipes open."""
    boxes: list[subprocess.Popen[bytes]] = []
    make = subprocess.Popen

    def kill_soon(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        process = make(*args, **options)
        if "--args" in args[0]:
            boxes.append(process)
            assert os.getpgid(process.pid) == process.pid  # Ctrl-C in a terminal goes elsewhere
        if len(boxes) == 1:
            threading.Timer(delay, os.kill, (process.pid, signal.SIGKILL)).start()
        return process

    async def body(sandbox: Sandbox) -> float:
        monkeypatch.setattr(subprocess, "Popen", kill_soon)
        began = time.monotonic()
        job = Job(file=str(file), module="my_tool", qualname="sleep")
        with contextlib.suppress(SandboxUnavailable):
            outcome = await sandbox.call(job, timeout=1)
            # Killed when its worker was up and the job not begun: another box has taken that.
            assert outcome.status == ("crash" if len(boxes) == 1 else "timeout")
        return time.monotonic() - began

    assert run("asyncio", body) < 5
    assert boxes
    assert not living(boxes[0].pid)
