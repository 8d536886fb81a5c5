"""Are the payloads the same, wherever the network cuts the stream?"""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolrun import MalformedOutput
from toolrun.models import sse
from toolrun.models.sse import EventSplitter


def split(*reads: bytes) -> list[bytes]:
    splitter = EventSplitter()
    payloads = [payload for read in reads for payload in splitter.feed(read)]
    return payloads + splitter.end()


@pytest.mark.parametrize(
    ("stream", "payloads"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),  # one space belongs to the field, the next to the data
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: x\nid: 7\ndata: a\n\n", [b"a"]),
        (b": ping\n\ndata: a\n\n", [b"a"]),
        (b": ping\ndata: a\n\n", [b"a"]),
        (b"event: x\n\n", []),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\ndata: b\r\rdata: c\n\n", [b"a\nb", b"c"]),
        (b"data: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a", [b"a"]),  # no empty line closed the last
        (b"data: a\n", [b"a"]),
        (b"", []),
    ],
)
def test_what_a_stream_holds(stream: bytes, payloads: list[bytes]) -> None:
    assert split(stream) == payloads
    assert split(*(stream[at : at + 1] for at in range(len(stream)))) == payloads


LINE = st.sampled_from(
    [b"data: a", b'data: {"x":"\xc3\xbc"}', b"data:b", b": c", b"event: e", b"data: [DONE]", b""]
)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
STREAM = st.lists(st.tuples(LINE, END), max_size=12).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(STREAM, st.lists(st.integers(0, 120), max_size=8))
@example(b"data: a\rdata: b\n\n\r", [19])  # held for its line feed, a CR must not hide another
def test_any_cut_gives_the_same_payloads(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(stream)]
    reads = [stream[begin:end] for begin, end in pairwise(edges)]

    assert split(*reads) == split(stream)


@given(STREAM)
def test_the_ends_of_lines_make_no_difference(stream: bytes) -> None:
    assert split(stream) == split(stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


def test_a_large_event_comes_whole() -> None:
    large = b"x" * 2_000_000
    stream = b"data: " + large + b"\n\n"

    assert split(*(stream[at : at + 65536] for at in range(0, len(stream), 65536))) == [large]


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    splitter = EventSplitter()
    splitter.feed(b"data: " + b"x" * 900)

    with pytest.raises(MalformedOutput, match="more than 1000 bytes"):
        splitter.feed(b"x" * 200)


@pytest.mark.parametrize("line", [b"x" * 64, b"data: x\n" * 8])
def test_a_large_event_in_small_reads_takes_no_time(line: bytes) -> None:
    splitter = EventSplitter()
    began = time.process_time()
    for _ in range(50_000):  # 3.2 MB without an empty line
        assert splitter.feed(line) == []

    assert time.process_time() - began < 5  # a buffer that is copied for each read takes minutes
