"""Is a patch in gpt-oss's form applied as it was meant, and is what does not fit explained?"""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun.tools.builtin.inside.changes import changes, patched
from toolrun.tools.builtin.inside.patch import parsed, updated
from toolrun.tools.builtin.inside.places import Unfit

TEXT = "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n"

TWO = "        return 2\n"
GO = "-        return 2"


class Held(dict[str, str]):
    """The files of a workspace, in memory; see `changes.Files`."""

    def text(self, path: str) -> str:
        if path not in self:
            raise Unfit(f"{path}: there is no such file")
        return self[path]

    def free(self, path: str) -> str:
        if path in self:
            raise Unfit(f"{path}: is there already")
        return path

    def kept(self, path: str) -> str:
        return path.removeprefix("./")


def patch(*lines: str) -> str:
    return "\n".join(("*** Begin Patch", *lines, "*** End Patch"))


def after(text: str, *lines: str) -> str:
    """What an update of one file makes of it."""
    (section,) = parsed(patch("*** Update File: f", *lines))
    return updated(section, text)[0]


def refused(text: str, *lines: str) -> str:
    with pytest.raises(Unfit) as caught:
        after(text, *lines)
    return str(caught.value)


def test_all_sections_of_the_format() -> None:
    files = Held({"src/app.py": 'def greet():\nprint("Hi")\n', "obsolete.txt": "x", "b.txt": "b\n"})
    found = patched(
        files,
        patch(
            "*** Add File: hello.txt",
            "+Hello world",
            "+",
            "*** Update File: src/app.py",
            "*** Move to: src/main.py",
            "@@ def greet():",
            '-print("Hi")',
            '+print("Hello, world!")',
            "",
            "*** Delete File: obsolete.txt",
            "*** Update File: b.txt",
            "@@",
            "-b",
            "+c",
            "*** End of File",
        ),
    )

    assert [(each.path, each.before, each.after) for each in found] == [
        ("hello.txt", None, "Hello world\n\n"),
        ("src/main.py", None, 'def greet():\nprint("Hello, world!")\n'),
        ("src/app.py", 'def greet():\nprint("Hi")\n', None),
        ("obsolete.txt", "x", None),
        ("b.txt", "b\n", "c\n"),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((" class A:", "-    def f(self):", "+    def h(self):"), TEXT.replace("f(", "h(")),
        (("@@ -2,1 +2,1 @@", "-    def f(self):", "+    def h(self):"), TEXT.replace("f(", "h(")),
        (("@@     def g(self):", "-        return 2", "+        return 3"), TEXT.replace("2", "3")),
        (("@@ class A:", "@@ def g(self):", GO), TEXT.replace(TWO, "")),
        (("@@ class A:", "+    x = 1"), TEXT.replace("class A:\n", "class A:\n    x = 1\n")),
        (("@@ no such head", "-        return 1"), TEXT.replace("        return 1\n", "")),
        (("@@", "         return 2", "+    # end", "*** End of File"), TEXT + "    # end\n"),
        (("@@", "+# end", "*** End of File"), TEXT + "# end\n"),
        (("         return 1", "", "-    def g(self):", "+"), TEXT.replace("    def g(self):", "")),
        (("-def f(self):", "+def h(self):"), TEXT.replace("    def f(self):", "def h(self):")),
        (("-class A:", "+class B:", "@@", GO), TEXT.replace("A", "B").replace(TWO, "")),
        (("@@ class A:\r", "-    def f(self):\r", "+    def h():\r"), TEXT.replace("f(self", "h(")),
    ],
)  # fmt: skip
def test_where_a_hunk_fits(lines: tuple[str, ...], expected: str) -> None:
    assert after(TEXT, *lines) == expected


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("@@", "-        return 9"), "its lines are not in the file. Nearest to them:\n"),
        (("@@", "+x"), "nothing says where the new lines go"),
        (("@@", "-        return 1", "@@", "-    def f(self):"), "before an earlier hunk"),
        (("@@", "-class A:", "*** End of File"), "these are not the last lines of the file"),
        (("@@", "x = 1"), "begin each line of a hunk with"),
        (("*** Frobnicate",), "a section begins with"),
        (("@@", " class A:"), "the update of f is empty"),
        ((), "the update of f is empty"),
        (("@@", "-class A:", "*** Move to: g"), "stands right below its file"),
    ],
)
def test_what_does_not_fit_says_why(lines: tuple[str, ...], why: str) -> None:
    assert why in refused(TEXT, *lines)


