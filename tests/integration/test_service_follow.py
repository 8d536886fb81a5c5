"""Does a client of the example service hear every event once, however often it comes and goes?

The parts are real, driven one move at a time in any order that hypothesis finds; store and session
are stand-ins. With real workers: `test_service_workers.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import anyio
import msgspec
import pytest
from agent_service.failures import Failure
from agent_service.follow import Follower, Over
from agent_service.live import Live
from agent_service.places import START, Place, read_place
from agent_service.watch import Watch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.rig.examples import examples
from toolrun import (
    AssistantMessage,
    ConfigError,
    ReasoningDelta,
    RequestSent,
    Retried,
    TextDelta,
    TurnFinished,
    UserMessage,
)
from toolrun.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent_service.told import Told

    from toolrun import Event
    from toolrun.events import Durable

ID: Final = "s"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The service runs on asyncio alone: uvicorn does."""
    return "asyncio"


class Kept:
    """A store of one session."""

    def __init__(self) -> None:
        self.events: list[Durable] = []
        self.meanwhile: list[Callable[[], None]] = []
        """What happens while somebody reads, one thing a reading."""

    async def read(self, session: str, tenant: str | None = None, *, after: int = 0) -> Any:
        if session != ID:
            raise ConfigError("there is no such session")
        found = self.events[after:]
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found


class Working:
    """A worker, as followers see it."""

    def __init__(self, store: Kept) -> None:
        self.lives: dict[str, Live] = {}
        self.draining = False
        self.watch = Watch(cast("Any", store), 1)


class World:
    """One session, the worker that drives it now, and a client that comes and goes."""

    def __init__(self, ring_bytes: int) -> None:
        self.store = Kept()
        self.work = Working(self.store)
        self.ring_bytes = ring_bytes
        self.sub = 0
        self.untold: list[Event] = []
        self.said = ""
        self.live: Live | None = None
        self.place = START
        self.follower: Follower | None = None
        self.heard: list[int] = []
        self.partial = ""
        self.begin()

    def begin(self) -> None:
        """A worker resumes the session."""
        self.end()
        self.live = Live(cast("Any", None), "acme", self.ring_bytes)
        self.work.lives[ID] = self.live
        self.sub, self.said = 0, ""

    def end(self) -> None:
        """It dies, or lets the session go; what it was about to tell is told or lost with it."""
        if self.live is not None:
            self.live.end()
            self.live.closed.set()
            self.work.lives.pop(ID, None)
        self.live = None
        self.untold = []

    def durable(self, event: Durable) -> None:
        """A durable event is stored; it is told a moment later."""
        if self.live is None:
            self.begin()
        seq = len(self.store.events) + 1
        placed = structs.replace(event, seq=seq)
        self.store.events.append(placed)
        self.sub = 0
        self.said = ""
        self.untold.append(placed)

    def observed(self, event: Event) -> None:
        if self.live is None or not self.store.events:
            return
        self.sub += 1
        placed = structs.replace(event, seq=len(self.store.events), sub=self.sub)
        self.untold.append(placed)
        match event:
            case TextDelta():
                self.said += event.text
            case Retried():
                self.said = ""

    def tell(self, count: int | None = None) -> None:
        """The driver's stream brings what happened, or the first of it."""
        now = self.untold[:count]
        self.untold = self.untold[len(now) :]
        for event in now:
            assert self.live is not None
            if isinstance(event, TextDelta | ReasoningDelta) and event.sub % 2:
                self.live.tell_run(run_of(event))
            else:
                self.live.tell(event)

    async def connect(self) -> None:
        self.follower = Follower(
            cast("Any", self.store),
            cast("Any", self.work),
            ID,
            "acme",
            read_place(str(self.place)),
        )
        await self.follower.check()

    async def hear(self) -> None:
        """The client reads all that there is."""
        if self.follower is None:
            await self.connect()
        assert self.follower is not None
        while batch := await self.follower.more(0):
            for each in batch:
                self.take(each)

    async def hear_some(self, count: int) -> None:
        """The client reads, and is cut off after so many events: the rest is lost on the way."""
        if self.follower is None:
            await self.connect()
        assert self.follower is not None
        for each in (await self.follower.more(0))[:count]:
            self.take(each)
        self.follower = None

    def take(self, each: Told) -> None:
        assert each.data is not None
        event = msgspec.json.decode(each.data)
        self.place = each.place
        match event["type"]:
            case "TextDelta":
                self.partial += event["text"]
            case "StepSoFar":
                self.partial = event["text"]
            case "Retried":
                self.partial = ""
            case _:
                self.heard.append(each.place.seq)
                self.partial = ""

    async def check(self) -> None:
        """What the client has is what happened: once each, in order, with the words so far."""
        while self.untold or self.store.meanwhile:
            self.tell()
            await self.hear()
            if self.store.meanwhile:
                self.store.meanwhile.pop(0)()
        await self.hear()
        assert self.heard == [event.seq for event in self.store.events]
        if self.live is not None and self.live.place is not None:
            assert self.partial == self.said


def _moves() -> st.SearchStrategy[tuple[str, int]]:
    names = ["say", "say", "say", "step", "finish", "retry", "request", "begin", "end", "tell"]
    names += ["hear", "cut", "connect", "check", "tell-first", "meanwhile", "meanwhile"]
    return st.tuples(st.sampled_from(names), st.integers(0, 3))


