"""Is the worst that a hostile stream can do a wrong result? A hundred thousand streams.

The seed is printed: `TOOLRUN_FUZZ_SEED=N` runs the same streams again.
"""

from __future__ import annotations

import os
import random
import secrets
import time
import tracemalloc
from collections import Counter

import msgspec
import pytest

from tests.security.frames import frame, mutated, split, valid
from toolrun.sandbox.protocol import HEADER, Malformed, Reply, TooLarge

LIMIT = 2_000
ERRORS = 65_536
FEW, MANY = 2_000, 100_000


def seeded() -> random.Random:
    seed = int(os.environ.get("TOOLRUN_FUZZ_SEED") or secrets.randbits(32))
    print(f"TOOLRUN_FUZZ_SEED={seed}")
    return random.Random(seed)


def read(rng: random.Random, data: bytes) -> str:
    """How a stream ends, after all that must hold of any has been seen to hold."""
    told: list[str] = []
    reply = Reply(LIMIT, told.append)
    try:
        for chunk in split(rng, data):
            was = reply.complete
            reply.feed(chunk)
            assert reply.complete or not was
            assert len(reply._buffer) <= max(LIMIT, ERRORS) + HEADER + len(chunk)
    except Malformed:
        return "malformed"
    except TooLarge:
        return "too large"
    finally:
        assert sum(HEADER + len(text.encode()) // 3 for text in told) <= LIMIT
        assert sum(map(len, reply._frames.values())) <= 2 * LIMIT + 2 * ERRORS
    if not reply.complete:
        return "incomplete"
    return "error" if reply.error is not None else worth(reply)


def worth(reply: Reply) -> str:
    """Complete, and without an error: one value, or none that counts."""
    try:
        value = reply.value()
    except Malformed:
        return "no value"
    msgspec.json.decode(value)
    assert len({b"T", b"J"} & set(reply._frames)) == 1
    return "value"


@pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.load, pytest.mark.timeout(900)])]
)
def test_any_stream_is_a_wrong_result_at_worst(count: int) -> None:
    rng = seeded()
    ends: Counter[str] = Counter()
    slowest = 0.0
    for _ in range(count):
        data = mutated(rng)
        began = time.perf_counter()
        ends[read(rng, data)] += 1
        slowest = max(slowest, time.perf_counter() - began)

    print(dict(ends), f"slowest {slowest * 1000:.0f} ms")
    # All ways to end were met: else the streams are not what they are meant to be.
    wanted = {"malformed", "too large", "incomplete", "error", "value", "no value"}
    assert set(ends) == wanted
    assert slowest < 5


def test_a_valid_stream_is_read_however_it_is_cut() -> None:
    rng = seeded()
    for _ in range(300):
        frames = valid(rng)
        ends = {
            read(random.Random(each), b"".join(frame(*one) for one in frames)) for each in range(4)
        }
        assert len(ends) == 1


def feed_for_ever(reply: Reply, data: bytes) -> None:
    for _ in range(10_000):
        reply.feed(data)


def test_streams_that_never_end_take_no_memory() -> None:
    endless = {
        "progress": frame(b"P", b"") * 1_000,
        "a long frame": frame(b"J", b"1" * (LIMIT - 1))[:-1],
        "nothing but zeros": bytes(10_000),
    }
    tracemalloc.start()
    try:
        for data in endless.values():
            with pytest.raises((Malformed, TooLarge)):
                feed_for_ever(Reply(LIMIT), data)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_what_follows_the_end_changes_nothing() -> None:
    rng = seeded()
    for _ in range(300):
        reply = Reply(LIMIT)
        reply.feed(frame(b"S") + frame(b"T", b"mine") + frame(b"."))
        before = bytes(reply.value())
        for chunk in split(rng, mutated(rng)):
            reply.feed(chunk)
        assert bytes(reply.value()) == before
        assert reply.error is None
