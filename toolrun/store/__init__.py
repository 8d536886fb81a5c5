"""How does a session outlive its process?

`open_store` gives the store of a URL; a `Store` of your own keeps the same promises.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from toolrun.store.contract import Durability as Durability
    from toolrun.store.contract import Lease as Lease
    from toolrun.store.contract import Query as Query
    from toolrun.store.contract import SessionInfo as SessionInfo
    from toolrun.store.contract import SessionStatus as SessionStatus
    from toolrun.store.contract import Store as Store
    from toolrun.store.opening import open_store as open_store

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun.store.contract": (
                *("Durability", "Lease", "Query", "SessionInfo", "SessionStatus", "Store"),
            ),
            "toolrun.store.opening": ("open_store",),
        },
    )
