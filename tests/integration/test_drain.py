"""What becomes of sessions whose process is told to end, and of those that it was killed with?

Real processes get real signals; another process, this one, goes on with what they left.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from tests.integration.draining_worker import tools
from tests.rig import leaks
from tests.rig.mock import MockServer, Step
from tests.unit.test_turn import call
from toolrun import (
    Approve,
    Runtime,
    Session,
    SessionBusy,
    ToolCallFinished,
    TurnFinished,
)
from toolrun.store.contract import Query
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.events import Durable

WORKER = Path(__file__).with_name("draining_worker.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.load)],
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


class Worker:
    """A process that drives sessions; `said` is what it said so far."""

    def __init__(self, mock: MockServer, url: str, folder: Path, loop: str, seconds: float) -> None:
        script(mock)
        command = [sys.executable, str(WORKER), url, mock.url, mock.model, str(folder), loop]
        self.process = subprocess.Popen(
            [*command, str(seconds)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        leaks.KNOWN.add(self.process.pid)
        self.said: list[str] = []

    def until(self, *lines: str) -> None:
        """Read on until each of these was said, or begins a line that was."""
        assert self.process.stdout is not None
        missing = [each for each in lines if not self.has_said(each)]
        while missing:
            line = self.process.stdout.readline()
            assert line, f"it ended before it said {missing}: {self.said}"
            self.said.append(line.strip())
            missing = [each for each in missing if not self.has_said(each)]

    def has_said(self, line: str) -> bool:
        return any(line in each for each in self.said)

    def end(self) -> int:
        """Read the rest, and return how it ended."""
        assert self.process.stdout is not None
        self.said += [line.strip() for line in self.process.stdout]
        self.process.stdout.close()
        return self.process.wait(30)


def script(mock: MockServer) -> None:
    done = Step(content="Done.")
    mock.script(Step(tool_calls=(call("finish", "f"),)), done, name="finish")
    mock.script(Step(tool_calls=(call("hang", "h"),)), done, name="hang")
    hanging = Step(content="Done." + " And more." * 20, fault="hang_midway", fault_times=1)
    mock.script(hanging, name="streaming")
    mock.script(Step(tool_calls=(call("send", "s", to="Ann"),)), done, name="approval")
    mock.script(done, name="idle")


@pytest.fixture
def worker(
    request: pytest.FixtureRequest, mock: MockServer, url: str, tmp_path: Path, anyio_backend: str
) -> Iterator[Worker]:
    made = Worker(mock, url, tmp_path, anyio_backend, getattr(request, "param", 1.0))
    try:
        made.until(
            *("finish ToolCallStarted", "hang ToolCallStarted", "streaming TextDelta", "approval")
        )
        yield made
    finally:
        made.process.kill()
        if made.process.returncode is None:
            made.end()


def here(mock: MockServer, url: str, folder: Path) -> Runtime:
    return Runtime(store=url, model=mock.model, base_url=mock.url, tools=tools(folder))


async def stored(url: str, session: str) -> list[Durable]:
    store = open_store(url)
    await store.open()
    try:
        return await store.read(session)
    finally:
        await store.aclose()


def ledger(folder: Path) -> list[str]:
    return sorted((folder / "ledger").read_text().split())


def kinds(events: list[Durable]) -> list[str]:
    return [type(event).__name__ for event in events]


async def go_on(session: Session) -> None:
    async with session.stream_on(seconds=20) as events:  # streamed, as the worker did
        async for _ in events:
            pass
    answer = events.answer
    assert answer is not None
    assert (answer.status, answer.text[:5]) == ("finished", "Done."), session.id


async def test_a_process_that_is_told_to_end_leaves_every_session_to_another(
    worker: Worker, mock: MockServer, url: str, tmp_path: Path
) -> None:
    worker.process.send_signal(signal.SIGTERM)
    worker.until("draining")
    # The step of this one ends while the process drains, that of the others does not.
    (tmp_path / "go").touch()
    assert worker.end() == 0

    assert worker.has_said("finish ToolCallFinished")
    for name in ("finish", "hang", "streaming", "approval"):
        assert worker.has_said(f"{name} parked the process is about to end (SIGTERM)"), worker.said
    assert worker.said[-1] == "end SIGTERM"
    (tmp_path / "go-2").touch()
    before = ledger(tmp_path)
    assert before == ["finish.1.1.f", "hang.1.1.h"]

    events = {name: await stored(url, name) for name in ("finish", "hang", "streaming", "approval")}
    assert kinds(events["finish"])[-3:] == ["ToolCallStarted", "ToolCallFinished", "TurnFinished"]
    assert kinds(events["hang"])[-2:] == ["ToolCallStarted", "TurnFinished"]
    assert kinds(events["streaming"])[-2:] == ["UserMessage", "TurnFinished"]
    assert kinds(events["approval"])[-2:] == ["ApprovalRequested", "TurnFinished"]
    async with here(mock, url, tmp_path) as runtime:
        listed = await (await runtime.store()).sessions(Query(status=("parked",)))
        assert {each.id for each in listed} == events.keys()
        assert {each.holder for each in listed} == {None}
        for name in ("finish", "hang", "streaming"):
            async with runtime.resume(name) as session:
                await go_on(session)
        (waits,) = await runtime.pending("approval")
        await runtime.decide("approval", waits.call_id, Approve())
        async with runtime.resume("approval") as session:
            await go_on(session)
        async with runtime.resume("idle") as session:
            assert (await session.ask("[[script:idle]]")).text == "Done."
    assert ledger(tmp_path) == sorted([*before, "hang.1.1.h", "approval.1.1.s"])


@pytest.mark.parametrize("worker", [600.0], indirect=True)
async def test_a_process_that_is_killed_while_it_drains_leaves_every_session_to_another(
    worker: Worker, mock: MockServer, url: str, tmp_path: Path
) -> None:
    worker.process.send_signal(signal.SIGINT)
    worker.until("draining", "approval parked the process is about to end (SIGINT)")
    worker.process.kill()
    assert worker.end() == -signal.SIGKILL

    (tmp_path / "go-2").touch()
    async with here(mock, url, tmp_path) as runtime:
        for name in ("finish", "hang", "streaming"):
            async with runtime.resume(name) as session:
                await go_on(session)
        await runtime.decide("approval", "s", Approve())
        async with runtime.resume("approval") as session:
            await go_on(session)
    # At most once; again with the same key; approved, once.
    assert ledger(tmp_path) == ["approval.1.1.s", "finish.1.1.f", "hang.1.1.h", "hang.1.1.h"]
    (finished,) = [e for e in await stored(url, "finish") if isinstance(e, ToolCallFinished)]
    assert finished.result.outcome == "unknown"


@pytest.mark.load
@pytest.mark.parametrize("worker", [600.0], indirect=True)
async def test_a_second_signal_gives_no_more_time(
    worker: Worker, mock: MockServer, url: str, tmp_path: Path
) -> None:
    worker.process.send_signal(signal.SIGTERM)
    worker.until("draining")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end() == 0
    assert worker.has_said("hang parked")
    assert worker.said[-1] == "end SIGTERM"


async def test_another_process_cancels_a_turn_and_is_told_who_holds_the_session(
    worker: Worker, mock: MockServer, url: str, tmp_path: Path
) -> None:
    async with here(mock, url, tmp_path) as runtime:
        with pytest.raises(SessionBusy, match="held by"):
            await runtime.decide("approval", "s", Approve())
        assert await runtime.cancel("hang")
        with anyio.fail_after(60):
            await anyio.to_thread.run_sync(worker.until, "hang cancelled another process")
        assert await runtime.cancel("idle")
    last = (await stored(url, "hang"))[-1]
    assert isinstance(last, TurnFinished)
    assert last.status == "cancelled"


@pytest.mark.load
def test_a_service_under_uvicorn_parks_its_turns_and_ends(mock: MockServer, tmp_path: Path) -> None:
    mock.script(Step(tool_calls=(call("wait", "w"),)), Step(content="Done."))
    url = f"sqlite:///{tmp_path}/sessions.db"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program = str(WORKER.with_name("draining_service.py"))
    process = subprocess.Popen(
        [sys.executable, program, url, mock.url, mock.model, port],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    leaks.KNOWN.add(process.pid)
    said: list[dict[str, str]] = []

    try:
        with closing(connected(int(port), process)) as connection:
            connection.request("GET", "/42")
            for line in connection.getresponse():
                said.append(json.loads(line))
                if said[-1].get("kind") == "ToolCallStarted":
                    process.send_signal(signal.SIGTERM)
        assert said[-1] == {"status": "parked", "reason": "the process is about to end (SIGTERM)"}
        out, _ = process.communicate(timeout=60)
        assert "lifespan ends" in out
    finally:
        process.kill()
        process.wait()
    last = anyio.run(stored, url, "42")[-1]
    assert isinstance(last, TurnFinished)
    assert last.status == "parked"


def connected(port: int, process: subprocess.Popen[str]) -> http.client.HTTPConnection:
    """A connection to a server that is about to listen."""
    for _ in range(600):
        assert process.poll() is None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.05)  # nothing tells when another process listens
        else:
            return connection
    raise AssertionError
