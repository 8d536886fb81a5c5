"""How does a person see what a server's checks found: while they run, and at the end?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolrun.cli.screen import visible
from toolrun.embedded import is_embedded
from toolrun.models.doctor import CHECKS

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

    from toolrun.models.doctor import Check, Report, Verdict

_GLYPHS: Final[dict[Verdict, tuple[str, str, str]]] = {
    "green": ("\u2713", "ok", "green"),
    "yellow": ("!", "!", "yellow"),
    "red": ("\u2717", "x", "bold red"),
}
_WIDE: Final = 160
"""Columns where the output is no terminal, and nothing need fit."""


class Progress:
    """A line that says which check runs; nothing where it is not to be shown."""

    def __init__(self, file: TextIO, *, shown: bool) -> None:
        self._console = Console(file=file) if shown else None
        self._status = self._console.status("") if self._console is not None else None
        self._begun = 0

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def begin(self, name: str) -> None:
        """A check begins."""
        self._begun += 1
        if self._status is not None:
            self._status.update(Text(f"{self._begun} of {len(CHECKS)}: {name} ..."))

    def end(self, check: Check) -> None:
        """A check has ended; one that is not green is told at once."""
        if self._console is not None and check.verdict != "green":
            self._console.print(_verdict(check.verdict, self._console), Text(check.name))


def show(report: Report, file: TextIO) -> None:
    """Write the table of a report, and what it comes to."""
    console = Console(file=file, width=None if file.isatty() else _WIDE, highlight=False)
    console.print(table(report, console))
    counts = {each: sum(check.verdict == each for check in report.checks) for each in _GLYPHS}
    told = ", ".join(f"{count} {each}" for each, count in counts.items() if count)
    by = "" if report.via == "chat" else f'; via="auto" samples it by {report.via}'
    where = f"{report.server} at {report.url}"
    if is_embedded(report.url):
        where, by = report.server, "; it needs no server"
    console.print(Text(visible(f"{where}: {told}{by}")))


def table(report: Report, console: Console) -> Table:
    """A row for each check: what was seen, how it was proved, what would mend it."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    found.add_column("", no_wrap=True)
    found.add_column("check")
    found.add_column("seen", overflow="fold")
    for check in report.checks:
        seen = Text(visible(check.saw))
        if check.proof is not None:
            seen.append(f"\nproof: {visible(check.proof)}", style="dim")
        if check.fix is not None:
            seen.append(f"\nfix: {visible(check.fix)}", style=_GLYPHS[check.verdict][2])
        found.add_row(_verdict(check.verdict, console), Text(check.name), seen)
    return found


def _verdict(verdict: Verdict, console: Console) -> Text:
    glyph, plain, style = _GLYPHS[verdict]
    return Text(glyph if console.encoding.startswith("utf") else plain, style=style)
