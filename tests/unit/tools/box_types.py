"""Types that a parameter may have, and a tool of each kind that a box runs."""
# Annotations are read at run time here.
# ruff: noqa: TC003

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import os
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
)

from toolrun import CallContext, tool

if TYPE_CHECKING:
    from tests.unit.tools.nowhere import Nothing  # type: ignore[import-untyped]

City = NewType("City", str)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Cat:
    kind: Literal["cat"]
    lives: int = 9


@dataclasses.dataclass
class Dog:
    kind: Literal["dog"]
    name: str = ""
    colour: Colour | None = None


@dataclasses.dataclass
class Tree:
    name: str
    children: list[Tree] = dataclasses.field(default_factory=list)
    extra: dict[str, Tree] | None = None


class Place(TypedDict):
    city: str
    since: dt.date
    colour: NotRequired[Colour]


class Node(TypedDict, total=False):
    value: float
    next: Node


class Pair(NamedTuple):
    left: int
    right: Colour = Colour.RED


def everything(  # noqa: PLR0913, PLR0917 - one of each
    city: City,
    colour: Colour,
    level: Level,
    when: dt.datetime,
    day: dt.date,
    price: decimal.Decimal,
    key: uuid.UUID,
    path: Path,
    data: bytes,
    host: ipaddress.IPv4Address,
    number: int,
    ratio: float,
    mode: Literal["a", 1, Colour.BLUE],
    pet: Cat | Dog,
    pets: list[Cat | Dog],
    tree: Tree,
    place: Place,
    node: Node,
    pair: Pair,
    maybe: Colour | None,
    either: int | str | Cat,
    names: Mapping[str, Sequence[Colour]],
    counts: dict[int, float],
    unique: set[int],
    fixed: tuple[int, Colour],
    many: tuple[dt.date, ...],
    noted: Annotated[int, "of something"],
    anything: Any = None,
) -> Nothing:
    """Take one of each."""


EVERYTHING: dict[str, Any] = {
    "city": "Berlin",
    "colour": "red",
    "level": 2,
    "when": "2026-01-02T03:04:05Z",
    "day": "2026-01-02",
    "price": "1.10",
    "key": "12345678-1234-5678-1234-567812345678",
    "path": "a/b",
    "data": "bytes",
    "host": "127.0.0.1",
    "number": 3.0,
    "ratio": 2,
    "mode": "blue",
    "pet": {"kind": "dog", "name": "Rex", "colour": "blue"},
    "pets": [{"kind": "cat"}, {"kind": "dog"}],
    "tree": {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]},
    "place": {"city": "Paris", "since": "2026-01-02", "colour": "red"},
    "node": {"value": 1, "next": {"value": 2.5}},
    "pair": [1, "blue"],
    "maybe": None,
    "either": "7",
    "names": {"x": ["red", "blue"]},
    "counts": {"1": 2, "3": 4.5},
    "unique": [1, 2],
    "fixed": [1, "red"],
    "many": ["2026-01-02"],
    "noted": 5,
    "anything": {"a": [1]},
}


@tool
def show_all(tree: Tree, place: Place, pair: Pair, pet: Cat | Dog, colour: Colour) -> list[str]:
    """Say what came, and whether pydantic was needed for it."""
    return [*map(repr, (tree, place, pair, pet, colour)), str("pydantic" in sys.modules)]


@tool
def count(to: int, *, pause: float = 0.0) -> Iterator[str | int]:
    """Count, and say each number."""
    import time

    for number in range(1, to + 1):
        time.sleep(pause)
        yield f"at {number}"
    yield to


@tool
async def count_async(to: int) -> AsyncIterator[Any]:
    """Count, and say each number."""
    for number in range(1, to + 1):
        yield {"at": number}


@tool
def sum_up(to: int) -> Any:
    """Yield the way, return the end."""
    total = 0
    for number in range(1, to + 1):
        total += number
        yield total
    return f"sum {total}"


@tool
def nothing() -> Iterator[str]:
    """Yield nothing."""
    yield from ()


@tool
def break_off() -> Iterator[str]:
    """Yield, then fail."""
    yield "begun"
    raise ValueError("no more")


@tool
def flood() -> Iterator[str]:
    """Report without end."""
    while True:
        yield "x" * 10_000


@tool
def ramble() -> Iterator[str]:
    """Report much, once."""
    yield "x" * 100_000
    yield "done"


@tool(timeout=3)
def dawdle() -> Iterator[str]:
    """Report, then hang."""
    import time

    yield "begun"
    time.sleep(60)


@tool
def who(name: str, context: CallContext | None = None) -> dict[str, Any]:
    """Say for whom this runs."""
    assert context is not None
    said = {each: getattr(context, each) for each in CallContext.__slots__}
    return {"name": name, **said, "variable": os.environ["TOOLRUN_IDEMPOTENCY_KEY"]}


@tool
def close_everything() -> str:
    """Close every descriptor, the result's among them."""
    os.closerange(0, 1024)
    return "still here"


class Clock:
    """Tools in a class."""

    zone = "UTC"

    @classmethod
    @tool
    def name_zone(cls, prefix: str) -> str:
        """Name the time zone."""
        return prefix + cls.zone

    @staticmethod
    @tool
    def double(x: int) -> int:
        """Double a number."""
        return 2 * x


class Local(Clock):
    zone = "CET"
