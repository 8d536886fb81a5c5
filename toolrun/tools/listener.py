"""Who hears of a call while it runs?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

Output = Callable[[Literal["stdout", "stderr", "progress"], str], None]


class Listener(Struct, frozen=True):
    """What a runner tells of a call; what is None is not asked for.

    Attributes:
        output: is told ("stdout" or "stderr", text) as the tool prints, and ("progress", text) of
            each value that it yields.
    """

    output: Output | None = None
