"""What differs between the databases? Connecting, the clock, and what an error means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from toolrun.store.statements import Statements


class Database(Protocol):
    """One of the two, at one place."""

    url: str
    """Where it is, without a password."""
    begin: str
    """What begins a transaction that will write."""

    def connect(self) -> Any:
        """A connection of the driver, that begins no transaction by itself.

        Raises:
            Exception: the driver's.
        """
        ...

    def engine(self, *, patient: bool = False) -> Engine:
        """For reading, and for migrations: `patient`, they take what time they need.

        Its transactions see one moment; with the execution option `writes` they begin as
        `begin` says.
        """
        ...

    def statements(self) -> Statements:
        """All that is said to it, compiled."""
        ...

    def add(
        self,
        cursor: Any,
        rows: Sequence[tuple[Any, ...]],
        shown: Sequence[tuple[Any, ...]],
        owner: str,
    ) -> bool:
        """Store the rows of a `Batch` whose leases `owner` holds, in a transaction of its own.

        Returns:
            Whether all are stored; where not, some may be.

        Raises:
            Exception: the driver's; all, some or none are stored.
        """
        ...

    def listed(self, values: list[str]) -> Any:
        """A list as the parameter of a statement."""
        ...

    def now(self, cursor: Any) -> float:
        """Seconds, by the clock that all who use it share: what leases run out by."""
        ...

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same may work in a moment."""
        ...

    def outlived(self, owner: str) -> bool:
        """Whether the owner of a lease is known to be dead, whatever the lease says."""
        ...

    def advice(self, error: BaseException) -> str:
        """What went wrong, and what to do next."""
        ...
