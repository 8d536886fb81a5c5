"""How many examples does a test of a property take?

A quarter of them in each run, and all of them in `make test-all`, which says so by its environment:
these tests were a third of what the rooms of models, tools and traces took.
"""

from __future__ import annotations

import os
from typing import Final

WHOLE: Final = os.environ.get("TOOLRUN_EXAMPLES") == "all"
USUAL: Final = 100
"""What Hypothesis takes where a test says nothing."""


def examples(whole: int = USUAL) -> int:
    """So many of so many."""
    return whole if WHOLE else max(8, whole // 4)
