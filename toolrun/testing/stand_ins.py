"""What stands for the tools of a recorded session where their code is not at hand?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.trace.plan import Plan
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.tools.definition import Tool


def stand_ins(path: str | Path) -> list[Tool]:
    """The tools of a trace as the model saw them, without code: the trace answers their calls.

    For tests that are marked with the trace. Your own tools in their place show whether these are
    still what the model was told of.

    Args:
        path: of the trace.

    Raises:
        TraceError: the file is no trace, or cannot be replayed.
    """
    return Plan.from_trace(read_trace(path)).tools()
