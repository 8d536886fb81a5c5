"""Is every sequence of bytes a result or an error, never a hang, never another exception?"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun.sandbox.protocol import (
    END,
    ERROR,
    HEADER,
    JSON,
    PROGRESS,
    STARTED,
    TEXT,
    TRACEBACK,
    Malformed,
    Reply,
    TooLarge,
)

LIMIT = 1000


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


kinds = st.sampled_from([b"S", b"T", b"J", b"E", b"L", b"P", b".", b"?"])
frames = st.lists(st.builds(frame, kinds, st.binary(max_size=40)), max_size=8).map(b"".join)


@settings(max_examples=examples(200), deadline=None)
@given(st.one_of(frames, st.binary(max_size=200)), st.integers(1, 50))
def test_anything_may_come(data: bytes, size: int) -> None:
    reply = Reply(LIMIT)
    try:
        for start in range(0, len(data), size):
            reply.feed(data[start : start + size])
        value = reply.value()
    except (Malformed, TooLarge):
        return
    msgspec.json.decode(value)


@given(st.text(max_size=200), st.integers(1, 20))
def test_text_comes_back_however_it_is_cut(text: str, size: int) -> None:
    data = frame(STARTED) + frame(TEXT, text.encode(errors="replace")) + frame(END)
    reply = Reply(LIMIT)
    for start in range(0, len(data), size):
        assert not reply.complete
        reply.feed(data[start : start + size])

    assert reply.complete
    assert msgspec.json.decode(reply.value()) == text.encode(errors="replace").decode()


def test_what_follows_the_end_is_dropped() -> None:
    reply = Reply(LIMIT)
    reply.feed(frame(JSON, b"1") + frame(END) + b"anything")
    reply.feed(b"more")

    assert bytes(reply.value()) == b"1"


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(1, 50))
def test_progress_is_told_in_order_however_it_is_cut(texts: list[str], size: int) -> None:
    told: list[str] = []
    sent = [text.encode(errors="replace") for text in texts]
    data = frame(STARTED) + b"".join(frame(PROGRESS, each) for each in sent)
    data += frame(JSON, b"1") + frame(END) + frame(PROGRESS, b"after the end")
    reply = Reply(LIMIT, told.append)
    for start in range(0, len(data), size):
        reply.feed(data[start : start + size])

    assert told == [each.decode() for each in sent]
    assert bytes(reply.value()) == b"1"


@given(st.binary(max_size=50))
def test_progress_may_be_any_bytes(payload: bytes) -> None:
    told: list[str] = []
    Reply(LIMIT, told.append).feed(frame(PROGRESS, payload))

    assert told == [payload.decode(errors="replace")]


@pytest.mark.parametrize("size", [0, 1, 50, 400])
def test_all_progress_together_is_bounded(size: int) -> None:
    told: list[str] = []
    reply = Reply(LIMIT, told.append)
    with pytest.raises(TooLarge):
        reply.feed(frame(PROGRESS, b"x" * size) * LIMIT)

    assert len(told) == LIMIT // (HEADER + size)


def test_a_large_announcement_is_refused_before_it_is_buffered() -> None:
    with pytest.raises(TooLarge):
        Reply(LIMIT).feed(JSON + (LIMIT + 1).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("kind", "most"),
    [(TEXT, LIMIT), (JSON, LIMIT), (ERROR, 65_536), (TRACEBACK, 65_536), (STARTED, 65_536)],
)
def test_a_frame_has_so_many_bytes_at_most(kind: bytes, most: int) -> None:
    reply = Reply(LIMIT)
    reply.feed(frame(kind, b" " * most))
    with pytest.raises(TooLarge, match=f"^{most + 1} bytes$"):
        Reply(LIMIT).feed(kind + (most + 1).to_bytes(4, "big"))


def test_progress_may_use_up_its_bytes() -> None:
    told: list[str] = []
    reply = Reply(LIMIT, told.append)
    reply.feed(frame(PROGRESS, b"x" * 400) + frame(PROGRESS, b"y" * (LIMIT - 400 - 2 * HEADER)))
    with pytest.raises(TooLarge):
        reply.feed(frame(PROGRESS))

    assert [len(each) for each in told] == [400, 590]


def test_progress_that_nobody_hears_is_counted_too() -> None:
    reply = Reply(LIMIT)
    reply.feed(frame(PROGRESS, b"x" * 900))
    with pytest.raises(TooLarge, match=r"^100 bytes$"):
        reply.feed(frame(PROGRESS, b"x" * 100))


@pytest.mark.parametrize("kind", [b"?", b"\0", STARTED, ERROR])
def test_a_kind_that_is_unknown_or_came_already_is_refused(kind: bytes) -> None:
    reply = Reply(LIMIT)
    reply.feed(frame(STARTED) + frame(ERROR, b"E"))
    with pytest.raises(Malformed) as refused:
        reply.feed(frame(kind))

    assert str(refused.value) == f"unexpected frame {kind!r}"


def test_what_came_so_far_is_known_before_the_end() -> None:
    reply = Reply(LIMIT)
    assert not reply.started
    assert not reply.complete
    assert (reply.error, reply.traceback) == (None, None)
    reply.feed(frame(STARTED) + frame(ERROR, b"E \xff") + frame(TRACEBACK, b"L \xff")[:-1])
    assert (reply.started, reply.error, reply.traceback) == (True, "E \ufffd", None)
    reply.feed(b"\xff" + frame(END)[:-1])
    assert (reply.traceback, reply.complete) == ("L \ufffd", False)
    reply.feed(frame(END)[-1:])
    assert reply.complete


@pytest.mark.parametrize("frames", [b"", frame(TEXT, b"1") + frame(JSON, b"1")])
def test_a_result_is_one_value(frames: bytes) -> None:
    reply = Reply(LIMIT)
    reply.feed(frames + frame(END))
    with pytest.raises(Malformed, match=r"^not one value$"):
        reply.value()


@pytest.mark.parametrize("encoded", [b"", b"{", b"1 2", b"NaN", b'"\xff"', b"[" * 999])
def test_a_result_is_json(encoded: bytes) -> None:
    reply = Reply(LIMIT)
    reply.feed(frame(JSON, encoded) + frame(END))
    with pytest.raises(Malformed) as refused:
        reply.value()

    assert str(refused.value) == str(refused.value.__cause__)
