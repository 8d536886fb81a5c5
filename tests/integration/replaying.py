"""Do the traces of a folder happen again in a process that reaches nobody?

    unshare --net python -m tests.integration.replaying FOLDER RUNS ADDRESS

replays each trace `RUNS` times, half of them on asyncio, half on trio, and prints as JSON what came
of it; ADDRESS (host:port) is a server that listens, and must not be reached.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
from msgspec import Struct

from tests.integration.conversations import UNIQUE, plain
from toolrun.events import AnyEvent
from toolrun.testing import replay_trace
from toolrun.trace.reader import read_trace
from toolrun.trace.writer import TraceSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Event

BACKENDS: Final = ("asyncio", "trio")
_UNIQUE: Final = re.compile(r"\b[0-9a-f]{32}\b")
_SECONDS: Final = 200


class Replayed(Struct, frozen=True):
    """What came of the replays of one trace.

    Attributes:
        written: digest of the trace's lines, but for its header.
        again: digests of what each replay writes when it is recorded in its turn.
        events: digests of the events of each replay; the first is of those read from the file.
        transcript: at the end of the last replay, see `conversations.plain`.
    """

    written: str
    again: list[str]
    events: list[str]
    transcript: list[Any]


class Report(Struct, frozen=True):
    """What a process found.

    Attributes:
        network: what a connection to the server came to.
        traces: by the name of the file.
    """

    network: str
    traces: dict[str, Replayed]


def without_network(folder: Path, runs: int, address: str, *, as_root: bool) -> Report:
    """Replay in a process that has a network of its own, with nothing in it."""
    command = ["unshare", *([] if as_root else ["--map-root-user"]), "--net", sys.executable]
    done = subprocess.run(
        [*command, "-m", __spec__.name, str(folder), str(runs), address],
        stdout=subprocess.PIPE,
        check=True,
        timeout=_SECONDS,
        cwd=Path(__file__).parents[2],
    )
    return msgspec.json.decode(done.stdout, type=Report)


def reached(address: str) -> str:
    """What a connection to an address comes to: "connected", or the error's name."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=60):
            return "connected"
    except OSError as error:
        return type(error).__name__ + f" {error.errno}"


async def _replayed(path: Path, runs: int, known: Replayed | None) -> Replayed:
    trace = read_trace(path)
    again = [] if known is None else [*known.again]
    events = [_digest(trace.events)] if known is None else [*known.events]
    transcript: list[Any] = []
    for _ in range(runs):
        seen: list[Event] = []
        report = await replay_trace(path, on_event=seen.append)
        again.append(await _recorded_again(seen, trace.lines))
        events.append(_digest(seen))
        transcript = [plain(message) for message in report.transcript]
    said = json.loads(_UNIQUE.sub(UNIQUE, json.dumps(transcript)))
    return Replayed(_sha(_body(path)), again, events, said)


async def _recorded_again(events: list[Event], lines: Sequence[int]) -> str:
    """Write a trace of events as a session does, and give the digest of its lines.

    Pieces of a text that came apart in time stand in lines of their own: as in the trace.
    """
    with tempfile.TemporaryDirectory() as folder:
        sink = TraceSink(Path(folder, "again.jsonl"), session=events[0].session)
        for event, line, after in zip(events, lines, [*lines[1:], 0], strict=True):
            if event.durable:
                await sink.record(event)  # type: ignore[arg-type]
                continue
            sink.observe(event)
            if line != after:
                sink._write(len(sink._waiting))
        sink.close()
        return _sha(_body(sink.path))


def _body(path: Path) -> bytes:
    """All of a trace but its header, which says when it was made, and by which version."""
    return path.read_bytes().partition(b"\n")[2]


def _digest(events: list[Event]) -> str:
    """Of each as it is once read: a limit of 3 steps is one of 3.0 then."""
    encoded = msgspec.json.encode(events)
    return _sha(msgspec.json.encode(msgspec.json.decode(encoded, type=list[AnyEvent])))


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def _all(paths: list[Path], runs: int, known: dict[str, Replayed]) -> dict[str, Replayed]:
    return {path.name: await _replayed(path, runs, known.get(path.name)) for path in paths}


def _main(folder: Path, runs: int, address: str) -> None:
    paths, found = sorted(folder.glob("*.jsonl")), dict[str, Replayed]()
    for backend in BACKENDS:
        found = anyio.run(_all, paths, runs // len(BACKENDS), found, backend=backend)
    sys.stdout.buffer.write(msgspec.json.encode(Report(reached(address), found)))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
