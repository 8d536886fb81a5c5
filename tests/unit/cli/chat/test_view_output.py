"""Is what a tool prints shown as its lines, however it comes, and is none of it obeyed?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.cli.chat.view.output import Output
from toolrun.cli.chat.view.paint import cells, wrap

PRINTED = st.text(st.sampled_from("ab漢 \n\r\x1b[0;31m\x1b]\x07\t"), max_size=40)


@given(PRINTED, st.sets(st.integers(0, 40)))
def test_the_lines_do_not_depend_on_the_pieces(text: str, cuts: set[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    output = Output()
    for one, other in pairwise(places):
        output.feed(text[one:other])
    assert output.lines == Output(text).lines


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("10%\r20%\r100%\ndone\n", ["100%", "done"]),
        ("10%\r20%", ["20%"]),
        ("20%\r", ["20%"]),
        ("\x1b[1;31mred\x1b[0m\n", ["red"]),
        ("\x1b]0;title\x07\n", ["\u241b]0;title\u2407"]),
        ("\x1b[2J\x1b[H\n", ["\u241b[2J\u241b[H"]),
        ("\x1b]8;;http://evil\x1b\\text\n", ["\u241b]8;;http://evil\u241b\\text"]),
        ("a\tb\n", ["a   b"]),
        ("\n\n", ["", ""]),
        ("", []),
    ],
)
def test_what_is_printed_becomes_lines(printed: str, lines: list[str]) -> None:
    assert Output(printed).lines == lines


def test_of_very_many_lines_the_last_are_kept() -> None:
    output = Output()
    for number in range(30_000):
        output.feed(f"{number}\n")
    assert len(output) == 30_000
    assert output.last(2) == ["29998", "29999"]
    assert len(output.lines) + output.dropped == 30_000
    assert len(output.lines) <= 20_000


def test_a_line_that_never_ends_is_cut() -> None:
    output = Output()
    for _ in range(300):
        output.feed("x" * 1_000)
    assert len(output.lines[0]) == 100_000


@given(
    st.text(st.sampled_from("ab  漢\u0301\ufe0f\u200d\U0001f468"), max_size=60), st.integers(2, 9)
)
def test_a_text_is_broken_into_lines_that_hold_all_of_it(text: str, width: int) -> None:
    hard = wrap([("", text)], width, words=False)
    assert "".join(part for line in hard for _, part in line) == text
    soft = wrap([("1", text[:5]), ("", text[5:])], width)
    assert "".join(part for line in soft for _, part in line).replace(" ", "") == text.replace(
        " ", ""
    )
    for line in (*hard, *soft):
        assert cells("".join(part for _, part in line)) <= width


def test_lines_are_broken_between_words_where_that_is_possible() -> None:
    lines = wrap([("", "one two  three fourfivesix")], 8)
    assert [line[0][1] for line in lines] == ["one two", "three", "fourfive", "six"]


def test_what_belongs_to_a_character_is_not_torn_from_it() -> None:
    lines = wrap([("", "e\u0301" * 5)], 2, words=False)
    assert [line[0][1] for line in lines] == ["e\u0301" * 2, "e\u0301" * 2, "e\u0301"]
