"""How does a recorded trace stand in for the outside of a session that somebody else drives?

A `Stage` has the trace's model, tools, clock, id and date play their parts in a session with the
caller's own tools, instructions and words. What the session does by itself is done, and compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from toolrun.errors import ConfigError, ReplayMismatch
from toolrun.runtime import Runtime
from toolrun.testing.part import Part
from toolrun.trace.header import beside
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.options import Options
    from toolrun.parts import Parts

Strictness: TypeAlias = Literal["strict", "semantic", "loose"]
Source: TypeAlias = Literal["trace", "live"]

_assemble = Runtime.assemble  # a test may have put a stage in its place


class Stage:
    """A trace that plays the outside of the sessions that a test opens.

    The first session that is put together has the trace itself; each further one, such as a fork,
    has the next trace that lies beside it under the name of its session (`NAME-ID.jsonl`).

    Args:
        path: of the trace.
        strictness: which requests are taken for the recorded ones.
        model: who samples the steps.
        tools: who runs the calls.
        volatile: regular expressions: what they match in requests is not compared.
        rate: 1.0 for the original pace, 2.0 for twice as fast; None for no waits.

    Raises:
        TraceError: the file is no trace, or cannot be replayed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        strictness: Strictness = "strict",
        model: Source = "trace",
        tools: Source = "trace",
        volatile: Sequence[str] = (),
        rate: float | None = None,
    ) -> None:
        self.path = Path(path)
        if (strictness, model, tools, tuple(volatile)) != ("strict", "trace", "trace", ()):
            raise ConfigError("a Stage plays strictly and wholly from its trace, so far")
        self._rate = rate
        self._parts = [Part(each, rate=rate) for each in (self.path, *_beside(self.path))]
        self._opened: list[Part] = []

    @property
    def steps(self) -> int:
        """How many steps are recorded, of all sessions together."""
        return sum(part.steps for part in self._parts)

    @property
    def used(self) -> int:
        """How many of them have been used so far."""
        return sum(part.used for part in self._parts)

    def assemble(self, runtime: Runtime, session_id: str | None, options: Options) -> Parts:
        """What `Runtime.assemble` gives, with the trace in the place of the outside.

        Raises:
            ReplayMismatch: no session is left that the trace could play.
        """
        live = _assemble(runtime, session_id, options)
        left = [part for part in self._parts if part not in self._opened]
        if not left:
            count = len(self._parts)
            sessions = "one session" if count == 1 else f"{count} sessions"
            raise ReplayMismatch(
                f"{self.path} holds {sessions}, and one more was opened. Open no more, or record "
                "the test again (pytest --trace-mode=refresh)"
            )
        part = next((part for part in left if part.plan.session == session_id), left[0])
        self._opened.append(part)
        return part.assemble(live)

    def finish(self) -> None:
        """See that all that was recorded has happened.

        Raises:
            ReplayMismatch: something differed, or some of it has not happened.
        """
        for part in self._parts:
            part.finish()


def _beside(path: Path) -> list[Path]:
    """The traces of further sessions that were recorded with one, in the order of their begin."""
    found: list[tuple[float, Path]] = []
    for each in path.parent.glob(f"{path.stem}-*{path.suffix}"):
        with TraceReader(each) as reader:
            header = reader.header
        if beside(path, header.session).name == each.name:
            found.append((header.created, each))
    return [each for _, each in sorted(found)]
