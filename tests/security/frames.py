"""What comes through a result's pipe when somebody hostile writes to it? Streams with a twist."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

KINDS: Final = b"STJELP."
Frame = tuple[bytes, bytes]


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as the shim sends it."""
    return kind + len(payload).to_bytes(4, "big") + payload


def valid(rng: random.Random) -> list[Frame]:
    """The frames of a call that ended well, or in an exception."""
    frames: list[Frame] = [(b"S", b"")]
    frames += [(b"P", _text(rng)) for _ in range(rng.randrange(4))]
    ending = rng.randrange(3)
    if ending == 0:
        frames.append((b"T", _text(rng)))
    elif ending == 1:
        frames.append((b"J", _json(rng)))
    else:
        frames += [(b"E", _text(rng)), (b"L", _text(rng))]
    return [*frames, (b".", b"")]


def mutated(rng: random.Random) -> bytes:
    """A valid stream with up to three things wrong with it; sometimes none."""
    frames = valid(rng)
    for _ in range(rng.randrange(3)):
        rng.choice(_OF_FRAMES)(rng, frames)
    stream = bytearray().join(frame(*each) for each in frames)
    if rng.random() < 0.5:
        rng.choice(_OF_BYTES)(rng, stream)
    return bytes(stream)


def split(rng: random.Random, data: bytes) -> Iterator[bytes]:
    """The same bytes in pieces, as a pipe may give them."""
    most = rng.choice([1, 2, 5, 7, 64, 65_536] if len(data) < 2_000 else [500, 65_536])
    at = 0
    while at < len(data):
        size = rng.randint(1, most)
        yield data[at : at + size]
        at += size


def _text(rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(30))
    return "".join(
        rng.choices('abc \n"\\\x00\x1b\u00e9\u20ac\U0001f600', k=rng.randrange(20))
    ).encode()


def _json(rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        return b"[" * rng.choice([10, 2_000, 100_000])
    value: object = rng.choice([None, True, 1.5, -7, "x", [1, [2]], {"a": {"b": []}}, 10**40])
    return json.dumps(value).encode()


def _repeat(rng: random.Random, frames: list[Frame]) -> None:
    frames.insert(rng.randrange(len(frames) + 1), rng.choice(frames or [(b"P", b"")]))


def _drop(rng: random.Random, frames: list[Frame]) -> None:
    if frames:
        del frames[rng.randrange(len(frames))]


def _shuffle(rng: random.Random, frames: list[Frame]) -> None:
    rng.shuffle(frames)


def _rename(rng: random.Random, frames: list[Frame]) -> None:
    if frames:
        at = rng.randrange(len(frames))
        kind = rng.choice([*KINDS, rng.randrange(256)])
        frames[at] = (bytes([kind]), frames[at][1])


def _flood(rng: random.Random, frames: list[Frame]) -> None:
    frames[1:1] = [(b"P", b"x" * rng.choice([0, 1, 900]))] * rng.choice([10, 300])


def _enlarge(rng: random.Random, frames: list[Frame]) -> None:
    if frames:
        at = rng.randrange(len(frames))
        frames[at] = (frames[at][0], frames[at][1] + b"9" * rng.choice([10, 1_000, 70_000]))


def _flip(rng: random.Random, stream: bytearray) -> None:
    for _ in range(rng.randint(1, 4)):
        if stream:
            stream[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, stream: bytearray) -> None:
    del stream[rng.randrange(len(stream) + 1) :]


def _insert(rng: random.Random, stream: bytearray) -> None:
    at = rng.randrange(len(stream) + 1)
    stream[at:at] = rng.randbytes(rng.randint(1, 12))


def _lie(rng: random.Random, stream: bytearray) -> None:
    """A length of another size than what follows."""
    if len(stream) > 5:
        stream[1:5] = rng.choice([0, 1, 1 << 16, 1 << 24, (1 << 32) - 1]).to_bytes(4, "big")


_OF_FRAMES: Final[tuple[Callable[[random.Random, list[Frame]], None], ...]] = (
    *(_repeat, _drop, _shuffle, _rename, _flood, _enlarge),
)
_OF_BYTES: Final[tuple[Callable[[random.Random, bytearray], None], ...]] = (
    *(_flip, _cut, _insert, _lie),
)
