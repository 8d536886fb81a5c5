"""Which is the smallest trace that still fails? Parts are left out as long as it does.

Delta debugging (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002): first
over whole turns, then over steps, calls, tools and what was observed; what is left of long texts is
cut. The order is fixed, so the same trace comes to the same end.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct, structs

from toolrun.events import (
    AssistantMessage,
    Event,
    LimitReached,
    ReasoningDelta,
    SessionOpened,
    TextDelta,
    ToolCallFinished,
    ToolOutput,
    TurnFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.trace.cut import Parted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

T = TypeVar("T")
_SHORT: Final = 40
"""Characters that are left of a long text."""
_LONG: Final = 80


class Minimized(Struct, frozen=True):
    """The smallest session that was found.

    Attributes:
        events: its own.
        tries: how many others were tried.
        ended: whether nothing more could be left out; else the tries were used up.
    """

    events: list[Event]
    tries: int
    ended: bool


async def minimize(
    events: Sequence[Event],
    fails: Callable[[list[Event]], Awaitable[bool]],
    *,
    tries: int = 1000,
    on_try: Callable[[int, int], None] | None = None,
) -> Minimized:
    """Leave out of a session what it does not need to fail.

    Args:
        events: of the session, which fails.
        fails: whether another does so, too, in the same way.
        tries: how many others are tried at most.
        on_try: told how many were tried, and how many events are left by then.
    """
    work = _Work(events, fails, tries, on_try)
    while True:
        before = work.size()
        await work.leave_out(work.turns())
        await work.leave_out(work.steps())
        await work.leave_out_calls()
        await work.leave_out_tools()
        await work.leave_out(work.observed())
        await work.cut_texts()
        if work.size() == before or work.spent:
            return Minimized(work.left(), work.tried, not work.spent)


class _Work:
    """What is left so far, and what may be tried yet."""

    def __init__(
        self,
        events: Sequence[Event],
        fails: Callable[[list[Event]], Awaitable[bool]],
        tries: int,
        on_try: Callable[[int, int], None] | None,
    ) -> None:
        self._parted = Parted.of(events)
        self._fails = fails
        self._tries = tries
        self._on_try = on_try
        self._kept = frozenset(range(len(events)))
        self._changed: dict[int, Event] = {}
        self.tried = 0
        self.spent = False

    def left(self) -> list[Event]:
        return self._parted.left(self._kept, self._changed)

    def size(self) -> tuple[int, int]:
        """Events, and what was changed of them: whether a round has come any further."""
        return len(self._kept), sum(len(repr(each)) for each in self._changed.values())

    def _event(self, index: int) -> Event:
        return self._changed.get(index, self._parted.events[index])

    def _events(self) -> Iterator[tuple[int, Event]]:
        return ((index, self._event(index)) for index in sorted(self._kept))

    async def _try(self, kept: frozenset[int], changed: dict[int, Event]) -> bool:
        """Take another session where it fails as well."""
        if self.tried >= self._tries:
            self.spent = True
            return False
        self.tried += 1
        fails = await self._fails(self._parted.left(kept, changed))
        if fails:
            self._kept, self._changed = kept, changed
        if self._on_try is not None:
            self._on_try(self.tried, len(self._kept))
        return fails

    async def leave_out(self, units: Sequence[frozenset[int]]) -> None:
        """Leave out as many units as can be."""
        rest = self._kept.difference(*units)

        async def fail(some: Sequence[frozenset[int]]) -> bool:
            return await self._try(rest.union(*some), self._changed)

        await smallest(units, fail)

    def turns(self) -> list[frozenset[int]]:
        """From each thing that the user said to the next."""
        found: list[set[int]] = []
        for index, event in self._events():
            if isinstance(event, UserMessage):
                found.append(set())
            if found:
                found[-1].add(index)
        return [frozenset(each) for each in found]

    def steps(self) -> list[frozenset[int]]:
        """Each step with its calls; the end of its turn stays."""
        found: dict[tuple[int, int], set[int]] = defaultdict(set)
        limits: dict[int, set[int]] = defaultdict(set)
        ends: dict[int, tuple[int, set[int]]] = {}
        for index, event in self._events():
            if isinstance(event, UserMessage | TurnUndone) or not event.step:
                continue
            if isinstance(event, LimitReached):
                limits[event.turn].add(index)
            elif isinstance(event, TurnFinished):
                if event.turn in ends:  # it was gone on with
                    step, before = ends[event.turn]
                    found[event.turn, step] |= before
                ends[event.turn] = event.step, {index, *limits.pop(event.turn, ())}
            else:
                found[event.turn, event.step].add(index)
        return [frozenset(each) for each in found.values()]

    async def leave_out_calls(self) -> None:
        """Leave out calls of messages that have several."""
        for index, message in list(self._events()):
            if not isinstance(message, AssistantMessage) or not message.tool_calls[1:]:
                continue
            if not self._parted.tells_as_it_is(index):
                continue
            of: dict[str, set[int]] = defaultdict(set)
            for at, event in self._events():
                if (event.turn, event.step) == (message.turn, message.step):
                    of[getattr(event, "call_id", "")].add(at)
            for call in message.tool_calls:
                now = self._event(index)
                assert isinstance(now, AssistantMessage)
                others = tuple(each for each in now.tool_calls if each.id != call.id)
                if others:
                    changed = structs.replace(now, tool_calls=others)
                    await self._try(self._kept - of[call.id], {**self._changed, index: changed})

    async def leave_out_tools(self) -> None:
        """Leave out tools that the model was told of and has not called."""
        index, opened = next(self._events(), (0, None))
        if not isinstance(opened, SessionOpened):
            return
        called = {
            call.name
            for _, event in self._events()
            if isinstance(event, AssistantMessage)
            for call in event.tool_calls
        }
        needed = [tool for tool in opened.tools if tool["function"]["name"] in called]
        others = [tool for tool in opened.tools if tool not in needed]

        async def fail(some: Sequence[dict[str, Any]]) -> bool:
            tools = [tool for tool in opened.tools if tool in needed or tool in some]
            return await self._try(
                self._kept, {**self._changed, index: structs.replace(opened, tools=tools)}
            )

        await smallest(others, fail)

    def observed(self) -> list[frozenset[int]]:
        """Each event that was only observed."""
        return [frozenset((index,)) for index, event in self._events() if not event.durable]

    async def cut_texts(self) -> None:
        """Cut what is long of a text that stays."""
        for index, _ in list(self._events()):
            if not self._parted.tells_as_it_is(index):
                continue
            for name in ("content", "reasoning", "text", "result"):
                event = self._event(index)
                if (shorter := _cut(event, name)) is not None:
                    await self._try(self._kept, {**self._changed, index: shorter})


def _cut(event: Event, name: str) -> Event | None:
    """The event with less of a text; None where that is short, or there is none."""
    match event:
        case ToolCallFinished() if name == "result":
            if len(event.result.content) <= _LONG:
                return None
            result = structs.replace(event.result, content=_shortened(event.result.content))
            return structs.replace(event, result=result)
        case UserMessage() | AssistantMessage() | ReasoningDelta() | TextDelta() | ToolOutput():
            text = getattr(event, name, None)
            if not isinstance(text, str) or len(text) <= _LONG:
                return None
            changed: Any = {name: _shortened(text)}
            return structs.replace(event, **changed)
    return None


def _shortened(text: str) -> str:
    return f"{text[:_SHORT]} ... ({len(text) - _SHORT:,} characters less)"


async def smallest(items: Sequence[T], fail: Callable[[Sequence[T]], Awaitable[bool]]) -> list[T]:
    """A small part of the items that fails: none of them can be left out of it alone.

    Args:
        items: which fail together.
        fail: whether some of them do.
    """
    left = list(items)
    if left and await fail([]):
        return []
    size = len(left) // 2
    while size:
        begin = 0
        while begin < len(left):
            rest = left[:begin] + left[begin + size :]
            if rest and await fail(rest):
                left = rest
            else:
                begin += size
        size //= 2
    return left
