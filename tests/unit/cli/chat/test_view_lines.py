"""Are the lines of a conversation the same however its events come, and fit for any terminal?"""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from tests.rig.examples import examples
from tests.unit.cli.chat.test_view_growing import TEXTS
from toolrun import events as ev
from toolrun.cli.chat.view.blocks import Block, diff, table
from toolrun.cli.chat.view.look import Look
from toolrun.cli.chat.view.view import View
from toolrun.values import ToolCall, ToolResult

OURS = re.compile(r"\x1b\[[0-9;]*m")
LOOKS = st.builds(Look, colour=st.booleans(), unicode=st.booleans())
WIDTHS = st.integers(20, 120)
ODD = st.text(
    st.sampled_from(
        "ab \n\t\r\x1b\x07\x9b\u202e\u200f漢字\U0001f468\u200d\U0001f469\ufe0f\u0301e_*`|#"
    )
)
ANY = st.one_of(TEXTS, ODD)


def shown(line: str) -> str:
    """A line without our own colours; nothing else in it is a control character."""
    text = OURS.sub("", line)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text), repr(line)
    return text


def coloured(lines: list[str]) -> list[list[tuple[str, str]]]:
    """The characters of each line, each with its colours."""
    found = []
    for line in lines:
        parts = OURS.split(line)
        marks = ["", *OURS.findall(line)]
        pairs = zip(parts, marks, strict=True)
        found.append([(char, mark.replace("[0m", "")) for part, mark in pairs for char in part])
    return [[(char, mark.strip("\x1b")) for char, mark in line] for line in found]


def fits(lines: list[str], width: int) -> None:
    for line in lines:
        text = shown(line)
        assert wcswidth(text) < width, (width, text)


def streamed(chunks: list[tuple[str, bool]], look: Look, width: int, *, call: bool) -> list[str]:
    """The lines that are printed of a text that comes in chunks, some of them with a frame."""
    view = View(look, clock=lambda: 0.0)
    lines: list[str] = []
    for text, frame in chunks:
        view.show(ev.TextDelta(text))
        if frame:
            lines += view.settled(width)
            live = view.live(width, 10)
            assert len(live) <= 10
            fits(live, width)
    calls = (ToolCall("1", "f", "{}"),) if call else ()
    view.show(ev.AssistantMessage("".join(text for text, _ in chunks), tool_calls=calls))
    lines += view.settled(width)
    assert view.live(width, 10) == []
    if not call:
        assert lines == view.whole(width)
    return lines


@st.composite
def chunked(draw: st.DrawFn) -> list[tuple[str, bool]]:
    text = draw(ANY)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=20)))
    places = zip([0, *cuts], [*cuts, len(text)], strict=True)
    return [(text[one:other], draw(st.booleans())) for one, other in places]


@settings(max_examples=examples(150), deadline=None)
@given(chunked(), LOOKS, WIDTHS)
@example([("a\n", True), ("===\nb", True)], Look(), 20)
@example([("漢字" * 40, True)], Look(), 21)
def test_what_was_printed_is_what_one_piece_gives(
    chunks: list[tuple[str, bool]], look: Look, width: int
) -> None:
    whole = [("".join(text for text, _ in chunks), False)]
    lines = streamed(chunks, look, width, call=False)
    assert lines == streamed(whole, look, width, call=False)
    fits(lines, width)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(ANY, max_size=5), ANY, LOOKS, st.sampled_from([1, 20, 40, 300]))
def test_no_line_is_wider_than_the_screen_or_holds_what_a_terminal_obeys(
    texts: list[str], name: str, look: Look, width: int
) -> None:
    view = View(look, clock=lambda: 9.0)
    view.show(ev.UserMessage(name))
    view.show(ev.ReasoningDelta(name))
    view.show(ev.ToolCallStarted("1", name, {name: texts}, name, time=1.0))
    for text in texts:
        view.show(ev.ToolOutput("1", "stdout", text))
        fits(view.settled(width) + view.live(width, 5), max(width, 20))
    view.show(ev.ToolCallFinished("1", name, ToolResult("\n".join(texts), "error", 0.1, name)))
    view.put(table([texts, [name]], ["name", name], name))
    view.put(diff(name, "\n".join(texts), name))
    view.put(Block("markdown", name, name))
    view.say(name)
    view.fold()
    fits(view.whole(width), max(width, 20))


def test_a_block_is_printed_when_it_is_final_and_the_rest_stays_live() -> None:
    view = View(Look(colour=False))
    view.show(ev.TextDelta("# One\n\n" + "- item\n" * 9 + "\nlast"))
    printed = view.settled(80)
    assert printed[0] == "# One"
    assert printed.count("• item") == 8
    assert view.live(80, 10) == ["• item", "", "last"]
    view.show(ev.TextDelta(" words\n\nand more"))
    assert view.settled(80) == ["• item", "", "last words"]
    assert view.live(80, 10) == ["", "and more"]


def test_words_are_added_to_a_line_as_a_parse_of_all_would() -> None:
    text = "It was **very `odd`** to see [a link](http://a.b/c) and 2 * 3 * 4, (so) *it* is.\n"
    for source in (text, f"# {text}", f"1. {text}", f"- a\n  - {text}", text * 3):
        grown, once = View(Look()), View(Look())
        for at, char in enumerate(source):
            grown.show(ev.TextDelta(char))
            live = grown.live(60, 30)
            if source[at : at + 1].isspace() and source[: at + 1].count("**") % 2 == 0:
                once = View(Look())
                once.show(ev.TextDelta(source[: at + 1]))
                assert coloured(live) == coloured(once.live(60, 30)), source[: at + 1]


def test_code_in_a_list_that_is_not_closed_yet_has_no_mark_of_ours_in_it() -> None:
    view = View(Look(colour=False))
    view.show(ev.TextDelta("- a\n  ```py\n  x = 1"))
    assert view.live(80, 10) == ["• a", "      x = 1"]


def test_half_a_table_is_not_shown_and_a_heading_does_not_jump() -> None:
    view = View(Look(colour=False))
    view.show(ev.TextDelta("Words\n\n| a | b |\n|-"))
    assert view.live(80, 10) == ["Words"]
    view.show(ev.TextDelta("--|---|\n| 1 | 2"))
    assert view.live(80, 10) == ["Words", "", "a │ b", "──┼──"]
    view = View(Look(colour=False))
    view.show(ev.TextDelta("a paragraph\n-"))
    assert view.live(80, 10) == ["a paragraph"]
