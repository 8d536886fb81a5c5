"""Is a table that grows the one that it is as a whole, and a long list shown where it stands?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from toolrun import events as ev
from toolrun.cli.chat.view.look import Look
from toolrun.cli.chat.view.markdown import inline
from toolrun.cli.chat.view.quick import marked
from toolrun.cli.chat.view.view import View

if TYPE_CHECKING:
    from toolrun.cli.chat.view.paint import Span

CELLS = [
    "a",
    "",
    " ",
    "b c",
    "**b**",
    "`c|d`",
    "\\|",
    "x_y_z",
    "日本",
    "[l](u)",
    "&amp;",
    "<b>",
    "`",
]


def table(draw: random.Random) -> str:
    columns = draw.randrange(1, 4)
    lines = ["|" + "head|" * columns, "|" + draw.choice(["---|", ":-:|", "--:|"]) * columns]
    for _ in range(draw.randrange(8)):
        count = max(columns + draw.choice([0, 0, 0, 0, 1, -1]), 1)
        row = "|".join(draw.choice(CELLS) for _ in range(count))
        lines.append(f"{draw.choice(['', '', '  ', '    '])}|{row}{draw.choice(['|', '|', ''])}")
        lines += ["no row"] if draw.random() < 0.05 else []
    return "\n".join(lines) + draw.choice(["", "\n", "\n\n", "\n\nend\n"])


@pytest.mark.parametrize("seed", range(40))
def test_a_table_in_pieces_is_the_table(seed: int) -> None:
    draw = random.Random(seed)
    text = table(draw)
    view, whole = View(Look()), View(Look())
    lines: list[str] = []
    at = 0
    while at < len(text):
        size = draw.randrange(1, 30)
        view.show(ev.TextDelta(text[at : at + size]))
        at += size
        lines += view.settled(40)
        view.live(40, 6)
    whole.show(ev.AssistantMessage(text))
    view.show(ev.AssistantMessage(text))

    assert lines + view.settled(40) == whole.settled(40)


def test_what_is_inside_of_an_item_stands_there_however_much_there_is_of_it() -> None:
    text = "1. first\n2. top\n" + "".join(
        f"   - group {group}\n"
        + "".join(f"     - item {number} of {group}\n" for number in range(40))
        for group in range(9)
    )
    view = View(Look(colour=False))
    view.show(ev.TextDelta(text + "     - la"))
    view.settled(60)

    assert view.live(60, 3) == [
        "     \u25aa item 38 of 8",
        "     \u25aa item 39 of 8",
        "     \u25aa la",
    ]


def test_plain_marks_are_what_the_parser_says_and_others_are_left_to_it() -> None:
    look = Look()
    for text in ("a **b c** and `x_y`, *z*", "see [the guide](http://a.example/b) [soon", "**a**b"):
        spans = marked(text)
        assert spans is not None
        assert _joined(spans) == _joined(inline(text, look))
    for text in ("a *b", "a_b_", "`a", "\\*", "&amp;", "<b>", "** a **", "![a](b)", "** a"):
        assert marked(text) is None


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for sgr, text in spans:
        if joined and joined[-1][0] == sgr:
            joined[-1] = (sgr, joined[-1][1] + text)
        elif text:
            joined.append((sgr, text))
    return joined
