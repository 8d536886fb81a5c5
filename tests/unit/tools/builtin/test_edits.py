"""Is a text of a file replaced where it is meant, all of a call or nothing, and errors of use?"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun import ToolCall
from toolrun.tools.builtin.changing import change_of
from toolrun.tools.builtin.inside import writing
from toolrun.tools.builtin.inside.lines import MOST, places_of
from toolrun.tools.builtin.inside.places import Unfit, place

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "def f():\n    return 1\n\n\ndef g():\n    return 1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, as a box has it."""
    root = tmp_path / "workspace"
    root.mkdir()
    monkeypatch.chdir(root)
    (root / "a.py").write_text(TEXT)
    return root


def edit(old: str, new: str, path: str = "a.py") -> dict[str, Any]:
    return writing.apply("edit_file", {"path": path, "old_text": old, "new_text": new})


def test_a_text_that_stands_there_once_is_replaced(folder: Path) -> None:
    said = edit("def g():\n    return 1", "def g():\n    return 2")

    assert said == {
        "text": "a.py: changed:\n3\t\n4\t\n5\tdef g():\n6\t    return 2",
    }
    assert (folder / "a.py").read_text() == TEXT.replace("g():\n    return 1", "g():\n    return 2")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("    return 1", "x", "stands there 2 times, at line 2 and 6: give more of what is around"),
        ("def f():\n  return 1", "x", "is there but for white space, at line 1. Give it as it is:"),
        ("def f():\n  return 1", "x", ":\n1\tdef f():\n2\t    return 1"),
        ("def ff():", "x", "is not in it. Nearest to it:\n1\tdef f():"),
        ("qqqqqqqqqq", "x", "is not in it. Read the file"),
        ("", "x", "old_text is empty"),
        ("def f", "def f", "nothing would change"),
    ],
)  # fmt: skip
def test_what_cannot_be_replaced_says_what_to_give(
    folder: Path, old: str, new: str, why: str
) -> None:
    assert why in edit(old, new)["error"]
    assert (folder / "a.py").read_text() == TEXT


def test_line_ends_and_modes_stay(folder: Path) -> None:
    (folder / "dos.txt").write_bytes(b"a\r\nb\r\nc\r\n")
    (folder / "dos.txt").chmod(0o755)
    edit("a\nb", "x\ny", "dos.txt")

    assert (folder / "dos.txt").read_bytes() == b"x\r\ny\r\nc\r\n"
    assert (folder / "dos.txt").stat().st_mode & 0o777 == 0o755


def test_a_new_file_and_one_that_is_there(folder: Path) -> None:
    def write(path: str, content: str, **more: Any) -> dict[str, Any]:
        return writing.apply("write_file", {"path": path, "content": content, **more})

    assert write("new/deep/n.txt", "one\ntwo\n") == {"text": "new/deep/n.txt: created, 2 lines"}
    assert (folder / "new/deep/n.txt").read_text() == "one\ntwo\n"
    assert "is there already; edit_file changes it, overwrite=true" in write("a.py", "x")["error"]
    assert "a.py is no folder" in write("a.py/b", "x")["error"]
    assert "names a folder" in write("made/", "x")["error"]
    assert write("a.py", "x", overwrite=True) == {"text": "a.py: changed"}
    assert (folder / "a.py").read_text() == "x"


def test_where_one_file_cannot_be_written_none_is_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: Callable[[str, str | None], None] = writing._put
    calls: list[str] = []

    def failing(path: str, text: str | None) -> None:
        calls.append(path)
        if path.endswith("third") and text:
            Path(path).write_text("half")
            raise OSError(28, "No space left on device")
        put(path, text)

    monkeypatch.setattr(writing, "_put", failing)
    patch = (
        "*** Begin Patch\n*** Update File: a.py\n-def f():\n+def h():\n"
        "*** Add File: made/second\n+x\n*** Add File: made/third\n+y\n*** End Patch"
    )
    said = writing.apply("apply_patch", {"patch": patch})

    assert "third: not changed: it is more than the sandbox has room for" in said["error"]
    assert [Path(each).name for each in calls[:3]] == ["a.py", "second", "third"]
    assert (folder / "a.py").read_text() == TEXT
    assert sorted(os.listdir(folder)) == ["a.py"]  # noqa: PTH208


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "the path is empty"),
        ("a\0b", "control characters"),
        ("../outside.txt", "lies outside of the workspace"),
        ("x/../../outside.txt", "lies outside of the workspace"),
        ("/etc/passwd", "lies outside of the workspace"),
        ("link/passwd", "leads out of the workspace"),
        ("loop", "loop"),
        (".git/config", ".git is protected"),
        ("sub/.GIT/hooks/x", ".GIT is protected"),
        (".env", ".env is protected"),
        (".Env.local", ".Env.local is protected"),
        ("hidden", ".env is protected"),
        ("toolrun.toml", "toolrun.toml is protected"),
        ("new\nline", "control characters"),
    ],
)
def test_paths_that_are_not_for_tools(folder: Path, path: str, why: str) -> None:
    (folder / "link").symlink_to("/etc")
    (folder / "loop").symlink_to("loop")
    (folder / ".env").write_text("KEY=1")
    (folder / "hidden").symlink_to(".env")
    said = writing.apply("write_file", {"path": path, "content": "x", "overwrite": True})

    assert why in said["error"]
    assert sorted(os.listdir(folder)) == [".env", "a.py", "hidden", "link", "loop"]  # noqa: PTH208


