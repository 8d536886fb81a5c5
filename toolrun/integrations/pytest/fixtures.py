"""What do the plugin's fixtures give a test?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.session import Session
from toolrun.trace.acts import Turn
from toolrun.trace.plan import Plan
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from toolrun.blocking import BlockingSession
    from toolrun.options import Options


class OpenSession:
    """Makes sessions with the traces of the test's mark, one after the other.

    A `Session(...)` anywhere in the test does the same; this says that it is so.
    """

    def __call__(self, **options: Unpack[Options]) -> Session:
        """A session; enter it with `async with`. See `Session`."""
        return Session(**options)

    def sync(self, **options: Unpack[Options]) -> BlockingSession:
        """The same, blocking; enter it with `with`. See `Session.sync`."""
        return Session.sync(**options)


class RecordedTrace:
    """A trace that a test is run with.

    Args:
        path: of the file.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def said(self) -> tuple[str, ...]:
        """What the user said, turn by turn: for tests that are run with many traces.

        Raises:
            TraceError: the file is not there, or is no trace.
        """
        plan = Plan.from_trace(read_trace(self.path))
        acts = (act for act in plan.acts if isinstance(act, Turn))
        return tuple(act.text for act in acts if act.text is not None)
