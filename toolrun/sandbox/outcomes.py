"""How did a call end, in which words?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from toolrun.sandbox.job import Outcome
from toolrun.sandbox.protocol import Malformed

if TYPE_CHECKING:
    from toolrun.sandbox.box import Box
    from toolrun.sandbox.job import Status


def outcome(box: Box, elapsed: float, seconds: float) -> Outcome:
    """What a caller of a function gets back from its box."""
    common: dict[str, Any] = {
        "stdout": box.stdout.decode(errors="replace"),
        "stderr": box.stderr.decode(errors="replace"),
        "seconds": elapsed,
    }
    if (early := ended(box, seconds)) is not None:
        status, why = early
        return Outcome(status=status, error=why, **common)
    if not box.reply.complete:
        status, why = _how_it_ended(box.exit)
        return Outcome(status=status, error=why, exit=box.exit, **common)
    if box.reply.error is not None:
        return Outcome(
            status="exception", error=box.reply.error, traceback=box.reply.traceback, **common
        )
    try:
        return Outcome(status="ok", value=box.reply.value(), **common)
    except Malformed as error:
        return Outcome(status="crash", error=f"wrote to the result's pipe: {error}", **common)


def ended(box: Box, seconds: float) -> tuple[Status, str] | None:
    """Which limit ended a box, and in which words."""
    if box.ended is not None and box.ended[0] == "timeout":
        return "timeout", f"did not finish within {seconds:g} s and was stopped"
    return box.ended


def _how_it_ended(exit_status: int | None) -> tuple[Status, str]:
    assert exit_status is not None
    number = exit_status - 128  # as shells and bubblewrap say it
    if number == signal.SIGXCPU:
        return "timeout", "used up its CPU time and was stopped"
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        return "crash", f"its process was ended by {name} before it returned"
    return "crash", f"its process ended with status {exit_status} before it returned"
