"""How do tests get workers to kill? One process imports all that they need, and forks them.

`python -m tests.chaos.worker` reads commands, a JSON a line, and answers each with one: `start` a
worker with a `Plan`, `wait` for its end. A worker is a process of its own, with a runtime, a store
and an event loop of its own; it ends with 0, or by the signal that killed it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from types import TracebackType

_LOADED = (
    "toolrun.session",
    "toolrun.runtime",
    "toolrun.models.chat",
    "toolrun.models.probe",
    "toolrun.store.opening",
    "toolrun.store.sqlite",
    "toolrun.store.postgres",
    "toolrun.store.schema",
    "toolrun.store.reading",
    "toolrun.resuming",
    "tests.chaos.drive",
    "tests.rig.mock_steps",
    "aiohttp",
    "openai",
    "jsonschema",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "psycopg",
    "anyio._backends._asyncio",
)
"""What a worker would import before its first event."""


class Plan(Struct, frozen=True):
    """What a worker does.

    Attributes:
        store, base_url: where the sessions are kept, and where the model is.
        folder: gets what is to be known of the worker: `killed`, `seen`, `done`, `stderr`.
        ledger: the file of deeds.
        sessions: it drives these, at once.
        kill: where it dies, see `Killer`.
        stops: it is stopped there instead.
        work: seconds that a tool takes before its deed, and after it.
        racing: a file in which two racers meet before each session; which of them this one is.
        drive: what it does; see `tests.chaos.drive`.
        backend: the event loop.
    """

    store: str
    base_url: str
    folder: str
    ledger: str
    sessions: tuple[str, ...]
    kill: str = ""
    stops: bool = False
    work: float = 0.002
    drive: Literal["all", "race"] = "all"
    racing: tuple[str, int] | None = None
    backend: Literal["asyncio", "trio"] = "asyncio"


class Command(Struct, frozen=True):
    """What is asked of the process that forks: start one, or wait for one for so many seconds."""

    plan: Plan | None = None
    wait: int | None = None
    seconds: float = 60.0


class Said(Struct, frozen=True):
    """What it answers: the pid, and the status where it ended (negative: the signal)."""

    pid: int
    status: int | None = None


class Workers:
    """The process that forks workers, and a handle on them; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    @property
    def pid(self) -> int:
        """Of the process that forks."""
        return self._process.pid

    @property
    def fds(self) -> frozenset[int]:
        """This process's ends of the pipes to it."""
        pipes = (self._process.stdin, self._process.stdout)
        return frozenset(pipe.fileno() for pipe in pipes if pipe is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(10)

    def start(self, plan: Plan) -> int:
        """Start a worker; its pid."""
        Path(plan.folder).mkdir(parents=True, exist_ok=True)
        return self._ask(Command(plan)).pid

    def wait(self, pid: int, seconds: float = 60) -> int:
        """How a worker ended.

        Raises:
            AssertionError: it has not in that time: it hangs, and was killed.
        """
        status = self._ask(Command(wait=pid, seconds=seconds)).status
        if status is None:
            os.kill(pid, signal.SIGKILL)
            self._ask(Command(wait=pid, seconds=10))
            raise AssertionError(f"worker {pid} hangs")
        return status

    def run(self, plan: Plan, seconds: float = 60) -> int:
        """Start a worker, and wait for it."""
        return self.wait(self.start(plan), seconds)

    def _ask(self, command: Command) -> Said:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Said)


def _serve() -> None:
    """Fork and wait, until nobody asks any more; no worker outlives that."""
    import importlib

    for name in _LOADED:
        importlib.import_module(name)
    running: dict[int, int] = {}
    print("ready", flush=True)
    for line in sys.stdin.buffer:
        command = msgspec.json.decode(line, type=Command)
        if command.plan is not None:
            pid = _fork(command.plan)
            running[pid] = os.pidfd_open(pid)
            _say(Said(pid))
        else:
            assert command.wait is not None
            _say(Said(command.wait, _waited(command.wait, running, command.seconds)))
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _say(said: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def _waited(pid: int, running: dict[int, int], seconds: float) -> int | None:
    if not select.select([running[pid]], [], [], seconds)[0]:
        return None
    os.close(running.pop(pid))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork(plan: Plan) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        said = os.open(f"{plan.folder}/stderr", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for number, file in enumerate((null, null, said)):
            os.dup2(file, number)
        _work(plan)
        code = 0
    except BaseException:  # noqa: BLE001 - a worker that fails says why, and ends
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _work(plan: Plan) -> None:
    import anyio

    from tests.chaos import drive

    main: Any = getattr(drive, plan.drive)
    anyio.run(main, plan, backend=plan.backend)


if __name__ == "__main__":
    _serve()
