"""What runs in a process forked from a test's own: what it reaches counts as if the test did.

Scripts that prepare boxes concern a whole process: they end it, fork, and change whose it is. So
the code that a test gives here runs in a process of its own, and in those that it forks, and each
of them saves what it has reached before it ends. One that is killed saves nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import select
import signal
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Final

import coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_SECONDS: Final = 60
_RAISED: Final = 70


class Forked:
    """A process that runs a function, below one that outlives all that the first one leaves.

    Args:
        run: the function.
        inherit: the descriptors that it has beside 0, 1 and 2; all that there are where None.
    """

    def __init__(self, run: Callable[[], object], inherit: Collection[int] | None = None) -> None:
        with warnings.catch_warnings():
            # Threads that wait for work are not there in the child, which waits for none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._keeper: int = os.fork()
        if self._keeper == 0:
            _keep(run, inherit)
        self._ended = os.pidfd_open(self._keeper)

    def wait(self) -> int:
        """Its exit status, as a shell's, once it and all that came of it is gone."""
        try:
            assert select.select([self._ended], [], [], _SECONDS)[0], "it has not ended"
        finally:
            os.kill(self._keeper, signal.SIGKILL)
            _, status = os.waitpid(self._keeper, 0)
            os.close(self._ended)
        return os.waitstatus_to_exitcode(status)


def script(path: str | None, *arguments: str) -> None:
    """Run a module's file as Python does that is given it; in a process of its own."""
    assert path is not None
    sys.argv = [path, *arguments]
    runpy.run_path(path, run_name="__main__")


def _keep(run: Callable[[], object], inherit: Collection[int] | None) -> None:
    """Be the one that all orphans come to; never returns."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    first, status = os.fork(), 0
    if first == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if inherit is not None:
            _close_all_but(inherit)
        _run(run)
    _close_all_but(())  # who waits for an end of these waits for the first one alone
    try:
        while True:
            pid, ended = os.waitpid(-1, 0)
            if pid == first:
                status = os.waitstatus_to_exitcode(ended)
    finally:  # no child is left
        os._exit(status if status >= 0 else 128 - status)


def _close_all_but(kept: Collection[int]) -> None:
    last = 2
    for each in sorted({*kept, 4_096}):
        os.closerange(last + 1, each)
        last = each


def _run(run: Callable[[], object]) -> None:
    end = os._exit

    def saved(status: int) -> None:
        measuring = coverage.Coverage.current()
        if measuring is not None:
            with contextlib.suppress(Exception):  # it may be a user who can write nowhere
                measuring.stop()
                measuring.save()
        end(status)

    os._exit = saved  # type: ignore[assignment]
    status = _RAISED
    try:
        run()
        status = 0
    except Exception:  # noqa: BLE001 - whatever it is, it is told
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)
