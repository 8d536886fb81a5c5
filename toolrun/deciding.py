"""How is something decided in a session that another process left, or will take up?

Under its lease, for as long as it takes to read the session and record what was decided: nothing
of it runs here. Whoever goes on with it finds the decision.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio

from toolrun.approvals import decided, waiting
from toolrun.decisions import Edit
from toolrun.errors import ConfigError, SessionBusy
from toolrun.journal import Journal
from toolrun.resuming import acquired, settings_of
from toolrun.state import fold
from toolrun.store.contract import Query
from toolrun.store.sink import StoreSink
from toolrun.tools.validation import ArgumentsInvalid, Validator, edited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from toolrun.decisions import Decision, Deny
    from toolrun.events import ApprovalRequested
    from toolrun.state import State
    from toolrun.store.contract import Store

_PAGE: Final = 200


class Deciding:
    """Decides in the sessions of a store.

    Args:
        store: open.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def decide(
        self,
        id: str,  # noqa: A002 - what users call it
        call_id: str,
        decision: Decision,
        tenant: str | None,
        wait: float | None,
    ) -> None:
        """See `Runtime.decide`."""
        async with self._held(id, tenant, wait) as journal:
            state = journal.state
            approvals = settings_of(state).approvals
            request = waiting(state, call_id, approvals, self._clock())
            if isinstance(decision, Edit):
                check_edit(state, request.name, decision)
            await journal.record(decided(call_id, request.name, decision))

    async def pending(self, id: str, tenant: str | None) -> tuple[ApprovalRequested, ...]:  # noqa: A002 - as above
        """See `Runtime.pending`."""
        return tuple(fold(await self._store.read(id, tenant)).pending.values())

    async def expire(self, tenant: str | None) -> list[str]:
        """See `Runtime.expire_approvals`."""
        expired: list[str] = []
        offset = 0
        while True:
            query = Query(tenant, ("parked",), limit=_PAGE, offset=offset)
            found = await self._store.sessions(query)
            free = [info.id for info in found if info.holder is None]
            expired += [id for id in free if await self._expire(id)]  # noqa: A001 - as above
            if len(found) < _PAGE:
                return expired
            offset += _PAGE

    async def _expire(self, id: str) -> bool:  # noqa: A002 - as above
        """Deny what waited too long in one session; whether there was such a thing."""
        try:
            if not self._overdue(fold(await self._store.read(id))):  # looked at without a lease
                return False
            async with self._held(id, None, None) as journal:
                overdue = self._overdue(journal.state)
                for request, denial in overdue:
                    await journal.record(decided(request.call_id, request.name, denial))
        except (ConfigError, SessionBusy):  # gone, or gone on with, meanwhile
            return False
        return bool(overdue)

    def _overdue(self, state: State) -> list[tuple[ApprovalRequested, Deny]]:
        now, approvals = self._clock(), settings_of(state).approvals
        found = [(each, approvals.overdue(each, now)) for each in state.pending.values()]
        return [(request, denial) for request, denial in found if denial is not None]

    @asynccontextmanager
    async def _held(
        self,
        id: str,  # noqa: A002 - as above
        tenant: str | None,
        wait: float | None,
    ) -> AsyncIterator[Journal]:
        """The journal of a session that nobody else may write to meanwhile."""
        held = StoreSink(self._store, id, tenant)
        held.lease = await acquired(self._store, id, tenant, wait)
        try:
            journal = Journal(id, [held], clock=self._clock)
            events = await self._store.read(id, tenant)
            journal.take_up(fold(events), events[-1].seq if events else 0)
            yield journal
        finally:
            with anyio.CancelScope(shield=True):
                await held.release()


def check_edit(state: State, name: str, edit: Edit) -> None:
    """Pass where edited arguments fit the tool as the session has it.

    Raises:
        ConfigError: they do not; the message lists every violation.
    """
    functions = [tool["function"] for tool in state.tools]
    parameters = next((each["parameters"] for each in functions if each["name"] == name), None)
    if parameters is None:
        raise ConfigError(f"the session has no tool {name!r}: an edit of its call can't be checked")
    try:
        edited(name, Validator(name, parameters), edit.arguments)
    except ArgumentsInvalid as error:
        raise ConfigError(str(error)) from error
