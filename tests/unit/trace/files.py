"""Files of traces, written line by line without a session."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from toolrun import Recording
from toolrun.trace.file import TraceFile
from toolrun.trace.lines import Lines
from toolrun.trace.recording import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PARTED = Recording(max_bytes=SMALLEST)
PACKED = Recording(max_bytes=SMALLEST, compress=True)


def header(session: str = "s") -> Callable[[int, bool], bytes]:
    def head(part: int, resumed: bool) -> bytes:  # noqa: FBT001 - as a TraceFile asks
        line = {"type": "TraceHeader", "format": 2, "session": session, "part": part}
        return msgspec.json.encode({**line, "resumed": resumed}) + b"\n"

    return head


def line(number: int, size: int = 900) -> bytes:
    return (
        msgspec.json.encode({"type": "UserMessage", "seq": number, "content": "x" * size}) + b"\n"
    )


def record(path: Path, recording: Recording = PARTED, numbers: range = range(12)) -> list[bytes]:
    file = TraceFile(path, header(), recording)
    lines = [line(number) for number in numbers]
    for each in lines:
        file.write(each)
    file.close()
    file.wait()
    return lines


def go_on(path: Path, number: int, recording: Recording = PARTED, session: str = "s") -> None:
    file = TraceFile(path, header(session), recording, append=True)
    file.write(line(number))
    file.close()
    file.wait()


def read(path: Path) -> list[bytes]:
    with contextlib.closing(Lines(path)) as lines:
        return list(iter(lines.next, None))[1:]


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())
