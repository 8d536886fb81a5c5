"""For how long is tried again what fails for now, and how often?"""

from __future__ import annotations

import time
from typing import Final

PATIENCE: Final = 10.0
"""Seconds for which what fails for now is tried again."""
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.5)


def pause(attempt: int) -> None:
    """Wait, in a thread of the store, after an attempt that failed: the first one is number 0."""
    time.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
