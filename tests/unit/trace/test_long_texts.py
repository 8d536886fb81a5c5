"""Do long texts lie beside a trace, come back whole, and let nobody read what is elsewhere?"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import jsonschema
import msgspec
import pytest

from tests.unit.trace.files import header, line, names, read
from tests.unit.trace.journals import OPENED, write
from toolrun import Recording
from toolrun.errors import TraceError
from toolrun.events import UserMessage
from toolrun.resources import schema
from toolrun.trace.blobs import BlobWriter
from toolrun.trace.file import TraceFile
from toolrun.trace.reader import read_trace
from toolrun.trace.recording import SMALLEST

if TYPE_CHECKING:
    from pathlib import Path


def test_long_texts_lie_beside_the_trace_and_are_read_back(tmp_path: Path) -> None:
    recording = Recording(blob_bytes=SMALLEST)
    file = TraceFile(tmp_path / "x.jsonl", header(), recording)
    long = "é" * SMALLEST
    rows = [
        {"type": "A", "content": long, "short": "x" * SMALLEST},
        {"type": "B", "deep/er": {"~list": [1, {"a": long}]}, "number": 1e22, "big": 2**70},
        {"type": "D", "arguments": {"blobs": {"/a": "b"}}},
    ]
    lines = [msgspec.json.encode(row) + b"\n" for row in rows]
    for each in lines:
        file.write(each)
    file.close()
    assert read(tmp_path / "x.jsonl") == lines
    folder = tmp_path / "x.blobs"
    assert len(names(folder)) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    blob = next(folder.iterdir())
    assert stat.S_IMODE(blob.stat().st_mode) == 0o600
    assert blob.read_text() == long
    assert long.encode() not in (tmp_path / "x.jsonl").read_bytes()


def blobbed(tmp_path: Path) -> Path:
    file = TraceFile(tmp_path / "x.jsonl", header(), Recording(blob_bytes=SMALLEST))
    file.write(line(1))
    file.write(line(2, 2 * SMALLEST))
    file.close()
    return next((tmp_path / "x.blobs").iterdir())


def test_a_missing_text_is_an_error_with_line_and_path(tmp_path: Path) -> None:
    blob = blobbed(tmp_path)
    blob.unlink()
    with pytest.raises(TraceError, match=rf"line 3: .*{blob.name} cannot be read .*copy the fol"):
        read(tmp_path / "x.jsonl")


def test_a_changed_text_is_an_error_with_line_and_path(tmp_path: Path) -> None:
    blob = blobbed(tmp_path)
    blob.write_text(blob.read_text()[:-1] + "y")
    with pytest.raises(TraceError, match=rf"line 3: .*{blob.name} was changed") as caught:
        read(tmp_path / "x.jsonl")
    assert caught.value.line == 3


def test_a_text_that_is_a_link_or_a_pipe_is_not_opened(tmp_path: Path) -> None:
    blob = blobbed(tmp_path)
    text = blob.read_text()
    blob.unlink()
    (tmp_path / "elsewhere").write_text(text)
    blob.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TraceError, match="cannot be read"):
        read(tmp_path / "x.jsonl")
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(TraceError, match="was changed"):
        read(tmp_path / "x.jsonl")


@pytest.mark.parametrize("name", ["../../etc/passwd", "x", "", 1, None])
def test_no_line_names_a_file_elsewhere(tmp_path: Path, name: object) -> None:
    blobbed(tmp_path)
    bad = msgspec.json.encode({"type": "A", "content": "", "blobs": {"/content": name, "/a": "b"}})
    path = tmp_path / "x.jsonl"
    path.write_bytes(path.read_bytes() + bad + b"\n")
    with pytest.raises(TraceError, match=r"line 4: blobs: .* is no sha256"):
        read(path)


def test_a_line_that_names_a_text_again_and_again_is_no_gigabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = blobbed(tmp_path)
    monkeypatch.setattr("toolrun.trace.blobs.MOST", 2 * blob.stat().st_size)
    path = tmp_path / "x.jsonl"
    before = path.read_bytes()

    def add(times: int) -> None:
        places = {f"/list/{number}": blob.name for number in range(times)}
        row = {"type": "A", "list": [""] * times, "blobs": places}
        path.write_bytes(before + msgspec.json.encode(row) + b"\n")

    add(2)
    assert len(read(path)[-1]) > 2 * blob.stat().st_size
    add(3)
    with pytest.raises(TraceError, match="line 4: blobs: the texts of this line have more than"):
        read(path)


@pytest.mark.parametrize("pointer", ["/nothing", "/type/x", "/list/9", "/list", "/"])
def test_no_line_names_a_place_that_is_none(tmp_path: Path, pointer: str) -> None:
    blob = blobbed(tmp_path)
    row = {"type": "A", "list": [1], "blobs": {pointer: blob.name}}
    path = tmp_path / "x.jsonl"
    path.write_bytes(path.read_bytes() + msgspec.json.encode(row) + b"\n")
    with pytest.raises(TraceError, match=r"line 4: blobs: .* is no place of a text"):
        read(path)


async def test_a_line_without_its_long_texts_fits_the_schema_as_it_stands(tmp_path: Path) -> None:
    await write(tmp_path / "t.jsonl", [OPENED, UserMessage("x" * 100_000)])
    written = (tmp_path / "t.jsonl").read_bytes().splitlines()
    assert len(written[2]) < 400
    validator = jsonschema.Draft202012Validator(schema("trace"))
    for each in written:
        assert not list(validator.iter_errors(msgspec.json.decode(each)))
    event = read_trace(tmp_path / "t.jsonl", check=True).events[1]
    assert isinstance(event, UserMessage)
    assert event.content == "x" * 100_000


def test_a_trace_that_is_replaced_loses_its_long_texts_and_nothing_else(tmp_path: Path) -> None:
    path, folder = tmp_path / "x.jsonl", tmp_path / "x.blobs"
    old = blobbed(tmp_path)
    half = folder / f"{old.name}.123.tmp"  # what a crash left
    half.write_text("x")
    (folder / "notes.txt").write_text("mine")
    file = TraceFile(path, header(), Recording(blob_bytes=SMALLEST))
    file.write(line(1, 3 * SMALLEST))
    file.close()

    [new] = set(names(folder)) - {"notes.txt"}
    assert new != old.name
    assert read(path) == [line(1, 3 * SMALLEST)]
    (folder / "notes.txt").unlink()
    file = TraceFile(path, header(), Recording(blob_bytes=None))
    file.write(line(1))
    file.close()
    assert names(tmp_path) == ["x.jsonl"]


def test_only_texts_that_are_too_long_lie_beside_the_trace(tmp_path: Path) -> None:
    folder = tmp_path / "x.blobs"
    writer = BlobWriter(folder, SMALLEST)
    many = msgspec.json.encode({"type": "A", "list": ["x" * 100] * SMALLEST}) + b"\n"
    taken = msgspec.json.encode({"type": "A", "blobs": {}, "text": "x" * 2 * SMALLEST}) + b"\n"
    lines = line(1) + many + taken
    assert writer.taken_out(lines) == lines
    assert not folder.exists()

    [first, short] = writer.taken_out(line(2, 2 * SMALLEST) + line(3)).splitlines(keepends=True)
    assert len(first) < 300
    assert short == line(3)
    assert len(names(folder)) == 1
