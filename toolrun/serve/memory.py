"""Which reasoning stood behind a tool call that a client makes itself, and for how long is it kept?

A step is found by the ids of its calls. The front gives each call an id of 128 random bits, and
looks only among the steps of the key that asks, so that no client meets another's reasoning, and no
conversation that of one whose ids it does not hold.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from toolrun.values import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

CALL_ID: Final = re.compile(r"call_[0-9a-f]{32}(?![0-9a-zA-Z])")
"""The ids that the front gives; 40 characters are all that some servers take."""

_OVERHEAD = 400
"""Bytes that a step takes beside its texts, about."""


class Step(Struct, frozen=True, gc=False):
    """What the model said at a step that ended in calls.

    Attributes:
        reasoning: the chain of thought; "" where there was none.
        content: what it said beside its calls.
        calls: with the ids that the client was given.
    """

    reasoning: str
    content: str | None
    calls: tuple[ToolCall, ...]

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        texts = [self.reasoning, self.content or ""]
        texts += [each.id + each.name + each.arguments for each in self.calls]
        return _OVERHEAD + sum(len(text) if text.isascii() else 4 * len(text) for text in texts)


class ReasoningMemory(Protocol):
    """Where steps are kept between two requests of a client; a store may be one."""

    async def remember(self, owner: str, step: Step) -> None:
        """Keep a step for the key that it was sampled for."""
        ...

    async def recall(self, owner: str, call_id: str) -> Step | None:
        """The step of a key that has a call of this id; None where it is not kept, or no more."""
        ...


class Recent:
    """Keeps the steps of each key that were used last, in this process.

    Args:
        seconds: that a step is kept after its last use.
        steps: of one key.
        size: bytes of one key, about.
        clock: gives seconds, monotonic.
    """

    def __init__(
        self,
        *,
        seconds: float = 4 * 3600,
        steps: int = 10_000,
        size: int = 32 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._steps = steps
        self._size = size
        self._clock = clock
        self._of: dict[str, _Shelf] = {}

    async def remember(self, owner: str, step: Step) -> None:
        """See `ReasoningMemory.remember`."""
        if step.calls and step.size <= self._size:
            shelf = self._of.setdefault(owner, _Shelf())
            now = self._clock()
            shelf.put(step, now)
            # Of keys that never come back, too: they are few, and most have nothing to forget.
            for each in self._of.values():
                each.trim(now - self._seconds, self._steps, self._size)

    async def recall(self, owner: str, call_id: str) -> Step | None:
        """See `ReasoningMemory.recall`."""
        if (shelf := self._of.get(owner)) is None:
            return None
        now = self._clock()
        shelf.trim(now - self._seconds, self._steps, self._size)
        return shelf.get(call_id, now)

    def __len__(self) -> int:
        """The steps that are kept, of all keys."""
        return sum(len(shelf) for shelf in self._of.values())


class _Shelf:
    """The steps of one key, the one whose last use is longest ago first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Step, float]] = OrderedDict()
        self._step_of: dict[str, str] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, step: Step, now: float) -> None:
        first = step.calls[0].id
        self._kept[first] = (step, now)
        self._size += step.size
        self._step_of |= {call.id: first for call in step.calls}

    def get(self, call_id: str, now: float) -> Step | None:
        if (first := self._step_of.get(call_id)) is None:
            return None
        step, _ = self._kept[first]
        self._kept[first] = (step, now)
        self._kept.move_to_end(first)
        return step

    def trim(self, since: float, steps: int, size: int) -> None:
        while self._kept:
            first, (step, used) = next(iter(self._kept.items()))
            if used >= since and len(self._kept) <= steps and self._size <= size:
                return
            del self._kept[first]
            self._size -= step.size
            for call in step.calls:
                del self._step_of[call.id]


def new_call_id() -> str:
    """An id that nobody guesses."""
    return f"call_{secrets.token_hex(16)}"
