"""Who hears of a call while it runs?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from msgspec import Struct

from toolrun.values import FileChange

Output = Callable[[Literal["stdout", "stderr", "progress"], str], None]
Changing = Callable[[Sequence[FileChange]], Awaitable[None]]


class Listener(Struct, frozen=True):
    """What a runner tells of a call; what is None is not asked for.

    Attributes:
        output: is told ("stdout" or "stderr", text) as the tool prints, and ("progress", text) of
            each value that it yields.
        changing: is awaited with what the call is about to do to the workspace, before that is
            touched.
    """

    output: Output | None = None
    changing: Changing | None = None
