"""Do the files of a trace part, compress, go on and read as one, and is nobody else let in?"""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import threading
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.unit.trace.files import PACKED, PARTED, go_on, header, line, names, read, record
from tests.unit.trace.memory import peak_of
from toolrun import Recording
from toolrun.errors import ConfigError, TraceError
from toolrun.trace import layout
from toolrun.trace.file import TraceFile
from toolrun.trace.lines import Lines
from toolrun.trace.packing import AT_ONCE
from toolrun.trace.recording import SMALLEST


def test_a_trace_parts_where_a_file_is_full_and_reads_as_one(tmp_path: Path) -> None:
    lines = record(tmp_path / "x.jsonl")
    assert names(tmp_path) == ["x.2.jsonl", "x.3.jsonl", "x.jsonl"]
    assert all(each.stat().st_size <= SMALLEST for each in tmp_path.iterdir())
    assert read(tmp_path / "x.jsonl") == lines
    heads = [layout.head_at(layout.part_of(tmp_path / "x.jsonl", part)) for part in (1, 2, 3)]
    assert [head and head.part for head in heads] == [1, 2, 3]


def test_a_file_parts_only_behind_a_durable_event(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "x.jsonl", header(), PARTED)
    for number in range(20):
        file.write(line(number), ends=number == 10)
    file.close()
    first = (tmp_path / "x.jsonl").read_bytes().splitlines(keepends=True)
    assert first[-1] == line(10)
    assert names(tmp_path) == ["x.2.jsonl", "x.jsonl"]


def test_a_line_longer_than_a_file_may_be_makes_no_empty_part(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "x.jsonl", header(), PARTED)
    for number in range(3):
        file.write(line(number, 2 * SMALLEST))
    file.close()
    assert names(tmp_path) == ["x.2.jsonl", "x.3.jsonl", "x.jsonl"]
    assert len(read(tmp_path / "x.jsonl")) == 3


@pytest.mark.parametrize("opened", ["x.jsonl", "x.jsonl.gz"])
def test_finished_files_are_compressed_on_request(tmp_path: Path, opened: str) -> None:
    lines = record(tmp_path / "x.jsonl", PACKED)
    assert names(tmp_path) == ["x.2.jsonl.gz", "x.3.jsonl.gz", "x.jsonl.gz"]
    assert read(tmp_path / opened) == lines
    again = tmp_path / "again"
    record(again / "x.jsonl", PACKED)
    for name in names(tmp_path):
        if name != "again":
            assert (tmp_path / name).read_bytes() == (again / name).read_bytes()
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_large_file_is_compressed_beside_and_waited_for(tmp_path: Path) -> None:
    file = TraceFile(
        tmp_path / "x.jsonl",
        header(),
        Recording(max_bytes=SMALLEST, compress=True, blob_bytes=None),
    )
    file.write(line(1, 64 * AT_ONCE))
    file.write(line(2))
    packing = [each.name for each in threading.enumerate() if "toolrun-trace" in each.name]
    assert packing
    file.close()
    waits = file.packs
    file.wait()
    assert waits
    assert [each for each in threading.enumerate() if "toolrun-trace" in each.name] == []
    assert names(tmp_path) == ["x.2.jsonl.gz", "x.jsonl.gz"]
    assert read(tmp_path / "x.jsonl") == [line(1, 64 * AT_ONCE), line(2)]


def test_what_cannot_be_compressed_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    lines = record(tmp_path / "x.jsonl", PACKED)
    assert names(tmp_path) == ["x.2.jsonl", "x.3.jsonl", "x.jsonl"]
    assert read(tmp_path / "x.jsonl") == lines


def test_a_compressed_file_beside_its_plain_one_is_left_of_a_crash(tmp_path: Path) -> None:
    lines = record(tmp_path / "x.jsonl")
    (tmp_path / "x.2.jsonl.gz").write_bytes(b"half")
    (tmp_path / "x.3.jsonl.gz.tmp").write_bytes(b"half")
    assert read(tmp_path / "x.jsonl") == lines
    go_on(tmp_path / "x.jsonl", 12, PACKED)
    assert names(tmp_path) == ["x.2.jsonl.gz", "x.3.jsonl.gz", "x.jsonl.gz"]
    assert read(tmp_path / "x.jsonl") == [*lines, line(12)]