@settings(max_examples=examples(80))
@given(st.lists(_moves(), max_size=60), st.sampled_from([0, 700, 100_000]))
def test_once_each_in_order_and_the_words_so_far(
    moves: list[tuple[str, int]], ring_bytes: int
) -> None:
    async def play() -> None:
        world = World(ring_bytes)
        actions: dict[str, Callable[[], None]] = {
            "step": lambda: world.durable(AssistantMessage("a step")),
            "finish": lambda: world.durable(TurnFinished("finished")),
            "retry": lambda: world.observed(Retried(1, "no", code="http-503")),
            "request": lambda: world.observed(RequestSent("", 0, [])),
            "begin": world.begin,
            "end": world.end,
            "tell": world.tell,
        }
        meanwhile = [world.tell, world.begin, world.end, lambda: world.tell(1)]
        world.durable(UserMessage("hello"))
        for name, count in moves:
            match name:
                case "say":
                    world.observed(TextDelta(f"{len(world.said)} "))
                case "hear":
                    await world.hear()
                case "cut":
                    await world.hear_some(count)
                case "tell-first":
                    world.tell(count)
                case "meanwhile":
                    world.store.meanwhile.append(meanwhile[count])
                case "connect":
                    await world.connect()
                case "check":
                    await world.check()
                case _:
                    actions[name]()
        await world.check()

    anyio.run(play)


def run_of(*events: TextDelta | ReasoningDelta) -> Run:
    """Pieces of one text, as they come with one read of the network."""
    first = events[0]
    texts = [event.text for event in events]
    gaps = [0] * len(texts)
    return Run(type(first), "s", first.seq, first.sub, first.turn, first.step, 1_000, gaps, texts)


@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta])
def test_pieces_that_come_at_once_are_told_as_each_would_be(
    kind: type[TextDelta | ReasoningDelta],
) -> None:
    pieces = [
        structs.replace(kind(text), seq=3, sub=sub, turn=2, step=4)
        for sub, text in enumerate(["a", 'b "c"\n\u2028', "d"], 5)
    ]
    one, other = _live(*pieces), _live()
    other.run = one.run

    other.tell_run(run_of(*pieces))

    assert other.since(0) == one.since(0)
    assert other.since(1) == one.since(1)
    assert other.since(3) == []
    assert (other.place, other.base) == (one.place, one.base)
    assert other.so_far() == one.so_far()


def _live(*events: Event, ring_bytes: int = 100_000) -> Live:
    live = Live(cast("Any", None), "acme", ring_bytes)
    for event in events:
        live.tell(event)
    return live


def test_a_ring_keeps_what_its_bytes_hold_and_says_where_it_begins() -> None:
    pieces = [structs.replace(TextDelta("x" * 100), seq=1, sub=at) for at in range(1, 101)]
    live = _live(*pieces, ring_bytes=4000)

    kept = live.since(live.number_after(Place(1, 99, live.run)) or 0)

    assert kept is not None
    assert [each.place.sub for each in kept] == [100]
    assert live.number_after(Place(1)) is None
    assert live.since(0) is None
    assert msgspec.json.decode(live.so_far().data or b"")["text"] == "x" * 10_000


def test_a_place_in_another_run_is_none() -> None:
    live = _live(structs.replace(TextDelta("a"), seq=1, sub=1))

    assert live.number_after(Place(1, 1, live.run)) == 1
    assert live.number_after(Place(1, 1, "0" * 8)) is None


@pytest.mark.parametrize("text", ["x", "1.2", "1.2.3", "-1", "1.2.zzzzzzzz", "9" * 16, "1\n2"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(Failure, match="no id"):
        read_place(text)


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**15 - 1))
def test_a_place_is_read_as_it_is_written(seq: int, sub: int) -> None:
    place = Place(seq, sub, "9f3a01bc" if sub else "")

    assert read_place(str(place)) == place


async def test_who_asks_for_what_is_not_there() -> None:
    store = Kept()
    work = Working(store)
    store.events = [structs.replace(UserMessage("hello"), seq=1)]

    for session, place in (("other", START), (ID, Place(7)), (ID, Place(2, 1, "9f3a01bc"))):
        with pytest.raises(Failure):
            await Follower(cast("Any", store), cast("Any", work), session, "acme", place).check()


async def test_a_worker_that_ends_sends_its_listeners_away() -> None:
    work = Working(Kept())
    work.draining = True
    follower = Follower(cast("Any", Kept()), cast("Any", work), ID, "acme", START)

    with pytest.raises(Over):
        await follower.more(5)


async def test_pieces_wake_who_waits() -> None:
    world = World(100_000)
    world.durable(UserMessage("hello"))
    world.tell()
    await world.hear()
    assert world.follower is not None

    async with anyio.create_task_group() as group:
        heard: list[Told] = []

        async def listen() -> None:
            assert world.follower is not None
            heard.extend(await world.follower.more(10))

        group.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        world.observed(ReasoningDelta("Hm."))
        world.tell()

    assert [each.place.sub for each in heard] == [1]


async def test_what_came_from_the_store_first_does_not_come_from_the_turn_again() -> None:
    world = World(100_000)
    world.durable(UserMessage("hello"))
    world.durable(AssistantMessage("a step"))
    await world.hear()
    world.tell(1)
    await world.hear()
    world.tell()
    await world.hear()

    assert world.heard == [1, 2]


async def test_what_happens_while_the_store_is_read_is_not_passed_over() -> None:
    world = World(0)
    world.durable(UserMessage("hello"))
    world.tell()

    def meanwhile() -> None:
        world.durable(AssistantMessage("a step"))
        world.tell()

    world.store.meanwhile = [meanwhile]
    await world.connect()
    world.store.meanwhile = [meanwhile]
    await world.hear()

    assert world.heard == [event.seq for event in world.store.events] == [1, 2, 3]