def test_a_link_that_stays_inside_is_followed_and_an_absolute_path_of_the_inside_is_one(
    folder: Path,
) -> None:
    (folder / "same.py").symlink_to("a.py")
    edit("def f", "def h", "same.py")

    assert (folder / "a.py").read_text().startswith("def h")
    assert (folder / "same.py").is_symlink()
    assert place(str(folder), str(folder / "a.py")) == str(folder / "a.py")
    assert place(str(folder), "toolrun.toml") == str(folder / "toolrun.toml")  # to be read
    (folder / "src").mkdir()
    with pytest.raises(Unfit, match=r"Did you mean src\?"):
        place(str(folder), "/src")


def test_hostile_edits_take_bounded_time_outside_of_a_box_too(folder: Path) -> None:
    many = "".join(f"@@\n-{number}\n+x\n" for number in range(600))
    (folder / "same.txt").write_text("a" * 900_000)
    (folder / "lines.txt").write_text("\n" * 49_000)
    (folder / "large.txt").write_text("a" * 1_100_000)
    (folder / "alike.txt").write_text("a\n" * 49_000)
    alike = "\n".join(["@@", "-a", *[" a"] * 20_000, " b"])
    heads = "\n".join(["@@ a" + "\n@@ b" * 1_000, "-a"] * 100)
    for name, arguments in (
        ("edit_file", {"path": "same.txt", "old_text": "a", "new_text": "b"}),
        ("edit_file", {"path": "lines.txt", "old_text": "b" * 900_000, "new_text": "b"}),
        ("edit_file", {"path": "large.txt", "old_text": "a" * 1_100_000, "new_text": "b"}),
        ("apply_patch", {"patch": f"*** Begin Patch\n*** Update File: a.py\n{many}*** End Patch"}),
        (
            "apply_patch",
            {"patch": "*** Begin Patch\n*** Update File: lines.txt\n-\n+x\n*** End Patch"},
        ),
        *(
            (
                "apply_patch",
                {"patch": f"*** Begin Patch\n*** Update File: alike.txt\n{each}\n*** End Patch"},
            )
            for each in (alike, heads)
        ),
    ):
        began = time.process_time()
        assert change_of(ToolCall("c", name, json.dumps(arguments)), folder) == []
        assert time.process_time() - began < 5  # hundredths of a second each, hours without a bound
    assert "stands there 900000 times, at line 1, 1, 1, " in edit("a", "b", "same.txt")["error"]
    whole = f"*** Begin Patch\n*** Update File: a.py\n{many}*** End Patch"
    said = writing.apply("apply_patch", {"patch": whole})
    assert "more than 500 sections and hunks" in said["error"]


@given(
    st.lists(st.sampled_from(["", "a", "b", " a", "a "]), max_size=12),
    st.lists(st.sampled_from(["", "a", "b", " a"]), max_size=3),
    st.integers(0, 4),
)
def test_lines_are_found_where_a_plain_look_finds_them(
    lines: list[str], wanted: list[str], start: int
) -> None:
    plain = [
        at
        for at in range(start, len(lines) - len(wanted) + 1)
        if wanted and lines[at : at + len(wanted)] == wanted
    ]
    found, differs = places_of(lines, wanted, start)
    if plain:
        assert (found, differs) == (plain[:MOST], "")
    else:
        assert not found or differs == "white space"
