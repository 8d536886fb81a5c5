"""How does Markdown look on a terminal?

Where there are no colours, the marks of the source stay: they say what a colour would. Of a link,
the address stands beside its text, so that none leads elsewhere than it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from toolrun.cli.chat.view import look as l
from toolrun.cli.chat.view.code import highlighted
from toolrun.cli.chat.view.growing import Part
from toolrun.cli.chat.view.paint import Line, Span, cells, clean, wrap
from toolrun.cli.chat.view.parser import parsed, parsed_inline
from toolrun.cli.chat.view.tables import tabulated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

    from toolrun.cli.chat.view.look import Look
    from toolrun.cli.chat.view.tables import Side

_MARKS: Final = {
    "strong": (l.BOLD, "**"),
    "em": (l.ITALIC, "*"),
    "s": (l.STRUCK, "~~"),
}
_BULLETS: Final = ("\u2022 ", "\u25e6 ", "\u25aa ")
_INDENT: Final = "    "
_NARROW: Final = 8
"""Columns that are always left for what stands inside of lists and quotes."""


def lines_of(part: Part, columns: int, look: Look) -> list[Line]:
    """The lines of a part of a Markdown text; each is at most so many columns wide."""
    return Setter(part, look).blocks(columns)


def inline(text: str, look: Look) -> list[Span]:
    """The spans of a text that is inside of a line."""
    return _Text(look).spans(parsed_inline(text))


def table_of(text: str, look: Look) -> tuple[list[list[list[Span]]], list[Side]] | None:
    """The rows of a text, its head included, and where their cells stand; None: it is no table."""
    setter = Setter(Part(text), look)
    return setter.table()


def code_lines(lines: Sequence[Line], columns: int) -> list[Line]:
    """The lines of code, indented; what is longer than the screen goes on in the next one."""
    indent = _INDENT if columns > _NARROW + len(_INDENT) else ""
    room = max(columns - len(indent), 2)
    return [
        [("", indent), *piece] if piece else []
        for line in lines
        for piece in wrap(line, room, words=False)
    ]


class Setter:
    """Goes through the tokens of a text once.

    Attributes:
        room: the columns that the last block was wrapped to, where it is a paragraph or a heading
            that stands in no quote; else 0.
        sgr: the colours of that block.
    """

    def __init__(self, part: Part, look: Look) -> None:
        self._look = look
        self._tokens = parsed(part.text)
        self._source = part.text.split("\n")
        self._at = 0
        self._number = part.number
        self._depth = self._quotes = 0
        self.room: int = 0
        self.sgr: str = ""

    def blocks(self, columns: int, end: str = "") -> list[Line]:
        """The lines of the blocks up to a token, with the empty lines that the source has."""
        lines: list[Line] = []
        while self._at < len(self._tokens) and self._tokens[self._at].type != end:
            token = self._tokens[self._at]
            if lines and token.map and self._empty_before(token.map[0]):
                lines.append([])
            self._at += 1
            lines += self._block(token, columns)
        self._at += 1
        return lines

    def _empty_before(self, line: int) -> bool:
        return line > 0 and not self._source[line - 1].strip(" \t>")

    def _block(self, token: Token, columns: int) -> list[Line]:  # noqa: PLR0911 - a table
        self.room, self.sgr = 0, ""
        match token.type:
            case "paragraph_open":
                self.room = 0 if self._quotes else columns
                return wrap(self._inline(), columns)
            case "heading_open":
                self.room = 0 if self._quotes else columns
                return self._heading(token, columns)
            case "fence" | "code_block":
                return self._code(token, columns)
            case "hr":
                return [[(l.DIM, self._look.one_of("\u2500", "-") * min(columns, 40))]]
            case "blockquote_open":
                bar = (l.DIM, self._look.one_of("\u2502 ", "> "))
                self._quotes += 1
                inner = self.blocks(max(columns - 2, _NARROW), "blockquote_close")
                self._quotes -= 1
                return [[bar, *line] for line in inner]
            case "bullet_list_open" | "ordered_list_open":
                return self._list(token, columns)
            case "table_open":
                return self._table(columns)
            case _:
                return []

    def _heading(self, token: Token, columns: int) -> list[Line]:
        level = int(token.tag[1])
        text = self._inline()
        if not self._look.colour:
            return wrap([("", "#" * level + " "), *text], columns)
        self.sgr = l.HEADING[level - 1]
        return wrap([(self.sgr, part) for _, part in text], columns)

    def _code(self, token: Token, columns: int) -> list[Line]:
        language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
        return code_lines(highlighted(token.content.rstrip("\n"), language), columns)

    def _list(self, token: Token, columns: int) -> list[Line]:
        bullet = self._look.one_of(_BULLETS[min(self._depth, 2)], "- ")
        ordered = token.type == "ordered_list_open"
        number = int(token.attrs.get("start", 1)) if self._number is None else self._number
        self._number = None
        self._depth += 1
        lines: list[Line] = []
        while self._tokens[self._at].type == "list_item_open":
            item = self._tokens[self._at]
            self._at += 1
            assert item.map is not None
            if lines and self._empty_before(item.map[0]):
                lines.append([])
            marker = f"{number}{item.markup} " if ordered else bullet
            blank = ("", " " * cells(marker))
            inner = self.blocks(max(columns - cells(marker), _NARROW), "list_item_close") or [[]]
            lines += [
                [("", marker) if not at else blank, *line] if line or not at else []
                for at, line in enumerate(inner)
            ]
            number += 1
        self._at += 1
        self._depth -= 1
        return lines

    def table(self) -> tuple[list[list[list[Span]]], list[Side]] | None:
        """The rows of the text and the sides of its cells, where it is a table and nothing else."""
        if not self._tokens or self._tokens[0].type != "table_open":
            return None
        self._at = 1
        table = self._cells()
        return table if self._at == len(self._tokens) else None

    def _table(self, columns: int) -> list[Line]:
        rows, sides = self._cells()
        return tabulated(rows[0], rows[1:], columns, self._look, sides)

    def _cells(self) -> tuple[list[list[list[Span]]], list[Side]]:
        rows: list[list[list[Span]]] = []
        sides: list[Side] = []
        while (token := self._tokens[self._at]).type != "table_close":
            self._at += 1
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                if token.type == "th_open":
                    style = str(token.attrs.get("style", "text-align:left"))
                    sides.append(cast("Side", style.partition(":")[2]))
                rows[-1].append(self._inline())
        self._at += 1
        return rows, sides

    def _inline(self) -> list[Span]:
        """The spans of the text that comes now, past the end of what it is in."""
        children = self._tokens[self._at].children or []
        self._at += 2
        return _Text(self._look).spans(children)


class _Text:
    """The text of one block."""

    def __init__(self, look: Look) -> None:
        self._colour = look.colour
        self._styles: list[str] = []
        self._sgr = ""

    def spans(self, tokens: Sequence[Token]) -> list[Span]:  # noqa: C901 - a table
        """What is inside of a block."""
        spans: list[Span] = []
        link, since = "", 0
        for token in tokens:
            match token.type:
                case "text":
                    if token.content:
                        spans.append((self._sgr, clean(token.content)))
                case "softbreak":
                    spans.append((self._sgr, " "))
                case "hardbreak":
                    spans.append(("", "\n"))
                case "code_inline":
                    spans.append(self._code(token))
                case "image":
                    address = clean(str(token.attrs.get("src", "")))
                    spans += [(self._sgr, f"[{clean(token.content)}]"), (l.DIM, f" ({address})")]
                case "link_open":
                    link, since = clean(str(token.attrs.get("href", ""))), len(spans)
                    self._push(l.UNDERLINED)
                case "link_close":
                    self._pop()
                    text = "".join(part for _, part in spans[since:])
                    if link and link not in (text, f"mailto:{text}"):
                        spans.append((l.DIM, f" ({link})"))
                case _:
                    spans += self._mark(token)
        return spans

    def _code(self, token: Token) -> Span:
        text = clean(token.content)
        return (";".join([*self._styles, l.CODE]), text) if self._colour else ("", f"`{text}`")

    def _mark(self, token: Token) -> list[Span]:
        name = token.type.partition("_")[0]
        if name not in _MARKS:
            return [(self._sgr, clean(token.content))] if token.content else []
        sgr, mark = _MARKS[name]
        if token.nesting > 0:
            self._push(sgr)
        else:
            self._pop()
        return [] if self._colour else [("", mark)]

    def _push(self, sgr: str) -> None:
        self._styles.append(sgr)
        self._sgr = ";".join(self._styles)

    def _pop(self) -> None:
        if self._styles:
            self._styles.pop()
        self._sgr = ";".join(self._styles)
