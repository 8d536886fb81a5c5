"""How many streams does one worker of the service hold, and how late do its clients hear?

`python -m tests.integration.service_load --sessions 2000 --seconds 60`: prints what it saw as JSON.
The worker has a core for itself; on another one this process is the model's server and all clients.
The server writes when it sent a chunk into its text; what is added is the time until a client has
it. Chunks are sent in turns of 10 ms, some streams in each: no timer and no task for a stream.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, field

from tests.integration.serviced import Worker
from tests.rig.mock_app import MockVllm, Settings
from tests.rig.mock_http import Connection
from tests.rig.mock_steps import Script, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STAMP: Final = b"#STAMP"
_TICKS: Final = 10_000
_MOST: Final = 0xFFFFF
"""A token of the mock has six characters: room for tenths of milliseconds, of 105 seconds."""
PACE_S: Final = 0.5
_TURNS: Final = 50
_TENANTS: Final = 20
_TAKEN = re.compile(rb'"type":"TextDelta"[^\n]*?#([0-9a-f]{5})')
_END = b'"type":"TurnFinished"'


class Load(Struct):
    """What was seen.

    Attributes:
        sessions: that streamed at once.
        finished: turns that came to their answer with all their pieces.
        errors: what went wrong, each kind once.
        pieces: that were timed, while all streamed.
        p50_ms, p99_ms, worst_ms: of what was added to a piece.
        cores: of CPU that the worker took meanwhile.
        rss_mib: of the worker, at the beginning, when all streamed, and at the end of that.
        late_ms: by how much the sender was late with its turns, p99: it is to be no bottleneck.
        client_cores: of CPU that server and clients took.
        load: of the machine, processes that ran or waited.
    """

    sessions: int
    finished: int = 0
    errors: list[str] = field(default_factory=list)
    pieces: int = 0
    p50_ms: float = 0
    p99_ms: float = 0
    worst_ms: float = 0
    cores: float = 0
    rss_mib: list[float] = field(default_factory=list)
    late_ms: float = 0
    client_cores: float = 0
    load: float = 0


class Pacer:
    """Sends the chunks of all streams, two a second each."""

    def __init__(self) -> None:
        self.turns: list[list[tuple[asyncio.Transport, deque[bytes]]]] = [[] for _ in range(_TURNS)]
        self.late: deque[float] = deque(maxlen=20_000)

    def add(self, transport: asyncio.Transport, chunks: Iterable[bytes]) -> None:
        min(self.turns, key=len).append((transport, deque(chunks)))

    async def run(self) -> None:
        due = time.monotonic()
        for turn in range(1 << 60):
            due += PACE_S / _TURNS
            await asyncio.sleep(due - time.monotonic())
            self.late.append(time.monotonic() - due)
            streams = self.turns[turn % _TURNS]
            ended = [each for each in streams if not self._sent(*each)]
            for each in ended:
                streams.remove(each)

    def _sent(self, transport: asyncio.Transport, chunks: deque[bytes]) -> bool:
        if not chunks or transport.is_closing():
            return False
        chunk = chunks.popleft()
        # As late as can be: what the sender does before is not the worker's.
        transport.write(chunk.replace(STAMP, b"#%05x" % _now()))
        return True


class Stamping(Connection):
    """A connection of the mock whose streams the pacer sends."""

    def __init__(self, mock: MockVllm, pacer: Pacer) -> None:
        super().__init__(mock.answer)
        self._pacer = pacer

    async def _carry_out(self, plan: Sequence[Any]) -> None:
        assert self._transport is not None
        chunks = [part for part in plan if isinstance(part, bytes)]
        self._transport.write(chunks[0])
        *chunks, before, last = chunks[1:]
        self._pacer.add(self._transport, [*chunks, before + last])
        self._running = None


class Client(asyncio.Protocol):
    """One connection to the worker: requests one after another, and at last a stream.

    Attributes:
        added: seconds that each piece took, with the time when it came.
        ended: done when the stream ends; its result is how.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.added: list[tuple[float, float]] = []
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.pieces = 0
        self._waiting: asyncio.Future[bytes] | None = None
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A request, and its answer."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._send(path, body, "application/json")
        head, _, answer = (await self._waiting).partition(b"\r\n\r\n")
        self._waiting = None
        if b" 20" not in head[:14]:
            raise RuntimeError(f"{path}: {head[:40]!r} {answer[:200]!r}")
        return dict(json.loads(answer))

    def ask(self, session: str) -> None:
        """Begin a turn and follow it."""
        self._send(f"/v1/sessions/{session}/ask", {"text": "Go."}, "text/event-stream")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _send(self, path: str, body: dict[str, Any], accept: str) -> None:
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.key}\r\n"
        head += f"accept: {accept}\r\ncontent-type: application/json\r\n"
        assert self._transport is not None
        self._transport.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)

    def data_received(self, data: bytes) -> None:
        now, ticks = time.monotonic(), _now()
        if self._waiting is not None:
            self._answered(data)
            return
        lines, newline, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        if not newline:
            return
        for found in _TAKEN.findall(lines):
            self.pieces += 1
            self.added.append((now, ((ticks - int(found, 16)) & _MOST) / _TICKS))
        if (_END in lines or (lines.startswith(b"HTTP/1.1 ") and b" 200 " not in lines[:14])) and (
            not self.ended.done()
        ):
            self.ended.set_result(lines)

    def _answered(self, data: bytes) -> None:
        self._rest += data
        head, found, body = self._rest.partition(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head)
        if found and size is not None and len(body) >= int(size[1]):
            whole, self._rest = self._rest, b""
            assert self._waiting is not None
            self._waiting.set_result(whole)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(b"lost: %r" % str(exc).encode())


