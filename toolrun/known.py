"""Which secret values have been asked for so far? They must not reach what is written down."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 64
"""Values that are remembered: tokens are made anew each hour, and a service runs for months."""


class Known:
    """Secret values, of which more become known in time.

    Attributes:
        values: those known by now; another tuple once there is one more.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values: tuple[str, ...] = tuple(values)

    def learn(self, value: object) -> None:
        """Take note of one more, if it is a text; of many the newest are kept."""
        if isinstance(value, str) and value and value not in self.values:
            self.values = (*self.values, value)[-MOST:]
