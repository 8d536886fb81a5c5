"""What does a conversation on a screen consist of?

Whoever has something to show beside the events of a turn makes a block: a table, a diff, a text of
help. Text in it may hold anything; what paints it lets no control character through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from toolrun.cli.chat.view.unified import unified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind: TypeAlias = Literal[
    "user",
    "reasoning",
    "preamble",
    "call",
    "output",
    "result",
    "failed",
    "answer",
    "note",
    "good",
    "warning",
    "question",
    "sandboxed",
    "wider",
    "trusted",
    "title",
    "table",
    "diff",
    "markdown",
    "text",
]
"""What a block is: parts of a turn, then what toolrun itself has to say, then forms of text.

`answer`, `preamble` and `markdown` are Markdown; `text` is shown as it is, word by word; a `diff`
is a unified one; a `table` has `rows`.
"""


class Block(Struct, frozen=True):
    """Something that is shown as one piece.

    Attributes:
        kind: what it is.
        text: what it says; of a table and a diff, too, for a face that only writes lines.
        title: a heading above a table, a diff or a text.
        columns: the names of a table's columns; none: it has no such line.
        rows: the cells of a table.
        fold: whether a long one is shown folded, with a number that `/show` takes.
    """

    kind: Kind
    text: str = ""
    title: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    fold: bool = False


def table(rows: Iterable[Sequence[str]], columns: Sequence[str] = (), title: str = "") -> Block:
    """A table; a column is as wide as it needs, and gives way where the screen is narrow."""
    cells = tuple(tuple(row) for row in rows)
    lines = ["  ".join(row) for row in ((columns,) if columns else ()) + cells]
    text = "\n".join([*([title] if title else []), *lines])
    return Block("table", text, title, tuple(columns), cells)


def diff(before: str, after: str, path: str = "", title: str = "") -> Block:
    """What was changed in a text, as a unified diff with three lines around each change."""
    return Block("diff", "\n".join(unified(before, after, path)), title)
