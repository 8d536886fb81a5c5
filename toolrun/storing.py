"""Which stores do the sessions of a runtime use? Each is opened once, at its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.store.sink import StoreSink

if TYPE_CHECKING:
    from toolrun.store.contract import Durability, Store


class Stores:
    """The stores of a runtime.

    Args:
        durability: of those that it opens.
    """

    def __init__(self, durability: Durability = "process") -> None:
        self._durability = durability
        self._by_url: dict[str, Store] = {}

    def of(self, wanted: str | Store) -> Store:
        """The store that an option means, connected or not.

        Raises:
            ConfigError: the URL is none of a store.
            MissingExtra: the driver of its database is not installed.
        """
        if not isinstance(wanted, str):
            return wanted
        if wanted not in self._by_url:
            # Late: it takes most of a second to import.
            from toolrun.store.opening import open_store

            self._by_url[wanted] = open_store(wanted, durability=self._durability)
        return self._by_url[wanted]

    def sink(
        self, wanted: str | Store | None, session: str, tenant: str | None
    ) -> StoreSink | None:
        """What stores the events of a session; None where nothing does."""
        return None if wanted is None else StoreSink(self.of(wanted), session, tenant)

    async def aclose(self) -> None:
        """Close those that were opened here; what was handed in is its owner's."""
        while self._by_url:
            await self._by_url.popitem()[1].aclose()

    def close(self) -> None:
        """The same where no event loop can be waited on."""
        while self._by_url:
            self._by_url.popitem()[1].close()
