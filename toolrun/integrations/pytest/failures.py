"""What does a failed test show, so that a person understands at once?

Not the inside of toolrun: where in the test it happened, what was said up to there, what differs,
and what to do.
"""

from __future__ import annotations

import linecache
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from _pytest._code.code import TerminalRepr

from toolrun.errors import ReplayMismatch
from toolrun.integrations.pytest.network import NetworkBlocked
from toolrun.testing.conversation import AgentAssertionError, conversation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from _pytest._io import TerminalWriter

    from toolrun.integrations.pytest.scene import Scene
    from toolrun.testing.conversation import Said

_OURS: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - compared as text
_STYLES: Final[dict[str, dict[str, bool]]] = {
    "reasoning": {"light": True},
    "call": {"cyan": True},
    "result": {"light": True},
    "user": {"bold": True},
    "left out": {"light": True},
}


class Crash(NamedTuple):
    """What pytest's summary of failures says in one line."""

    path: str
    lineno: int
    message: str


class Explanation(TerminalRepr):
    """A failure as it is shown; as text where another process shows it."""

    def __init__(self, where: Crash, source: str, said: Sequence[Said], message: str) -> None:
        self.reprcrash = where
        self._source = source
        self._said = said
        self._message = message

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write it, reasoning dimmed."""
        where = self.reprcrash
        tw.line(f"{where.path}:{where.lineno}", bold=True)
        tw.line(f">   {self._source}", bold=True)
        tw.line()
        for line in self._said:
            tw.line(f"    {line}", **_STYLES.get(line.kind, {}))
        if self._said:
            tw.line()
        for text in self._message.splitlines():
            tw.line(f"E   {text}", red=True)


def explained(
    error: BaseException, scene: Scene | None, root: Path, test: str, begins: tuple[str, int]
) -> Explanation | None:
    """A failure that has to do with an agent, explained; None for any other.

    Args:
        error: that the test ended with.
        scene: of the test, where it has traces.
        root: what paths are shown from.
        test: how pytest calls it.
        begins: file and line where it does: what is found at its end has no line of its own.
    """
    mismatch = scene.mismatch() if scene is not None else None
    found = mismatch or _among(error, (ReplayMismatch, AgentAssertionError))
    if found is None:
        return None
    message = str(found)
    if isinstance(found, AgentAssertionError):
        said: Sequence[Said] = found.said
    else:
        said = conversation(found.transcript)  # type: ignore[attr-defined]  # set where it was raised
        if scene is not None:
            message += f"\n{_which(scene, root, test)}"
        if not _within(error, found):
            message += f"\nThe test itself ended with {type(error).__name__}: {error}"
    path, line = _place(error) or begins
    shown = os.path.relpath(path, root)
    source = linecache.getline(path, line).strip()
    first = f"{type(found).__name__}: {message.splitlines()[0] if message else ''}"
    return Explanation(Crash(shown, line, first), source, said, message)


def _which(scene: Scene, root: Path, test: str) -> str:
    """Which trace it was, and how this test alone records it anew."""
    paths = ", ".join(os.path.relpath(each, root) for each in scene.paths)
    return f"The trace: {paths}\nTo record it again: pytest --trace-mode=refresh '{test}'"


def attempts(scene: Scene | None) -> str:
    """What a failed test tried to reach, line by line; "" where nothing."""
    tried = scene.block.attempts if scene is not None and scene.block is not None else []
    return "\n".join(tried)


def _among(error: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    """The first error of these kinds among an error, its causes, and what a group holds."""
    return next((each for each in _all_of(error, set()) if isinstance(each, kinds)), None)


def _within(error: BaseException, found: BaseException) -> bool:
    return any(each is found for each in _all_of(error, set()))


def _all_of(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    inner: Iterable[BaseException | None] = (error.__cause__, error.__context__)
    if isinstance(error, BaseExceptionGroup):
        inner = (*error.exceptions, *inner)
    for each in inner:
        if each is not None:
            yield from _all_of(each, seen)


def _place(error: BaseException) -> tuple[str, int] | None:
    """The line of the user's own code that the error came through last."""
    for each in _all_of(error, set()):
        if (place := _last_own(each.__traceback__)) is not None:
            return place
    return None


def _last_own(traceback: TracebackType | None) -> tuple[str, int] | None:
    place: tuple[str, int] | None = None
    while traceback is not None:
        code: Any = traceback.tb_frame.f_code
        name = code.co_filename
        own = not name.startswith((_OURS, "<")) and "site-packages" not in Path(name).parts
        if own and "__tracebackhide__" not in traceback.tb_frame.f_locals and not _is_stdlib(name):
            place = (name, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _is_stdlib(name: str) -> bool:
    return name.startswith(os.path.dirname(os.__file__) + os.sep)  # noqa: PTH120 - as above


__all__ = ["Explanation", "NetworkBlocked", "attempts", "explained"]
