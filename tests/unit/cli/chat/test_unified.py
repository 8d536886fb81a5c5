"""Is all that a change changes in its diff, whatever ends its lines, and soon?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.cli.chat.view.unified import unified
from toolrun.cli.screen import visible

PIECES = st.lists(st.sampled_from(["a", "b", "\n", "\r\n", "\r", "\x0c", "\u2028"]), max_size=8)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("a\nb\n", "a\nc\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]),
        ("a\r\nb\r\n", "a\r\nc\r\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]),
        ("a\r\n", "a\n", ["@@ -1 +1 @@", "-a\u240d", "+a"]),
        ("a\n", "a", ["@@ -1 +1 @@", "-a", "+a\n\\ No newline at end of file"]),
        ("", "a", ["@@ -0,0 +1 @@", "+a"]),
        ("a", "b", ["@@ -1 +1 @@", "-a", "+b"]),
        ("# a\n", "# a\rb()\n", ["@@ -1 +1 @@", "-# a", "+# a\u240db()"]),
        ("# a\n", "# a\u2028b()\n", ["@@ -1 +1 @@", "-# a", "+# a\u2028b()"]),
    ],
)
def test_a_change(before: str, after: str, lines: list[str]) -> None:
    assert unified(before, after, "x") == ["--- x", "+++ x", *lines]


@given(PIECES, PIECES)
def test_what_differs_is_seen(one: list[str], other: list[str]) -> None:
    before, after = "".join(one), "".join(other)
    shown = visible("\n".join(unified(before, after)))
    assert bool(shown) == (before != after)
    lines = shown.split("\n")[2:]
    old = [line[1:] for line in lines if line[:1] in "- "]
    new = [line[1:] for line in lines if line[:1] in "+ "]
    unended = any(line.startswith("\\ No newline") for line in lines)
    assert before == after or old != new or unended


def test_a_hostile_change_is_shown_soon_and_whole() -> None:
    """Pairs of lines that change places: six minutes of difflib, in which no key would be heard."""
    old = [f"{number}\n" for number in range(50_000)]
    new = [line for at in range(0, 50_000, 2) for line in (old[at + 1], old[at])]
    began = time.process_time()
    lines = unified("".join(["same\n", *old, "end\n"]), "".join(["same\n", *new, "end\n"]))
    assert time.process_time() - began < 10  # a tenth of a second
    assert lines[2:4] == ["@@ -1,50002 +1,50002 @@", " same"]
    assert [line[1:] + "\n" for line in lines[3:] if line.startswith("-")] == old
    assert [line[1:] + "\n" for line in lines[3:] if line.startswith("+")] == new
    assert lines[-1] == " end"
