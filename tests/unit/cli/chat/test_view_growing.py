"""Are the parts of a Markdown text that grows those of the whole, however it comes in?"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun.cli.chat.view.growing import Growing, Part

LINES = st.sampled_from(
    [
        *(
            "",
            "",
            "  ",
            "word",
            "two words",
            "*em* and **strong",
            "    code",
            "\tcode",
            "  in",
            "***",
        ),
        *(
            "- item",
            "* other",
            "+ third",
            "  - inner",
            "    - deeper",
            "-",
            "1. one",
            "1) one",
            "7. seven",
        ),
        *(
            " 2. two",
            "   more",
            "     - far",
            "# Title",
            "##",
            "#no",
            "===",
            "---",
            "--",
            "=",
            "> said",
        ),
        *(
            ">",
            "> - item",
            "> ```",
            "```",
            "```py",
            "````",
            "~~~",
            "  ```",
            "    ```",
            "| a | b |",
            "|---|---|",
        ),
        *(
            "| 1 | 2 |",
            "a | b",
            "- | -",
            "[1]: http://a.b",
            "[a][1]",
            "![i](u)",
            "<b>",
            "&lt;",
            "\\",
            "a\\",
        ),
        *(
            "1. > q",
            "- # t",
            "- ```",
            "10. ten",
            "* * *",
            "---|---",
            "\r",
            "a\rb",
            "- [ ] task",
            "\x1b[31m",
        ),
    ]
)
TEXTS = st.lists(LINES, max_size=12).map("\n".join)


def parts(pieces: list[str]) -> list[Part]:
    growing = Growing()
    found: list[Part] = []
    for piece in pieces:
        growing.feed(piece)
        found += growing.settle()
    return found + growing.end()


@st.composite
def pieces(draw: st.DrawFn) -> list[str]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=20)))
    return [text[one:other] for one, other in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(max_examples=examples(300), deadline=None)
@given(pieces())
@example(["| a | b |\n|---|---|\n", "| 1 | 2 |\n", "\nend"])
@example(["a | b\n---|---\n", "1 | 2\n", "\nend"])
@example(["a paragraph\n", "===\n", "b\n"])
@example(["1. one\n", "1. two\n", "1. three\n", "\nend"])
@example(["- a\n - b\n", "  - c\n   - d\n", "    - e\n"])
@example(["> a\n", "> b\n", "lazy\n"])
@example(["    code\n", "\n", "    more\n"])
def test_the_parts_are_those_of_the_whole(pieces: list[str]) -> None:
    assert parts(pieces) == parts(["".join(pieces)])


def test_a_fence_is_final_once_a_line_closes_it() -> None:
    growing = Growing()
    growing.feed("```py\n- x\n``\n")
    assert growing.settle() == []
    assert growing.fence == "```"
    growing.feed("```\n")
    assert growing.settle() == [Part("```py\n- x\n``\n```")]


def test_items_of_a_list_are_final_one_by_one_and_keep_their_numbers() -> None:
    growing = Growing()
    growing.feed("3. one\n3. two\n\n3. three\n")
    assert growing.settle() == [Part("3. one"), Part("3. two", number=4)]
    assert growing.tail == Part("3. three\n", gap=True, number=5)
