"""Is any line, whatever became of it, an event or an error with its number?"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from toolrun.errors import TraceError
from toolrun.trace.migrate import migrate_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACES: Final = Path(__file__).parents[2] / "traces"
TOKENS: Final = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"9" * 400, b"1.5", b'""', b"[]", b"{}"),
    *(b'"\\ud800"', b'"\\udc00"', b'"\\u0000"', b"\xff", b"\0", b"\xed\xa0\x80", b'"', b"\\", b","),
    *(b"[" * 3000, b'{"a":' * 3000, b"}" * 9, b'"type":"TraceHeader"', b'"type":"Nonsense"'),
    *(b',"blobs":{"/content":"' + b"0" * 64 + b'"}}', b',"blobs":{"/":""}}', b'"seq":99'),
    *(b'"adds":[0,-1,99,1e9]', b'"ms":[-5]', b'"text":["a","b"]', b'"time":-1', b'"sub":0'),
    *(b'"format":99', b'"part":2', b'"resumed":true', b'{"type":"TraceHeader","session":"x"}'),
)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def some_traces(folder: Path) -> list[list[bytes]]:
    """Short traces of each format, with all that happens in one."""
    files = sorted((TRACES / "format-1").glob("*.jsonl"), key=lambda each: each.stat().st_size)
    chosen = files[: len(files) // 2 : 3]
    for each in chosen:
        migrate_trace(each, folder / each.name)
    return [lines_of(each) for each in (*chosen, *folder.glob("*.jsonl"))]


def mutated(line: bytes, moment: random.Random) -> bytes:
    """A line that something happened to."""
    data = bytearray(line)
    for _ in range(moment.randint(1, 3)):
        at = moment.randrange(len(data) + 1)
        end = min(len(data), at + moment.choice((1, 1, 2, 8, 40)))
        match moment.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << moment.randrange(8)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end]
            case 3:
                data[at:end] = moment.choice(TOKENS)
            case 4:
                data[at:at] = moment.choice(TOKENS)
            case _:
                data[at:at] = moment.randbytes(moment.randint(1, 9))
    return bytes(data).replace(b"\n", b"")


def spoiled(folder: Path, count: int, seed: int) -> Iterator[tuple[list[bytes], int]]:
    """The beginnings of traces of which the last line was spoiled, and its number."""
    moment = random.Random(seed)
    traces = some_traces(folder)
    for _ in range(count):
        lines = moment.choice(traces)
        index = moment.randrange(min(len(lines), 10))
        line = mutated(lines[index].removesuffix(b"\n"), moment)
        yield [*lines[:index], line + b"\n"], index + 1


def refusal(path: Path, *, check: bool) -> TraceError | None:
    """What is wrong with a file; what else is raised fails the test."""
    try:
        read_trace(path, check=check)
    except TraceError as error:
        return error
    return None


def fuzz(folder: Path, count: int, seed: int) -> int:
    """Read spoiled lines; gives how many were refused."""
    path, refused = folder / "spoiled", 0
    for number, (lines, of) in enumerate(spoiled(folder, count, seed)):
        path.write_bytes(b"".join(lines))
        if (error := refusal(path, check=number % 50 == 0)) is not None:
            said, refused = (error.line, f"line {of}: " in str(error)), refused + 1
            assert said == (of, True), (error, lines[-1])
    return refused


def test_a_spoiled_line_is_refused_by_its_number(tmp_path: Path) -> None:
    assert 650 < fuzz(tmp_path, 1_000, 1) < 1_000


@pytest.mark.load
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 22))  # of 5,000 lines each: 100,000
def test_many_spoiled_lines_are(tmp_path: Path, seed: int) -> None:
    assert 3_400 < fuzz(tmp_path, 5_000, seed) < 5_000
