"""How much memory does a work hold at once?"""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES = 3


def peak_of(work: Callable[[], Any]) -> int:
    """The most bytes that a work holds at once, beside what it needs the first time only.

    What other threads of the process take meanwhile is counted, too: so the least of some tries
    is told.
    """
    work()
    return min(_peak(work) for _ in range(_TRIES))


def _peak(work: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