async def hold(worker: Worker, pacer: Pacer, load: Load, ramp_s: float, seconds: float) -> None:
    """Have all sessions stream at once for so long, and see each to its end."""
    loop = asyncio.get_running_loop()
    host, _, port = worker.url.removeprefix("http://").partition(":")
    clients: list[Client] = []
    few = asyncio.Semaphore(8)

    async def connected(number: int) -> Client:
        key = f"key-{number % _TENANTS:020d}"
        _, client = await loop.create_connection(lambda: Client(key), host, int(port))
        return client

    async def made(number: int) -> str:
        async with few:
            client = await connected(number)
            answer = await client.post("/v1/sessions", {})
            client.close()
        return str(answer["id"])

    load.rss_mib.append(_rss_mib(worker))
    ids = await asyncio.gather(*(made(number) for number in range(load.sessions)))
    began = time.monotonic()
    for number, session in enumerate(ids):
        await asyncio.sleep(began + ramp_s * number / load.sessions - time.monotonic())
        # A connection that waits for long is one that the worker closes.
        clients.append(await connected(number))
        clients[-1].ask(session)
    await asyncio.sleep(2 * PACE_S)
    while sum(client.pieces > 0 for client in clients) < load.sessions:
        if any(client.ended.done() for client in clients):
            break  # told below
        await asyncio.sleep(0.1)
    # For whoever puts a profiler on it.
    print(f"all stream; the worker is process {worker.process.pid}", file=sys.stderr, flush=True)
    begin, cpu, mine = time.monotonic(), _cpu_s(worker), time.process_time()
    load.rss_mib.append(_rss_mib(worker))
    pacer.late.clear()
    await asyncio.sleep(seconds)
    end = time.monotonic()
    load.cores = (_cpu_s(worker) - cpu) / (end - begin)
    load.client_cores = (time.process_time() - mine) / (end - begin)
    load.rss_mib.append(_rss_mib(worker))
    load.load = os.getloadavg()[0]
    load.late_ms = 1e3 * sorted(pacer.late)[int(0.99 * len(pacer.late))]
    added = sorted(
        took for client in clients for came, took in client.added if begin <= came <= end
    )
    load.pieces = len(added)
    if added:
        load.p50_ms, load.p99_ms = (1e3 * added[int(part * len(added))] for part in (0.5, 0.99))
        load.worst_ms = 1e3 * added[-1]
    await _ended(clients, load, seconds=30 + 2 * ramp_s)


async def _ended(clients: Sequence[Client], load: Load, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(client.ended for client in clients))
    most = max(client.pieces for client in clients)
    for client in clients:
        said = client.ended.result() if client.ended.done() else b"no end"
        if b'"status":"finished"' in said and client.pieces == most:
            load.finished += 1
        elif len(load.errors) < 5:
            load.errors.append(f"{client.pieces} of {most} pieces, then {said[-300:]!r}")
        client.close()


def _now() -> int:
    return int(time.monotonic() * _TICKS) & _MOST


def _rss_mib(worker: Worker) -> float:
    pages = int(Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def _cpu_s(worker: Worker) -> float:
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    sessions: int, *, ramp_s: float, seconds: float, store: str | None = None
) -> Load:
    """Start a worker, and have it serve so many streams.

    Args:
        sessions: how many.
        ramp_s: seconds in which they begin.
        seconds: for which all stream.
        store: its URL; a SQLite file of its own where None.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    mock, pacer, load = MockVllm(Settings(keep=0)), Pacer(), Load(sessions)
    count = int((ramp_s + seconds + 15) / PACE_S)
    step = Step(content=" " + " ".join([STAMP.decode()] * count), chunks_per_write=1)
    mock.scripts["default"] = Script((step,)).steps
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stamping(mock, pacer), "127.0.0.1", 0, backlog=4096)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    keys = ",".join(f"t{number} key-{number:020d}" for number in range(_TENANTS))
    pacing = loop.create_task(pacer.run())
    try:
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker(
                Path(folder),
                store or f"sqlite:///{folder}/sessions.db",
                url,
                SERVICE_KEYS=keys,
                SERVICE_TENANT_SESSIONS="100000",
                SERVICE_TAKE_OVER_SECONDS="2",
                SERVICE_WATCH_SECONDS="0.5",
                TOOLRUN_LIMITS_SECONDS="3600",
            )
            os.sched_setaffinity(worker.process.pid, {cores[0]})
            with worker:
                await asyncio.to_thread(worker.ready)
                await hold(worker, pacer, load, ramp_s, seconds)
                if not load.finished:
                    load.errors.append(worker.err[-2000:])
    finally:
        pacing.cancel()
        server.close()
        os.sched_setaffinity(0, cores)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    return load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.service_load")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--ramp", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--store")
    given = parser.parse_args()
    load = asyncio.run(
        measure(given.sessions, ramp_s=given.ramp, seconds=given.seconds, store=given.store)
    )
    print(msgspec.json.format(msgspec.json.encode(load)).decode())


if __name__ == "__main__":
    main()