def test_a_new_trace_takes_the_place_of_all_that_was_of_the_old(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl", Recording(max_bytes=SMALLEST, blob_bytes=None))
    (tmp_path / "x.7.jsonl").write_text("not of a trace\n")
    other = header("other")(1, False)  # noqa: FBT003
    (tmp_path / "x.8.jsonl").write_bytes(other)
    record(tmp_path / "x.jsonl", Recording(), range(2))
    assert names(tmp_path) == ["x.7.jsonl", "x.8.jsonl", "x.jsonl"]
    assert read(tmp_path / "x.jsonl") == [line(0), line(1)]


def test_a_file_of_a_part_that_is_none_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.2.jsonl").write_text("mine\n")
    with pytest.raises(FileExistsError):
        record(tmp_path / "x.jsonl")
    assert (tmp_path / "x.2.jsonl").read_text() == "mine\n"
    assert len(read(tmp_path / "x.jsonl")) == 4


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl")
    (tmp_path / "x.2.jsonl").unlink()
    with pytest.raises(TraceError, match=r"x\.2\.jsonl is missing, though x\.3\.jsonl is there"):
        read(tmp_path / "x.jsonl")


def test_a_part_of_another_session_is_named(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl")
    path = tmp_path / "x.2.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"session":"s"', b'"session":"t"'))
    with pytest.raises(TraceError, match=r"x\.2\.jsonl, line 1: part 2 .* session 't'") as caught:
        read(tmp_path / "x.jsonl")
    assert caught.value.line == 1


@pytest.mark.parametrize("recording", [PARTED, PACKED])
def test_a_part_opened_on_its_own_says_which_to_open(tmp_path: Path, recording: Recording) -> None:
    record(tmp_path / "x.jsonl", recording)
    with pytest.raises(TraceError, match=r"part 2 of a trace; open its first, x\.jsonl$"):
        read(next(tmp_path.glob("x.2.jsonl*")))


def test_half_a_line_before_another_part_is_an_error(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl")
    path = tmp_path / "x.2.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TraceError, match=r"x\.2\.jsonl, line 4: half a line follows, though x\.3"):
        read(tmp_path / "x.jsonl")


def test_a_trace_that_is_named_like_a_part_is_none(tmp_path: Path) -> None:
    lines = record(tmp_path / "x.jsonl", Recording(), range(3))
    other = record(tmp_path / "x.2.jsonl", Recording(), range(3, 5))
    assert read(tmp_path / "x.jsonl") == lines
    assert read(tmp_path / "x.2.jsonl") == other


def test_a_header_in_the_middle_is_an_error_unless_the_recording_went_on(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl", Recording(), range(2))
    with (tmp_path / "x.jsonl").open("ab") as file:
        file.write(header()(1, False))  # noqa: FBT003
    with pytest.raises(TraceError, match="line 4: a second header"):
        read(tmp_path / "x.jsonl")


def test_half_a_line_of_megabytes_is_cut_off_where_a_trace_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = record(path, Recording(blob_bytes=None), range(3))
    with path.open("ab") as file:
        file.write(line(3, 3_000_000)[:-1])
    go_on(path, 7)
    assert read(path) == [*lines, line(7)]


@pytest.mark.parametrize("cut", [0, 1, 500])
def test_a_trace_goes_on_behind_its_last_whole_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.jsonl"
    lines = record(path, Recording(), range(3))
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
        lines.pop()
    go_on(path, 7)
    assert read(path) == [*lines, line(7)]
    said = path.read_bytes().splitlines(keepends=True)
    assert said[-2] == header()(1, True)  # noqa: FBT003
    with contextlib.closing(Lines(path)) as tail:
        assert len(list(iter(tail.next, None))) == len(lines) + 2
        assert tail.resumed == 1
        assert not tail.truncated


def test_a_trace_goes_on_in_its_last_part(tmp_path: Path) -> None:
    lines = record(tmp_path / "x.jsonl")
    go_on(tmp_path / "x.jsonl", 12)
    go_on(tmp_path / "x.jsonl", 13)
    assert read(tmp_path / "x.jsonl") == [*lines, line(12), line(13)]


def test_a_compressed_part_is_left_and_another_begun(tmp_path: Path) -> None:
    lines = record(tmp_path / "x.jsonl", PACKED, range(2))
    before = (tmp_path / "x.jsonl.gz").read_bytes()
    go_on(tmp_path / "x.jsonl", 2, PACKED)
    go_on(tmp_path / "x.jsonl", 3)
    assert names(tmp_path) == ["x.2.jsonl.gz", "x.3.jsonl", "x.jsonl.gz"]
    assert (tmp_path / "x.jsonl.gz").read_bytes() == before
    assert read(tmp_path / "x.jsonl") == [*lines, line(2), line(3)]


def test_a_file_of_another_session_that_is_named_like_a_part_is_not_gone_on_in(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.jsonl"
    lines = record(path, Recording(), range(2))
    other = record(tmp_path / "x.2.jsonl", Recording(), range(3, 5))
    go_on(path, 2)
    assert read(path) == [*lines, line(2)]
    assert read(tmp_path / "x.2.jsonl") == other


def test_a_file_that_is_named_like_the_first_part_is_none_of_the_trace(tmp_path: Path) -> None:
    (tmp_path / "x.1.jsonl").write_text("mine\n")
    (tmp_path / "x.2.jsonl").write_text("mine, too\n")
    assert [part for part, _ in layout.others(tmp_path / "x.jsonl")] == [2]
    record(tmp_path / "x.jsonl", Recording(), range(2))
    record(tmp_path / "x.jsonl", Recording(), range(1))
    assert read(tmp_path / "x.jsonl") == [line(0)]
    assert (tmp_path / "x.1.jsonl").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"{}\n", "line 4: this header does not fit"),
        (b'{"type":"TraceHeader"}\n', "line 4: this header does not fit"),
        (header("t")(1, True), r"line 4: a header of session 't', part 1, format 2, in part 1"),  # noqa: FBT003
    ],
)
def test_a_header_in_the_middle_that_is_not_the_traces_is_an_error(
    tmp_path: Path, head: bytes, said: str
) -> None:
    record(tmp_path / "x.jsonl", Recording(), range(2))
    with (tmp_path / "x.jsonl").open("ab") as file:
        file.write(head.replace(b"{}", b'{"type":"TraceHeader","part":[]}'))
    with pytest.raises(TraceError, match=said):
        read(tmp_path / "x.jsonl")


def test_a_line_of_more_than_a_reader_takes_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolrun.trace.lines.MOST", 1000)
    path = tmp_path / "x.jsonl"
    record(path, Recording(), range(2))
    with path.open("ab") as file:
        file.write(line(3, 2000))
    with pytest.raises(TraceError, match="line 3: the line after this one has more than 1000 byt"):
        read(path)


@pytest.mark.parametrize("left", [b"", b'{"type":"TraceHea', b"\0" * 100])
def test_where_no_header_is_whole_the_trace_begins_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(left)
    go_on(tmp_path / "x.jsonl", 1)
    assert (tmp_path / "x.jsonl").read_bytes() == header()(1, False) + line(1)  # noqa: FBT003


def test_where_the_header_alone_is_there_without_its_end_it_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(header()(1, False)[:-1])  # noqa: FBT003
    go_on(tmp_path / "x.jsonl", 1)
    assert read(tmp_path / "x.jsonl") == [line(1)]


def test_nothing_is_added_to_a_trace_of_another_session(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl", Recording(), range(2))
    before = (tmp_path / "x.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match="holds a trace of session 's'"):
        go_on(tmp_path / "x.jsonl", 2, session="other")
    assert (tmp_path / "x.jsonl").read_bytes() == before


@pytest.mark.parametrize("parts", [1, 3])
def test_a_trace_cut_at_every_byte_of_its_end_loads_to_its_last_whole_line(
    tmp_path: Path, parts: int
) -> None:
    recording = PARTED if parts > 1 else Recording()
    path = tmp_path / "x.jsonl"
    lines = [line(number, 400) for number in range(16)]
    file = TraceFile(path, header(), recording)
    for each in lines:
        file.write(each)
    file.close()
    last = layout.part_of(path, len(names(tmp_path)))
    data = last.read_bytes()
    before = len(lines) + 1 - data.count(b"\n")
    begin = max(len(data) - 2048, len(data[: data.index(b"\n") + 1]))
    for end in range(len(data), begin - 1, -1):
        os.truncate(last, end)
        with contextlib.closing(Lines(path)) as whole:
            count = len(list(iter(whole.next, None)))
            assert count == before + data.count(b"\n", 0, end)
            assert whole.truncated == (data[end - 1 : end] != b"\n")


def test_a_compressed_file_cut_at_every_byte_gives_the_lines_that_are_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.jsonl.gz"
    lines = [
        msgspec.json.encode({"type": "A", "of": os.urandom(60).hex()}) + b"\n" for _ in range(30)
    ]
    data = gzip.compress(header()(1, False) + b"".join(lines))  # noqa: FBT003
    counts = []
    path.write_bytes(data)
    for end in range(len(data), len(data) - 2049, -1):
        os.truncate(path, end)
        with contextlib.closing(Lines(path)) as whole:
            found = list(iter(whole.next, None))
            assert found[1:] == lines[: max(len(found) - 1, 0)]
            assert whole.truncated == (end < len(data))
        counts.append(len(found))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 31
    assert counts[300] > 20


def test_a_damaged_compressed_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    record(tmp_path / "x.jsonl", Recording(compress=True))
    path = tmp_path / "x.jsonl.gz"
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(TraceError, match=r"x\.jsonl\.gz, line \d+: the compressed file is damaged"):
        read(path)


def test_a_compressed_file_with_a_long_name_in_its_head_is_read(tmp_path: Path) -> None:
    """A whole block of it gives no line yet."""
    [packed] = [gzip.compress(header()(1, False) + line(1))]  # noqa: FBT003
    name = b"n" * 200_000 + b"\0"
    (tmp_path / "x.jsonl.gz").write_bytes(packed[:3] + b"\x08" + packed[4:10] + name + packed[10:])
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()).endswith(line(1))
    assert read(tmp_path / "x.jsonl.gz") == [line(1)]


def test_what_other_programs_compress_is_read_too(tmp_path: Path) -> None:
    lines = record(tmp_path / "x.jsonl", Recording())
    data = (tmp_path / "x.jsonl").read_bytes()
    (tmp_path / "x.jsonl").unlink()
    halves = gzip.compress(data[:3000]) + gzip.compress(data[3000:]) + b"\0" * 512
    (tmp_path / "x.jsonl.gz").write_bytes(halves)
    assert read(tmp_path / "x.jsonl") == lines


@pytest.mark.parametrize("recording", [PARTED, PACKED, Recording()])
def test_reading_takes_the_same_memory_for_any_length(tmp_path: Path, recording: Recording) -> None:
    def peak(count: int) -> int:
        path = tmp_path / str(count) / "x.jsonl"
        record(path, recording, range(count))
        return peak_of(partial(_passed, path))

    assert peak(500) < 2 * peak(50) + 200_000


def _passed(path: Path) -> None:
    lines = Lines(path)
    while lines.next() is not None:
        pass
    lines.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_or_a_link_of_another_user_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text("theirs\n")
    os.chown(theirs, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        record(theirs)
    mine = tmp_path / "mine"
    mine.write_text("precious\n")
    link = tmp_path / "link.jsonl"
    link.symlink_to(mine)
    os.chown(link, 12345, 12345, follow_symlinks=False)
    with pytest.raises(PermissionError, match="is a link that belongs to another user"):
        record(link)
    assert theirs.read_text() == "theirs\n"
    assert mine.read_text() == "precious\n"


def test_what_is_not_mine_is_refused_before_it_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("theirs\n")
    path.chmod(0o644)
    other = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: other)
    with pytest.raises(PermissionError, match="is there already and belongs to another user"):
        record(path)
    assert path.read_text() == "theirs\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_link_of_mine_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    (tmp_path / "real.jsonl").write_text("old\n")
    lines = record(tmp_path / "link.jsonl", Recording(), range(2))
    assert read(tmp_path / "real.jsonl") == lines


def test_a_pipe_has_one_part_and_nothing_beside_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jsonl")
    end = os.open(tmp_path / "x.jsonl", os.O_RDWR)
    try:
        lines = record(tmp_path / "x.jsonl", Recording(max_bytes=SMALLEST, compress=True))
        assert os.read(end, 1 << 20).endswith(b"".join(lines))
    finally:
        os.close(end)
    assert names(tmp_path) == ["x.jsonl"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": 3}, "trace must be a path"),
        ({"path": ""}, "trace must be a path"),
        ({"path": False}, "trace must be a path"),
        ({"path": "a\0b"}, "no path that a file can have"),
        ({"path": "x.jsonl.gz"}, r"Recording\(path='x.jsonl', compress=True\)"),
        ({"max_bytes": 10}, "max_bytes is a number of bytes from 4096, not 10"),
        ({"max_bytes": True}, "max_bytes is a number of bytes"),
        ({"blob_bytes": "1"}, "blob_bytes is a number of bytes"),
        ({"compress": "yes"}, "compress is True or False"),
        ({"patterns": "a+"}, "patterns is a list"),
        ({"patterns": 3}, "patterns is a list"),
        ({"patterns": [b"a"]}, "a pattern is a text"),
        ({"patterns": ["("]}, r"the pattern '\(' does not compile"),
        ({"patterns": ["a*"]}, "matches nothing at all, too"),
        ({"find": "x"}, "find must be a function"),
    ],
)
def test_a_recording_that_cannot_be_says_what_would_fit(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Recording(**options)  # type: ignore[arg-type]


def test_a_recording_is_what_any_option_means() -> None:
    assert Recording.of(None) is Recording.of(False) is None  # noqa: FBT003
    assert Recording.of(True) == Recording()  # noqa: FBT003
    assert Recording.of("x.jsonl") == Recording(path="x.jsonl")
    mine = Recording(path=Path("y"), patterns=("a+",))
    assert Recording.of(mine) is mine
    assert Recording(patterns=["a+"]).patterns == ("a+",)  # type: ignore[arg-type]
