"""What do the sessions of one user take together, and who says that it is enough?

A `Budget` is one session's. An `Account` is whoever's the user of toolrun wants: of all sessions of
a customer, over any number of processes, kept in a database of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, structs

from toolrun.values import Usage

if TYPE_CHECKING:
    from toolrun.events import LimitReached
    from toolrun.state import State


class Spending(Struct, frozen=True):
    """What a session has taken.

    Attributes:
        session: its id.
        tenant: on whose behalf it runs.
        model: the name of its model.
        usage: of the one step, or of the summary, that this is told of; nothing where it is asked.
        total: of the session so far.
        key: names the step: the same where it is told again, which a crash or an error in `spent`
            may make necessary; "" where it is asked.
    """

    session: str
    tenant: str | None
    model: str
    usage: Usage = Usage()
    total: Usage = Usage()
    key: str = ""


class Account(Protocol):
    """Asked before each step of a session, and told after it. What it raises fails the turn."""

    async def reached(self, spending: Spending) -> LimitReached | None:
        """What forbids another step; None where nothing does.

        Args:
            spending: of the session that wants to take one.
        """
        ...

    async def spent(self, spending: Spending) -> None:
        """Take note of a step that was sampled.

        Args:
            spending: what it took. The same `key` may come twice: count it once.
        """
        ...


class Teller:
    """Tells an account of one session's steps, each at least once.

    Args:
        account: see there.
        tenant: on whose behalf the session runs.
        model: its name.
    """

    def __init__(self, account: Account, tenant: str | None, model: str) -> None:
        self._account = account
        self._tenant = tenant
        self._model = model
        self._told = 0
        """The number of the last event that it was told of."""

    def skip(self, seq: int) -> None:
        """Tell nothing of what a session begins with: it is another's."""
        self._told = seq

    async def reached(self, session: str, state: State) -> LimitReached | None:
        """Whether another step is forbidden, after all has been told that was not yet."""
        await self.tell(session, state)
        return await self._account.reached(self._of(session, state))

    async def tell(self, session: str, state: State) -> None:
        """Tell of the last step, and of a summary, where that has not been done by this process."""
        for event in state.charged:
            if event.seq > self._told:
                asked = self._of(session, state)
                key = f"{session}.{event.seq}"
                await self._account.spent(structs.replace(asked, usage=event.usage, key=key))
                self._told = event.seq

    def _of(self, session: str, state: State) -> Spending:
        return Spending(session, self._tenant, self._model, total=state.usage)
