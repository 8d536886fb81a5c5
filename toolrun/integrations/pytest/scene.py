"""Which trace does each session get that a test opens, and was all of it used?"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import structs

from toolrun.errors import ReplayMismatch
from toolrun.integrations.pytest.network import Block, blocked
from toolrun.integrations.pytest.recording import NewTrace
from toolrun.runtime import Runtime
from toolrun.testing.stage import Stage
from toolrun.trace.recording import Recording
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolrun.integrations.pytest.marks import Marked
    from toolrun.options import Options
    from toolrun.parts import Parts

Mode: TypeAlias = Literal["replay", "record", "refresh"]


class MissingTraceError(Exception):
    """A trace that is to be replayed is not there; the message says how it is recorded."""


class Scene:
    """The time of one test: its sessions play the traces of its mark, or record them.

    Args:
        marked: what the mark says.
        mode: of the run; "record" replays what is there.
        test: how pytest calls the test, for messages.

    Raises:
        MissingTraceError: a trace is not there, and is not to be recorded.
        TraceError: a file is no trace.
        ValueError: one cannot be recorded at its place.
    """

    def __init__(self, marked: Marked, mode: Mode, test: str) -> None:
        self._marked = marked
        self._test = test
        self._lock = threading.Lock()
        self._next = 0
        self._roles: list[Stage | NewTrace] = []
        self._problem: ReplayMismatch | None = None
        self._stack = ExitStack()
        self.block: Block | None = None
        try:
            for path in marked.paths:
                self._roles.append(self._role(path, mode))
            if all(isinstance(role, Stage) for role in self._roles):
                self.block = self._stack.enter_context(blocked())
            self._stack.enter_context(_assembled_by(self))
        except BaseException:
            self.close(keep=False)
            raise

    def _role(self, path: Path, mode: Mode) -> Stage | NewTrace:
        """What stands for one trace of the mark."""
        if mode == "refresh" or (mode == "record" and not path.exists()):
            return NewTrace(path)
        if not path.exists():
            raise MissingTraceError(
                f"there is no trace {path}. Record it, from the live model that the test's "
                f"sessions name:\n\n    pytest --trace-mode=record '{self._test}'"
            )
        return Stage(path, **self._marked.how)

    def assemble(self, runtime: Runtime, session_id: str | None, options: Options) -> Parts:
        """What `Runtime.assemble` gives, with the next trace of the mark.

        Raises:
            ReplayMismatch: there is no trace for this session.
        """
        with self._lock:
            number = self._next
            self._next += 1
        if number >= len(self._roles):
            return self._further(runtime, session_id, options)
        role = self._roles[number]
        if isinstance(role, Stage):
            return role.assemble(runtime, session_id, options)
        return _assemble(
            runtime, session_id, {**options, "trace": _written(role, runtime, options)}
        )

    def _further(self, runtime: Runtime, session_id: str | None, options: Options) -> Parts:
        """A session more than the mark has traces: a stage may know of more."""
        last = self._roles[-1]
        if isinstance(last, Stage):
            try:
                return last.assemble(runtime, session_id, options)
            except ReplayMismatch:
                pass
        count = len(self._roles)
        self._problem = ReplayMismatch(
            f"the test opened session {count + 1}, and its mark names "
            f"{counted(count, 'trace')}. Name one for each session, in the order in which "
            f'they are opened: @pytest.mark.trace("{self._marked.paths[0].name}", ..., '
            '"NEXT.jsonl"); then record what is missing: pytest --trace-mode=record '
            f"'{self._test}'"
        )
        raise self._problem

    @property
    def unfinished(self) -> list[Path]:
        """The traces that end in the middle of a turn."""
        return [role.path for role in self._roles if isinstance(role, Stage) and role.unfinished]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The traces of the mark."""
        return self._marked.paths

    def finish(self) -> None:
        """See that all traces were used, to their ends.

        Raises:
            ReplayMismatch: one was not.
        """
        if (found := self.mismatch()) is not None:
            raise found
        for number, (role, path) in enumerate(zip(self._roles, self._marked.paths, strict=True)):
            if number >= self._next:
                raise ReplayMismatch(
                    f"{path} was not used: the mark names {counted(len(self._roles), 'trace')}, "
                    f"and the test opened {counted(number, 'session')}. Open one for each, or name "
                    "less"
                )
            if isinstance(role, Stage):
                role.finish()

    def mismatch(self) -> ReplayMismatch | None:
        """The first difference that was found, whatever the test made of it."""
        if self._problem is not None:
            return self._problem
        stages = [role for role in self._roles if isinstance(role, Stage)]
        return next((stage.mismatch for stage in stages if stage.mismatch is not None), None)

    def close(self, *, keep: bool) -> list[Path]:
        """End it, and say which traces were recorded.

        Args:
            keep: what was recorded: the test passed.
        """
        self._stack.close()
        new = [role for role in self._roles if isinstance(role, NewTrace)]
        if not keep:
            for role in new:
                role.drop()
            return []
        return [role.place for role in new if role.keep()]


_assemble = Runtime.assemble


@contextmanager
def _assembled_by(scene: Scene) -> Iterator[None]:
    """Have every session of this process be put together by the scene.

    So also those that a service opens, which knows nothing of tests.
    """

    def assemble(self: Runtime, session_id: str | None, options: Options) -> Parts:
        return scene.assemble(self, session_id, options)

    before = Runtime.assemble
    Runtime.assemble = assemble  # type: ignore[method-assign]  # for the time of the test
    try:
        yield
    finally:
        Runtime.assemble = before  # type: ignore[method-assign]  # for the time of the test


def _written(new: NewTrace, runtime: Runtime, options: Options) -> Recording:
    """The option `trace` that records there, without what the session's own would leave out."""
    said = options["trace"] if "trace" in options else runtime.option("trace")
    own = said if isinstance(said, Recording) else Recording()
    return structs.replace(own, path=new.path, max_bytes=None, compress=False)
