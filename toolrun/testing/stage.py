"""How does a recorded trace stand in for the outside of a session that somebody else drives?

A `Stage` has the trace's model, tools, clock, id and date play their parts in a session with the
caller's own tools, instructions and words. What the session does by itself is done, and compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from toolrun.errors import ConfigError, ReplayMismatch
from toolrun.runtime import Runtime
from toolrun.testing.part import How, Part, Source
from toolrun.trace.header import beside
from toolrun.trace.normal import Normal
from toolrun.trace.reader import TraceReader
from toolrun.trace.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.testing.toolboxes import Unrecorded
    from toolrun.trace.asked import Strictness

_assemble = Runtime.assemble  # a test may have put a stage in its place
_CHOICES: dict[str, tuple[str, ...]] = {
    "strictness": ("strict", "semantic", "loose"),
    "model": ("trace", "live"),
    "tools": ("trace", "live"),
}


class Stage:
    """A trace that plays the outside of the sessions that a test opens.

    The first session that is put together has the trace itself; each further one, such as a fork,
    has the next trace that lies beside it under the name of its session (`NAME-ID.jsonl`). Nothing
    is recorded where the model is the trace's.

    Args:
        path: of the trace.
        strictness: "strict": a request is the recorded one to the byte, and so is every event where
            model and tools are both the trace's. "semantic": its messages and calls are, and the
            tools by name. "loose": the n-th request gets the n-th step.
        model: who samples the steps; of a live one nothing is compared.
        tools: who answers the calls; results of live ones are compared, unless loosely.
        volatile: regular expressions: what they match in a text is not compared.
        rate: 1.0 for the original pace, 2.0 for twice as fast; None for no waits.

    Raises:
        ConfigError: an argument does not fit.
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
        how = How(strictness, model, tools, _texts(volatile), rate)
        _check(how)
        Normal(how.volatile)  # refuses what does not compile, before anything is read
        self.path: Path = Path(path)
        self._place = self.path.resolve()
        self._how = how
        self._parts = [Part(each, how) for each in (self.path, *_beside(self.path))]

    @property
    def steps(self) -> int:
        """How many steps are recorded, of all sessions together."""
        return sum(part.steps for part in self._parts)

    @property
    def used(self) -> int:
        """How many of them have been used so far."""
        return sum(part.used for part in self._parts)

    @property
    def unfinished(self) -> bool:
        """Whether a trace ends in the middle of a turn: a session that is asked stops there."""
        return any(part.plan.unfinished for part in self._parts)

    @property
    def unrecorded(self) -> list[Unrecorded]:
        """The calls so far that no result is recorded of, and that were answered so."""
        return [each for part in self._parts for each in part.unrecorded]

    @property
    def mismatch(self) -> ReplayMismatch | None:
        """The first difference so far, whatever the session's user made of it."""
        return next((part.mismatch for part in self._parts if part.mismatch is not None), None)

    def assemble(self, runtime: Runtime, session_id: str | None, options: Options) -> Parts:
        """Internal: what `Runtime.assemble` gives, with the trace in the place of the outside.

        Raises:
            ReplayMismatch: no session is left that the trace could play.
        """
        left = [part for part in self._parts if not part.opened]
        if not left:
            count = len(self._parts)
            sessions = "one session" if count == 1 else f"{count} sessions"
            raise ReplayMismatch(
                f"{self.path} holds {sessions}, and one more was opened. Open no more, or record "
                "the test again (pytest --trace-mode=refresh)"
            )
        live = _assemble(runtime, session_id, self._unwritten(runtime, options))
        # What would not have been written of the session is not compared, either.
        redact = live.trace.redacted if live.trace is not None else None
        part = next((part for part in left if part.plan.session == session_id), left[0])
        return part.assemble(live, Normal(self._how.volatile, redact))

    def finish(self) -> None:
        """See that all that was recorded has happened.

        Raises:
            ReplayMismatch: something differed, or some of it has not happened.
        """
        if (found := self.mismatch) is not None:
            raise found
        for part in self._parts:
            part.finish()

    def _unwritten(self, runtime: Runtime, options: Options) -> Options:
        """A session's options with a trace that knows its secrets, and is nowhere.

        A live model may be recorded as ever, but not over the trace that plays to it.
        """
        own = options.get("trace") or runtime.option("trace")
        recording = Recording.of(own) or Recording()
        if self._how.model == "live":
            is_mine = recording.path is not True and Path(recording.path).resolve() == self._place
            return {**options, "trace": None} if is_mine else options
        nowhere = self.path.with_name(f"{self.path.name}.replayed")
        return {**options, "trace": structs.replace(recording, path=nowhere)}


def _check(how: How) -> None:
    """Refuse what does not exist, and what would make no use of a trace."""
    for name, choices in _CHOICES.items():
        if (value := getattr(how, name)) not in choices:
            raise ConfigError(f"{name} is {' or '.join(map(repr, choices))}, not {value!r}")
    if how.model == how.tools == "live":
        raise ConfigError("nothing would come from the trace: take model or tools from it")
    if how.rate is not None and how.rate <= 0:
        raise ConfigError(f"rate must be greater than 0, or None for no waits, not {how.rate}")


def _texts(volatile: Sequence[str]) -> tuple[str, ...]:
    if isinstance(volatile, str):
        raise ConfigError(f"volatile is a list of regular expressions, not {volatile!r}")
    return tuple(volatile)


def _beside(path: Path) -> list[Path]:
    """The traces of further sessions that were recorded with one, in the order of their begin."""
    found: list[tuple[float, Path]] = []
    for each in path.parent.glob(f"{path.stem}-*{path.suffix}"):
        with TraceReader(each) as reader:
            header = reader.header
        if beside(path, header.session).name == each.name:
            found.append((header.created, each))
    return [each for _, each in sorted(found)]
