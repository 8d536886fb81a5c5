"""How did a call end, in which words?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.job import Outcome
from toolrun.sandbox.protocol import Malformed

if TYPE_CHECKING:
    from toolrun.sandbox.job import Status
    from toolrun.sandbox.run import Run


def outcome(run: Run, elapsed: float, seconds: float) -> Outcome:
    """What a caller of a function gets back from its box."""
    common: dict[str, Any] = {
        "stdout": run.stdout.decode(errors="replace"),
        "stderr": run.stderr.decode(errors="replace"),
        "seconds": elapsed,
        "kept": run.kept,
    }
    if (early := ended(run, seconds)) is not None:
        status, why = early
        return Outcome(status=status, error=why, **common)
    if not run.reply.complete:
        status, why = _how_it_ended(run.exit)
        return Outcome(status=status, error=why, exit=run.exit, **common)
    if run.reply.error is not None:
        return Outcome(
            status="exception", error=run.reply.error, traceback=run.reply.traceback, **common
        )
    try:
        return Outcome(status="ok", value=run.reply.value(), **common)
    except Malformed as error:
        return Outcome(status="crash", error=f"wrote to the result's pipe: {error}", **common)


def ended(run: Run, seconds: float) -> tuple[Status, str] | None:
    """Which limit ended a box, and in which words."""
    if run.ended is not None and run.ended[0] == "timeout":
        return "timeout", f"did not finish within {seconds:g} s and was stopped"
    return run.ended


def ended_by_itself(run: Run, *, command: bool) -> bool:
    """Whether a job came to an end of its own: it returned or raised; a command: it exited.

    What was killed, from outside or by a signal of its own, may have been in the middle of a file.
    """
    if run.ended is not None:
        return False
    if not command:
        return run.reply.complete
    return run.exit is not None and run.exit - 128 not in set(signal.Signals)


def _how_it_ended(exit_status: int | None) -> tuple[Status, str]:
    if exit_status is None:
        return "crash", "its box ended before it returned"
    number = exit_status - 128  # as shells say it
    if number == signal.SIGXCPU:
        return "timeout", "used up its CPU time and was stopped"
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        return "crash", f"its process was ended by {name} before it returned"
    return "crash", f"its process ended with status {exit_status} before it returned"


def lacking(error: OSError) -> SandboxUnavailable:
    """What is said where this machine has too little for another box; nothing was run."""
    return SandboxUnavailable(
        f"sandbox: the box could not be made: {error}. Where files or processes are too many, let "
        "this process have more (ulimit -n, ulimit -u), or fewer boxes run at once (Boxes.running)"
    )
