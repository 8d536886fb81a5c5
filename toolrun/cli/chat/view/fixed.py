"""How does a block look that is there at once: a message, a note, a table, a diff?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view import look as l
from toolrun.cli.chat.view.entry import Entry
from toolrun.cli.chat.view.growing import Growing
from toolrun.cli.chat.view.markdown import lines_of
from toolrun.cli.chat.view.page import shortened_lines
from toolrun.cli.chat.view.paint import Line, Span, clean, wrap
from toolrun.cli.chat.view.tables import tabulated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.cli.chat.view.blocks import Block
    from toolrun.cli.chat.view.page import Page

_FOLDED: Final = (8, 3)
"""Lines of a long text that are shown while it is folded: its first, and its last."""
_FOLDED_DIFF: Final = (40, 0)
_SIGNS: Final = {"+": l.ADDED, "-": l.REMOVED, "@": l.PLACE}


class Fixed(Entry):
    """A block that is there at once."""

    def __init__(self, block: Block, number: int = 0) -> None:
        super().__init__(block.kind, number)
        self.block = block
        self.done = True

    def whole(self, page: Page) -> list[str]:
        """See `Entry.whole`."""
        title = page.lines("title", self.block.title) if self.block.title else []
        match self.kind:
            case "table":
                lines = _table(self.block, page)
            case "diff":
                lines = [*_diff(self._text(page, _FOLDED_DIFF), page)]
            case "markdown":
                lines = _markdown(self.block.text, page)
            case _:
                text = "\n".join(self._text(page, _FOLDED))
                return [*title, *page.lines(self.kind, text, words=self.kind != "output")]
        return [*title, *page.margin(self.kind, lines)]

    def _text(self, page: Page, ends: tuple[int, int]) -> list[str]:
        lines = self.block.text.rstrip("\n").split("\n")
        folded = self.number and self.is_folded(page)
        return shortened_lines(lines, self.number, *ends) if folded else lines


def _table(block: Block, page: Page) -> list[Line]:
    head = [_cell(name) for name in block.columns]
    rows = [[_cell(cell) for cell in row] for row in block.rows]
    return tabulated(head, rows, page.columns, page.look)


def _cell(text: str) -> Sequence[Span]:
    return [("", clean(text))]


def _diff(lines: Sequence[str], page: Page) -> Iterator[Line]:
    for line in lines:
        name = line.startswith(("+++", "---"))
        sgr = l.BOLD if name else _SIGNS.get(line[:1], "")
        yield from wrap([(sgr, clean(line))], page.columns, words=False)


def _markdown(text: str, page: Page) -> list[Line]:
    growing = Growing()
    growing.feed(text)
    lines: list[Line] = []
    for part in growing.end():
        lines += [[]] if part.gap else []
        lines += lines_of(part, page.columns, page.look)
    return lines
