"""What can be done about sessions from outside of them, whichever process they are in?

The half of a `Runtime` that drives nothing: it finds, stops, decides, removes, and lets go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from toolrun.turns import REASON, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.deciding import Deciding
    from toolrun.decisions import Decision
    from toolrun.events import ApprovalRequested
    from toolrun.store.contract import SessionInfo, SessionStatus, Store
    from toolrun.turns import Turns


class Elsewhere(Protocol):
    """See `Runtime`, which has the rest."""

    turns: Turns
    """Internal: what its sessions run."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def store(self) -> Store:
        """The store of its sessions, open."""
        ...

    def option(self, name: str) -> Any:
        """What its sessions have where they say nothing else."""
        ...

    @property
    def draining(self) -> bool:
        """Whether it takes no more turns: what a health check tells a load balancer."""
        return self.turns.draining

    async def drain(self, seconds: float = SECONDS, *, reason: str = REASON) -> None:
        """Take no more turns, and leave those that run where another process can go on.

        Each finishes the step that it is in, with the calls of that step, and ends as "parked";
        what waits for a person is waited for no longer. Then all sessions are closed, and their
        leases given back. May be called again, with less time.

        Args:
            seconds: after which the turns that still run are cut off. Where there is a store, they
                are parked as they stand, and calls that ran follow their `on_crash` where the
                session is resumed; else they are cancelled.
            reason: for people: it stands in the TurnFinished events and in `Answer.reason`.
        """
        await self.turns.drain(seconds, reason)

    async def decide(
        self,
        id: str,  # noqa: A002 - what users call it
        call_id: str,
        decision: Decision,
        *,
        tenant: str | None = None,
        wait: float | None = None,
    ) -> None:
        """Decide on a call that waits, of a session that any process may go on with then.

        Nothing runs here: the decision is recorded under the session's lease. Edited arguments are
        checked by the tool as the session has it, and again where the call runs.

        Args:
            id: of the session.
            call_id: of the call: `ApprovalRequested.call_id`.
            decision: what becomes of it.
            tenant: whose the session must be, where given; the runtime's own, where it has one.
            wait: seconds to wait where another process drives it.

        Raises:
            ConfigError: there is no store, no such session of that tenant, no such call that waits;
                it has waited for too long (`Approvals.seconds`); edited arguments do not fit.
            SessionBusy: a turn of it runs, or another process holds it.
            StoreError: the store can't be used.
        """
        tenant = self._whose(tenant)
        if here := self.turns.open(id, tenant):
            await here[0].decide(call_id, decision)
        else:
            deciding = await self._deciding()
            await deciding.decide(id, call_id, decision, tenant, wait)

    async def pending(
        self,
        id: str,  # noqa: A002 - as above
        *,
        tenant: str | None = None,
    ) -> tuple[ApprovalRequested, ...]:
        """The calls of a stored session that wait for a decision, whoever holds it.

        Args:
            id: of the session.
            tenant: whose it must be, where given; the runtime's own, where it has one.

        Raises:
            ConfigError: there is no store, or no such session of that tenant.
            StoreError: the store can't be used, or what is stored is damaged.
        """
        return await (await self._deciding()).pending(id, self._whose(tenant))

    async def expire_approvals(self, *, tenant: str | None = None) -> list[str]:
        """Deny the calls of parked sessions that have waited longer than `Approvals.seconds`.

        Without it they are denied where their session goes on; with it a service finds the
        sessions that can go on now. Those that a process holds are left to it.

        Args:
            tenant: whose; None: the runtime's own, where it has one, else anybody's.

        Returns:
            The ids of the sessions in which something was denied.

        Raises:
            ConfigError: there is no store.
            StoreError: the store can't be used.
        """
        return await (await self._deciding()).expire(self._whose(tenant))

    async def cancel(
        self,
        id: str,  # noqa: A002 - as above
        *,
        tenant: str | None = None,
        reason: str = "",
    ) -> bool:
        """Stop the turn of a session, wherever it runs: it ends as "cancelled".

        In this process that is done when this returns but for the end of its tools; another
        process hears of it from the store, within a second or so.

        Args:
            id: of the session.
            tenant: whose it must be, where given; the runtime's own, where it has one.
            reason: for people; another process is not told.

        Returns:
            Whether somebody drives it.

        Raises:
            ConfigError: it is in no process, and the store has no such session of that tenant.
            StoreError: the store can't be used.
        """
        tenant = self._whose(tenant)
        here = self.turns.open(id, tenant)
        for session in here:
            session.cancel(reason)
        if here or self.option("store") is None:
            return bool(here)
        store = await self.store()
        return await store.request_cancel(id, tenant)

    async def sessions(
        self,
        *,
        tenant: str | None = None,
        status: Iterable[SessionStatus] = (),
        text: str = "",
        before: float | None = None,
        after: float | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[SessionInfo]:
        """The sessions of the store that all of this fits, those with the newest event first.

        Args:
            tenant: whose; None: the runtime's own, where it has one, else anybody's.
            status: one of these.
            text: is found in the id, the title, or in what users and the model said.
            before: seconds since the epoch that the last event came before.
            after: the same, that it came after.
            limit: how many at most.
            offset: how many of them are passed over.

        Raises:
            ConfigError: there is no store.
            StoreError: the store can't be used.
        """
        from toolrun.store.contract import Query

        query = Query(self._whose(tenant), tuple(status), text, before, after, limit, offset)
        return await (await self.store()).sessions(query)

    async def delete(self, id: str, *, tenant: str | None = None) -> None:  # noqa: A002 - as above
        """Remove a session from the store, with all that was said in it; its trace stays.

        Args:
            id: of the session.
            tenant: whose it must be, where given; the runtime's own, where it has one.

        Raises:
            ConfigError: there is no store, or no such session of that tenant.
            SessionBusy: somebody drives it.
            StoreError: the store can't be used.
        """
        await (await self.store()).delete(id, self._whose(tenant))

    def _whose(self, tenant: str | None) -> str | None:
        """Whose a session must be: of the tenant that is given, else of its own, if it has one."""
        return self.option("tenant") if tenant is None else tenant

    async def _deciding(self) -> Deciding:
        from toolrun.deciding import Deciding

        return Deciding(await self.store(), self.time)