def test_lines_that_stand_in_several_places_are_not_guessed() -> None:
    text = "a\nx\nb\nx\nc\nx\n"

    assert "at line 2, 4 and 6: give more context" in refused(text, "@@", "-x", "+y")
    assert after(text, "@@ b", "-x", "+y") == "a\nx\nb\ny\nc\nx\n"
    assert after(text, " c", "-x", "+y") == "a\nx\nb\nx\nc\ny\n"
    assert after(text, "-x", "+y", "*** End of File") == "a\nx\nb\nx\nc\ny\n"


def test_white_space_that_differs_is_told_and_context_stays_as_it_was() -> None:
    (section,) = parsed(
        patch("*** Update File: f", "@@", " def f():", "-  return 1", "+    return 2")
    )
    text, notes = updated(section, "\tdef f():  \n    return 1\n")

    assert text == "\tdef f():  \n    return 2\n"
    assert notes == ["line 3 of the patch fitted but for white space"]


def test_line_ends_stay_as_they_are() -> None:
    assert after("a\r\nb\r\n", " a", "-b", "+c", "+d") == "a\r\nc\r\nd\r\n"
    assert after("a\nb", " a", "-b", "+c") == "a\nc"
    assert after("a\r\nb\nc\n", "-b", "+x") == "a\r\nx\nc\n"
    assert after("", "+x") == "x\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with"),
        ("*** Add File: a\n+x", "does not begin with"),
        ("*** Begin Patch\n*** Add File: a\n+x", "does not end with"),
        ("*** Begin Patch\n*** End Patch", "has no section"),
        ("*** Begin Patch\nhello\n*** End Patch", "line 2 of the patch, 'hello'"),
        ("*** Begin Patch\n*** Add File: a\nx\n*** End Patch", "begin each line of a new file"),
        ("*** Begin Patch\n*** Add File:\n+x\n*** End Patch", "names no file"),
        ("*** Begin Patch\n*** Delete File: a\n-x\n*** End Patch", "a section begins with"),
    ],
)
def test_what_is_no_patch(text: str, why: str) -> None:
    with pytest.raises(Unfit, match=r".") as caught:
        parsed(text)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("*** Update File: gone", "-x"), "gone: there is no such file"),
        (("*** Delete File: gone",), "gone: there is no such file"),
        (("*** Add File: f", "+x"), "f: is there already"),
        (("*** Update File: f", "*** Move to: g", "-x"), "g: is there already"),
        (("*** Delete File: f", "*** Update File: ./f", "-x"), "two sections of the patch"),
    ],
)
def test_one_section_that_does_not_fit_refuses_all(lines: tuple[str, ...], why: str) -> None:
    files = Held({"f": "x\n", "g": "y\n", "./f": "x\n"})
    whole = patch("*** Add File: new", "+x", *lines)
    with pytest.raises(Unfit, match=why):
        changes("apply_patch", {"patch": whole}, files)


LINES = st.lists(st.text("ab \t", max_size=3), max_size=12)


@settings(max_examples=examples(40))
@given(LINES, LINES)
def test_the_difference_of_two_texts_applied_to_one_gives_the_other(
    before: list[str], wanted: list[str]
) -> None:
    """With all lines as context a hunk has one place, so the result is known to the letter."""
    text, goal = ("".join(f"{line}\n" for line in lines) for lines in (before, wanted))
    marks = [line for line in difflib.ndiff(before, wanted) if line[0] in " -+"]
    hunk = [line[0] + line[2:] for line in marks]
    if text == goal:
        return

    assert after(text, "@@", *hunk) == goal
