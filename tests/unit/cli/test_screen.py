"""Does a screen wrap, colour and take back as it should, and obey nothing that it shows?"""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.cli import screen as s
from toolrun.cli.screen import Screen, visible

HOSTILE = [
    *(
        f"\x1b{rest}"
        for rest in ("[2J", "[1A", "[31m", "[?1049h", "[6n", "[8;1;1t", "c", "7", "#8")
    ),
    *(f"\x1b]{number};text\x07" for number in (0, 2, 4, 7, 9, 10, 52, 133, 777, 1337)),
    "\x1b]52;c;cm0gLXJmIC8=\x1b\\",
    "\x1b]8;;http://evil.example\x1b\\http://good.example\x1b]8;;\x1b\\",
    *(f"\x1b{rest}text\x1b\\" for rest in ("P", "_", "^", "X")),
    *("\x9b31m", "\x9d0;title\x9c", "\x90q\x9c", "\x85", "\x84"),
    *("\r", "over\rwritten", "\b\b\b", "\x07", "\x0b", "\x0c", "\x0e", "\x00", "\x7f", "\x05"),
    *("\u202egnp.exe", "\u2066a\u2069", "\u2028", "\u2029", "\u200e", "\u061c"),
]


def obeyed(text: str) -> list[str]:
    """The characters that a terminal would act upon."""
    bidi = set(
        "\u2028\u2029\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
    return [c for c in text if (unicodedata.category(c) == "Cc" and c not in "\n\t") or c in bidi]


def plain(file: io.StringIO) -> str:
    """What was written, without the colours and cursor moves that are the screen's own."""
    return re.sub(r"\x1b\[[\d;]*m|(?:\x1b\[\d+A)?\r\x1b\[J", "", file.getvalue())


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "31")
    monkeypatch.setenv("LINES", "10")


def written(*pieces: str, style: s.Style = s.REASONING, cursor: bool = True) -> str:
    file = io.StringIO()
    screen = Screen(file, cursor=cursor)
    for piece in pieces:
        screen.write(style, piece)
    screen.end()
    return file.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_hostile_is_shown_and_not_obeyed(text: str, narrow: None) -> None:
    assert obeyed(text), "the case must be one"
    assert obeyed(visible(text)) == []
    file = io.StringIO()
    screen = Screen(file, colour=True, cursor=True)
    for style in (s.ANSWER, s.REASONING, s.OUTPUT):
        screen.write(style, "before ")
        for character in text:  # cut in the middle of the sequence
            screen.write(style, character)
        screen.write(style, " after")
    screen.end()
    assert obeyed(plain(file)) == []
    assert plain(file).count("after") == 3


@given(st.text())
def test_no_text_at_all_is_obeyed(text: str) -> None:
    assert obeyed(visible(text)) == []


@pytest.mark.parametrize(
    "unseen",
    [
        "\u200b",
        "\u2060",
        "\u2063",
        "\ufeff",
        "\u00ad",
        "\u3164",
        "\u180e",
        "\U000e0041",
        "\U000e0100",
    ],
)
def test_what_is_not_seen_is_shown(unseen: str) -> None:
    assert visible(f"a{unseen}b") == "a\ufffdb"
    file = io.StringIO()
    Screen(file).line(s.QUESTION, f"rm{unseen} -r")
    assert "rm\ufffd -r" in plain(file)


def test_ordinary_text_is_left_alone() -> None:
    text = "naïve café\n\tif x:\n日本語 👩\u200d👩\u200d👧 done"
    assert visible(text) == text
    assert visible("a\r\nb") == "a\nb"


def test_lines_are_wrapped_at_words_behind_the_glyph(narrow: None) -> None:
    text = written("The user wants a number, so I count the words of the file.")
    assert text.splitlines() == [
        "  ┊ The user wants a number,",
        "  ┊ so I count the words of",
        "  ┊ the file.",
    ]


def test_only_some_styles_repeat_their_glyph(narrow: None) -> None:
    text = written("word_count(path=1)  [sandbox workspace-ro]", style=s.CALL)
    assert text.splitlines() == ["  ▶ word_count(path=1)", "    [sandbox workspace-ro]"]


def test_indents_and_empty_lines_of_code_stay(narrow: None) -> None:
    assert written("def f():\n\n    return 1\n", style=s.ANSWER) == "def f():\n\n    return 1\n"


def test_what_is_too_long_for_a_line_is_cut(narrow: None) -> None:
    lines = written("x" * 70, style=s.ANSWER).splitlines()
    assert [len(line) for line in lines] == [30, 30, 10]
    wide = written("字" * 20, style=s.ANSWER).splitlines()
    assert [len(line) for line in wide] == [15, 5]


PIECES = st.lists(st.text(alphabet="ab字\n \t-é", max_size=12), max_size=12)


@given(PIECES, st.booleans())
def test_how_a_text_is_cut_into_pieces_does_not_matter(pieces: list[str], cursor: bool) -> None:  # noqa: FBT001
    text = "".join(pieces)
    assert written(*pieces, cursor=cursor) == written(text, cursor=cursor)


@given(PIECES)
def test_wrapping_loses_nothing_but_blanks(pieces: list[str]) -> None:
    shown = written(*pieces, style=s.ANSWER)
    assert "".join(shown.split()) == "".join("".join(pieces).split())


def test_where_it_is_no_terminal_lines_are_left_as_they_are() -> None:
    file = io.StringIO()
    screen = Screen.of(file)
    screen.unicode = True
    screen.line(s.RESULT, "word " * 100)
    assert not screen.colour
    assert file.getvalue() == "  ◀ " + "word " * 100 + "\n"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "colour", "cursor"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_the_environment_decides(env: dict[str, str], colour: bool, cursor: bool) -> None:  # noqa: FBT001
    screen = Screen.of(Terminal(), env)
    assert (screen.colour, screen.cursor) == (colour, cursor)


@pytest.mark.parametrize(
    ("env", "colour"),
    [({"FORCE_COLOR": "1"}, True), ({}, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_can_be_forced_on_what_is_no_terminal(env: dict[str, str], colour: bool) -> None:  # noqa: FBT001
    screen = Screen.of(io.StringIO(), env)
    assert (screen.colour, screen.cursor) == (colour, False)


def test_a_stream_of_another_encoding_gets_ascii_glyphs() -> None:
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, "ascii", errors="backslashreplace")
    Screen.of(file).line(s.CALL, "naïve()")
    assert buffer.getvalue() == b"  -> na\\xefve()\n"


def test_a_block_is_taken_back_line_by_line(narrow: None) -> None:
    file = Terminal()
    screen = Screen(file, cursor=True)
    screen.write(s.ANSWER, "one two three four five six seven eight nine ")
    assert screen.erase()
    assert file.getvalue().endswith("\x1b[1A\r\x1b[J")


def test_a_block_that_has_scrolled_or_was_resized_is_not_taken_back(
    narrow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(Terminal(), cursor=True)
    screen.write(s.ANSWER, "line\n" * 10)
    assert not screen.erase()
    screen.write(s.REASONING, "short")
    monkeypatch.setenv("COLUMNS", "50")
    assert not screen.erase()
    assert not Screen(io.StringIO()).erase()
