"""How far is a command that does many things, one after the other?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import TextIO

    from rich.progress import Progress


class Bar:
    """A bar at the bottom of a terminal, gone at the end; a context manager.

    Nothing is shown where the file is no terminal, or there is one thing to do.

    Args:
        total: how many things there are.
        file: the terminal.
        alone: show it for one thing, too: it may take long.
    """

    def __init__(self, total: int, file: TextIO, *, alone: bool = False) -> None:
        self._total = total
        self._file = file
        self._shown = total > 1 or alone
        self._done = -1
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if self._file.isatty() and self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._progress = Progress(
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(file=self._file),
                transient=True,
                # The lines above it are written by others, who say when: see `aside`.
                redirect_stdout=False,
                redirect_stderr=False,
                auto_refresh=False,
            )
            self._progress.add_task("", total=self._total)
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def at(self, what: str) -> None:
        """Say what is done now; what was before is done."""
        self._done += 1
        self.note(what)

    def note(self, what: str) -> None:
        """Say more of what is done now."""
        if (progress := self._progress) is not None:
            from toolrun.cli.screen import visible

            progress.update(progress.task_ids[0], completed=self._done, description=visible(what))
            progress.refresh()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let somebody write a line above the bar."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        yield
        self._progress.start()
