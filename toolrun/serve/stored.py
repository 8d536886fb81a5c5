"""Which reasoning stood behind a tool call, where several processes serve the same clients?

The steps lie in a store: whichever process a balancer gives the next request to finds them. A step
is in the database before the client has its calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import msgspec
import structlog

from toolrun.errors import StoreError
from toolrun.serve.memory import Step

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from toolrun.store.store import SqlStore
    from toolrun.store.transaction import Transaction

T = TypeVar("T")

_TRIMMED_EVERY: Final = 32
_TOUCHED_AFTER: Final = 0.1
"""The share of its time after which the use of a step is written down: not each time."""


class Stored:
    """Keeps the steps of each key that were used last, in a store; see `ReasoningMemory`.

    Where the store cannot be used for some seconds the request goes on without it, and that is
    logged: the client's answer comes, and its next step counts as missing.

    Args:
        store: where.
        seconds: that a step is kept after its last use, about.
        steps: of one key, about.
        size: bytes of one key, about.
        patience: seconds that a request waits for the store.
    """

    def __init__(
        self,
        store: SqlStore,
        *,
        seconds: float = 4 * 3600,
        steps: int = 10_000,
        size: int = 32 * 1024 * 1024,
        patience: float = 3.0,
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._steps = steps
        self._size = size
        self._patience = patience
        self._remembered = 0

    async def remember(self, owner: str, step: Step) -> None:
        """See `ReasoningMemory.remember`."""
        if not step.calls or step.size > self._size:
            return
        first, body = step.calls[0].id, msgspec.json.encode(step)
        trims = self._remembered % _TRIMMED_EVERY == 0
        self._remembered += 1

        def keep(tx: Transaction) -> None:
            now = tx.now()
            mine = {"owner": owner, "step": first, "used": now}
            for call in step.calls:
                is_first = call.id == first
                size, held = (step.size, body) if is_first else (0, None)
                tx.run(tx.sql.add_remembered, **mine, call=call.id, body=held, size=size)
            if trims:
                self._trim(tx, owner, now)

        await self._within("remember a step", self._store.transact("remember a step", keep))

    async def recall(self, owner: str, call_id: str) -> Step | None:
        """See `ReasoningMemory.recall`."""

        def look(tx: Transaction) -> Step | None:
            now = tx.now()
            found = tx.one(tx.sql.remembered, owner=owner, call=call_id)
            if found is None or found[2] < now - self._seconds:
                return None
            body, step, used = found
            if now - used > self._seconds * _TOUCHED_AFTER:
                tx.run(tx.sql.use_remembered, owner=owner, step=step, now=now)
            return msgspec.json.decode(body, type=Step)

        return await self._within("recall a step", self._store.transact("recall a step", look))

    def _trim(self, tx: Transaction, owner: str, now: float) -> None:
        """Forget what is old, of anybody, and what of one key is too much."""
        tx.run(tx.sql.expire_remembered, since=now - self._seconds)
        total = 0
        for count, (step, size) in enumerate(tx.all(tx.sql.remembered_of, owner=owner), 1):
            total += size
            if count > self._steps or total > self._size:
                tx.run(tx.sql.forget_remembered, owner=owner, step=step)

    async def _within(self, what: str, doing: Awaitable[T]) -> T | None:
        """What comes of it, None where the store does not answer in time."""
        why = f"the store has not answered for {self._patience:g} s"
        with anyio.move_on_after(self._patience):
            try:
                return await doing
            except StoreError as error:
                why = str(error)
        structlog.get_logger("toolrun.serve").error(f"could not {what}", error=why)
        return None
