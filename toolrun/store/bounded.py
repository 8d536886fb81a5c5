"""How does a statement end where the server says nothing any more? After a while, as an error.

A network that was cut without a word, or a server that is stopped, would be waited for for ever:
libpq has no time-out for that, and TCP's are minutes.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator


def connect(
    psycopg: Any, conninfo: dict[str, Any], seconds: float | None, *, autocommit: bool
) -> Any:
    """A connection of psycopg.

    Args:
        psycopg: the module.
        conninfo: as for its `connect`.
        seconds: how long one statement may take; None: as long as it takes.
        autocommit: whether each statement is a transaction.

    Raises:
        Exception: psycopg's.
    """
    connection = _bounded(psycopg).connect(**conninfo, autocommit=autocommit)
    connection.seconds = seconds
    return connection


@lru_cache(maxsize=1)
def _bounded(psycopg: Any) -> Any:
    class Bounded(psycopg.Connection):  # type: ignore[misc]  # of an untyped package
        """A connection whose statements take no longer than `seconds`."""

        seconds: float | None = None

        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            steps = gen if self.seconds is None else self._limited(gen, self.seconds)
            return super().wait(steps, *args, **kwargs)

        def _limited(self, steps: Any, seconds: float) -> Generator[Any, Any, Any]:
            until = time.monotonic() + seconds
            try:
                wanted = next(steps)
                while True:
                    ready = yield wanted
                    # Nothing is ready: psycopg asks again ten times a second.
                    if not ready and time.monotonic() > until:
                        self.pgconn.finish()  # what is under way there is not known any more
                        raise psycopg.OperationalError(
                            f"the server has said nothing for {seconds:.0f} s"
                        )
                    wanted = steps.send(ready)
            except StopIteration as end:
                return end.value

    return Bounded
