"""What does a store promise? Events that are there for good, and one driver a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Durable

Durability: TypeAlias = Literal["process", "power"]
"""What a durable event survives: the end of the process, or that of the machine's power too."""

SessionStatus: TypeAlias = Literal[
    "new", "running", "finished", "parked", "limited", "cancelled", "failed"
]
"""How the last turn ended; "running" also where its process died, "new" before the first turn."""


class Lease:
    """The right to drive one session, for as long as nobody else has been given it.

    Attributes:
        session: the id of the session.
        token: the fencing token: greater than that of every lease of the session before it.
        owner: who has it, for people to read.
        stored: the number of the last event that is known to be stored.
        lost: whether somebody else has it now; known at the latest when something is written.
        cancelled: whether somebody has asked that the turn be stopped (`Store.request_cancel`).
    """

    def __init__(self, session: str, token: int, owner: str, *, stored: int = 0) -> None:
        self.session = session
        self.token = token
        self.owner = owner
        self.stored = stored
        self.lost = False
        self.cancelled = False


class SessionInfo(Struct, frozen=True):
    """What a store knows of a session without reading it: a projection of its events.

    Attributes:
        id: of the session.
        tenant: on whose behalf it runs.
        title: what it was called, else what the user said first; one line, at most 80 characters.
        status: see `SessionStatus`.
        created, updated: seconds since the epoch: of its first and last event.
        seq: the number of its last event.
        turns: how many there were.
        holder: who drives it now; None where nobody does.
    """

    id: str
    tenant: str | None
    title: str
    status: SessionStatus
    created: float
    updated: float
    seq: int
    turns: int
    holder: str | None = None


class Glimpse(Struct, frozen=True):
    """What else is seen of a session without reading all of it.

    Attributes:
        folder: where somebody works in it, if that was said.
        tokens: of the last step of the model, prompt and reply: about what the conversation takes
            of the context; 0 where its last events do not say.
    """

    folder: str | None = None
    tokens: int = 0


class Query(Struct, frozen=True):
    """Which sessions are meant; all that is given has to fit.

    Attributes:
        tenant: whose; None: anybody's.
        status: one of these.
        text: is found in the id, the title, or in what users and the model said.
        before, after: seconds since the epoch that its last event came before, or after.
        limit: how many at most, those with the newest event first.
        offset: how many of them are passed over.
    """

    tenant: str | None = None
    status: tuple[SessionStatus, ...] = ()
    text: str = ""
    before: float | None = None
    after: float | None = None
    limit: int = 100
    offset: int = 0


class Store(Protocol):
    """Keeps the durable events of sessions. Any thread, any event loop may use it.

    Every method but `close` raises `StoreError` where the database cannot be used: what was
    attempted, where, and what to do next.
    """

    url: str
    """Where it is, without a password."""

    async def open(self) -> None:
        """Connect, and bring an older schema up to date; may be called again.

        Raises:
            StoreError: the schema is newer than this toolrun.
        """
        ...

    async def aclose(self) -> None:
        """Write what waits, give every lease back, and let go of the database."""
        ...

    def close(self) -> None:
        """The same where no event loop can be waited on."""
        ...

    async def create(self, session: str, tenant: str | None = None) -> Lease:
        """Make a session, and hold it.

        Args:
            session: the id.
            tenant: on whose behalf it runs.

        Returns:
            The right to drive it.

        Raises:
            ConfigError: there is one of that name.
        """
        ...

    async def acquire(self, session: str, tenant: str | None = None) -> Lease:
        """Hold a session; at once where its holder is known to be dead.

        Args:
            session: the id.
            tenant: where given, whose it must be.

        Returns:
            The right to drive it.

        Raises:
            ConfigError: there is no such session of that tenant.
            SessionBusy: another holds it; the message says who, and until when at least.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Let others hold it.

        Args:
            lease: that was given.
        """
        ...

    def forget(self, lease: Lease) -> None:
        """The same where nothing can be waited for: of a session that nobody closed.

        Args:
            lease: that was given.
        """
        ...

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        """Return when events are stored. The same events may be given again.

        Args:
            lease: of their session.
            events: in order, without gaps.

        Raises:
            LeaseLost: another holds the session now; nothing was stored.
            StoreError: they could not be stored; giving them again may work.
        """
        ...

    async def read(
        self, session: str, tenant: str | None = None, *, after: int = 0
    ) -> list[Durable]:
        """The events of a session, in order; whoever holds it.

        Args:
            session: the id.
            tenant: where given, whose it must be.
            after: only those after this one, by number: how a watcher learns what came since.

        Raises:
            ConfigError: there is no such session of that tenant.
            StoreError: what is stored is damaged; the message names the first event that is.
        """
        ...

    async def sessions(self, query: Query | None = None) -> list[SessionInfo]:
        """The sessions that are meant; the newest hundred where nothing is said.

        Args:
            query: which are meant.
        """
        ...

    async def delete(self, session: str, tenant: str | None = None) -> None:
        """Remove a session and all that belongs to it.

        Args:
            session: the id.
            tenant: where given, whose it must be.

        Raises:
            ConfigError: there is no such session of that tenant.
            SessionBusy: somebody holds it.
        """
        ...

    async def purge(self, query: Query) -> int:
        """Remove the sessions that are meant and nobody holds; says how many.

        Args:
            query: which are meant.
        """
        ...

    async def request_cancel(self, session: str, tenant: str | None = None) -> bool:
        """Ask whoever drives a session to stop its turn; False where nobody does.

        Args:
            session: the id.
            tenant: where given, whose it must be.
        """
        ...

    def on_cancel(self, lease: Lease, stop: Callable[[], None]) -> None:
        """Have `stop` called, on the loop that runs now, where that is asked for or it is lost.

        Once: whoever is told that its turn shall be stopped sets `lease.cancelled` back, and asks
        to be told again.
        """
        ...
