"""How does a store fail on purpose? At the n-th write, in each of the ways that a database has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from toolrun import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Durable
    from toolrun.store.contract import Lease, Store

Way: TypeAlias = Literal["fails", "tears", "is unheard"]
WAYS: Final[tuple[Way, ...]] = get_args(Way)


class Faulty:
    """A store one of whose writes fails.

    Args:
        store: the real one.
        way: "fails": nothing is stored. "tears": it fails, and of what is given next (which has all
            that was left) one half is stored. "is unheard": all is stored, and the connection lost.
        number: of the write, from 1.
        for_good: whether all later writes fail, too, until `mended`.

    Attributes:
        writes: how many there were.
        faults: how many of them failed.
    """

    def __init__(self, store: Store, way: Way, number: int, *, for_good: bool = False) -> None:
        self.writes = 0
        self.faults = 0
        self.mended = False
        self._store = store
        self._way = way
        self._number = number
        self._for_good = for_good

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        self.writes += 1
        if self.mended or not self._is_hit():
            await self._store.append(lease, events)
            return
        self.faults += 1
        first = self.writes == self._number
        if self._way == "tears" and not first:
            await self._store.append(lease, events[: len(events) // 2])
        elif self._way == "is unheard" and first:
            await self._store.append(lease, events)
        raise StoreError(f"write {self.writes} {self._way}")

    def _is_hit(self) -> bool:
        last = self._number + (self._way == "tears")
        return self.writes >= self._number and (self._for_good or self.writes <= last)
