"""Which rows fit what is typed, and which one is picked?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toolrun.cli.screen import cut, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.face import Row
    from toolrun.cli.chat.terminal.asking import Fragments


class Picking:
    """A list that somebody picks from while they type what it is that they look for.

    Attributes:
        title: of the list.
        place: of the row that is picked, among those that fit.
    """

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        self.title = title
        self.place: int = 0
        self._rows = [
            (number, row, f"{row.title} {row.detail}".lower()) for number, row in enumerate(rows)
        ]
        self._sought = ""
        self._fits = self._rows

    def seek(self, typed: str) -> None:
        """Keep the rows that hold every word of what is typed."""
        if typed != self._sought:
            words = typed.lower().split()
            self._sought, self.place = typed, 0
            self._fits = [row for row in self._rows if all(word in row[2] for word in words)]

    def move(self, by: int) -> None:
        """Pick another row."""
        self.place = min(max(self.place + by, 0), max(len(self._fits) - 1, 0))

    @property
    def picked(self) -> int | None:
        """The number of the row that is picked; None where none fits."""
        return self._fits[self.place][0] if self._fits else None

    def fragments(self, columns: int, height: int) -> Fragments:
        """How it looks in so many lines."""
        shown = max(height - 1, 1)
        first = min(max(self.place - shown // 2, 0), max(len(self._fits) - shown, 0))
        count = f"{len(self._fits):,} of {len(self._rows):,}"
        text: Fragments = [("class:question", cut(f"{visible(self.title)}  {count}", columns - 1))]
        for place, (_, row, _) in enumerate(self._fits[first : first + shown], first):
            style = "class:picked" if place == self.place else "class:choice"
            when = f"{ago(row.when):>9}  " if row.when else ""
            line = visible(f"  {when}{row.title}  {row.detail}").replace("\n", " ").rstrip()
            text += [("", "\n"), (style, cut(line, columns - 1))]
        return text


def ago(when: float, now: float | None = None) -> str:
    """How long ago a time was (both in seconds since the epoch), in one or two words."""
    passed = (time.time() if now is None else now) - when
    for seconds, unit in ((86_400 * 7, "w"), (86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= seconds:
            return f"{passed // seconds:.0f} {unit} ago"
    return "just now"
