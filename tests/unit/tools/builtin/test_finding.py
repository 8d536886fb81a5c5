"""What does the model see of the files of a folder, and is what it asks for bounded?"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.tools.builtin.inside.finding import list_files, search_files
from toolrun.tools.builtin.inside.ignored import entries, fits
from toolrun.tools.builtin.inside.kinds import kind_of, size_of
from toolrun.tools.builtin.inside.reading import read

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "import os\n\n\ndef f():\n    return os.name\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, as a box has it."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "README.md": "# Title\nWords.\n",
        "src/app.py": PYTHON,
        "src/deep/er.py": "x = 1\n",
        "build/out.txt": "built",
        "node_modules/m.js": "m",
        ".git/config": "c",
        ".env": "KEY=1",
        ".gitignore": "build/\n*.log\n",
        "a.log": "log",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "pic.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return tmp_path


def text(said: dict[str, Any]) -> str:
    assert list(said) == ["text"], said
    return str(said["text"])


def error(said: dict[str, Any]) -> str:
    assert list(said) == ["error"], said
    return str(said["error"])


def test_a_folder_and_what_a_glob_names() -> None:
    assert text(list_files()).splitlines() == [
        ".gitignore (13 bytes)",
        "README.md (15 bytes)",
        "pic.png (10 bytes)",
        "src/",
    ]
    assert text(list_files(pattern="*.py")).splitlines() == [
        "src/app.py (40 bytes)",
        "src/deep/er.py (6 bytes)",
    ]
    assert text(list_files("src", "deep/*")) == "src/deep/er.py (6 bytes)"
    assert "a.log" in text(list_files(ignored=True))
    assert ".env" not in text(list_files(ignored=True, pattern="**")).split()
    assert "ignored=true shows it" in text(list_files(pattern="*.log"))
    assert error(list_files("srx")) == "srx: is not there."
    assert "is a file; read_file reads it" in error(list_files("README.md"))


def test_a_list_is_bounded_and_says_how_much_there_is(folder: Path) -> None:
    for number in range(205):
        (folder / f"{number:03}.txt").write_text("")
    lines = text(list_files(pattern="*.txt")).splitlines()

    assert len(lines) == 201
    assert lines[-1] == "[5 more of 205: name a folder or a narrower pattern]"


def test_lines_come_with_their_numbers_and_what_is_left_is_told() -> None:
    assert text(read("src/app.py")) == "".join(
        f"{number}\t{line}\n" for number, line in enumerate(PYTHON.splitlines(), 1)
    ).removesuffix("\n")
    assert text(read("src/app.py", 4, 4)) == (
        "4\tdef f():\n[Lines 4 to 4 of 5 (40 bytes); go on with start=5]"
    )
    assert text(read("src/app.py", -1)).startswith("5\t    return os.name\n[Lines 5 to 5")
    assert text(read("src/app.py", room=15)) == (
        "1\timport os\n2\t\n[Lines 1 to 2 of 5 (40 bytes); go on with start=3]"
    )
    assert text(read("src/app.py", 9)) == "src/app.py has 5 lines: there is none at 9."


def test_what_is_no_text_is_told_of_and_not_shown(folder: Path) -> None:
    (folder / "long.txt").write_text("y" * 5_000)
    (folder / "empty").write_text("")
    (folder / "latin").write_bytes(b"caf\xe9\n")
    os.mkfifo(folder / "pipe")

    assert error(read("pic.png")) == "pic.png: is a PNG image (10 bytes), no text"
    assert error(read("pipe")) == "pipe: is no regular file"
    assert error(read("src")) == "src: is a folder; list_files shows what is in it"
    assert error(read("app.py")) == "app.py: there is no such file. Did you mean src/app.py?"
    assert text(read("empty")) == "empty is empty."
    assert text(read("long.txt")).endswith("y[... 3000 characters more]")
    assert text(read("latin")) == "1\tcaf\ufffd"


def test_a_pattern_is_found_line_by_line_with_what_is_around() -> None:
    assert text(search_files(r"os\.\w+")) == "src/app.py:5:     return os.name"
    assert text(search_files("OS", ignore_case=True, literal=True)).count("\n") == 1
    assert text(search_files("def", context=1)) == (
        "--- src/app.py\n3- \n4: def f():\n5-     return os.name"
    )
    assert text(search_files("Title", "README.md")) == "README.md:1: # Title"
    assert text(search_files("x", glob="*.md")) == "Nothing fits 'x'."
    assert "Nothing fits 'built'" in text(search_files("built"))
    assert "(1 that are no text, or too large, were passed over)" in text(search_files("zzz"))
    assert "is no regular expression: " in error(search_files("f("))
    assert "src/app.py:4" in text(search_files("f(", literal=True))
    assert "one line at a time" in error(search_files("a\\nb"))


def test_what_is_found_is_bounded_and_counted(folder: Path) -> None:
    (folder / "many.txt").write_text("needle\n" * 150)
    lines = text(search_files("needle")).splitlines()

    assert len(lines) == 101
    assert lines[-1].startswith("[50 more of 150, in 1 files")


@pytest.mark.parametrize(
    ("pattern", "path", "named"),
    [
        ("*.py", "a.py", True),
        ("*.py", "src/a.py", True),
        ("./*.py", "src/a.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("src/**/*.py", "src/a.py", True),
        ("src/**/*.py", "src/d/e/a.py", True),
        ("**", "a/b", True),
        ("*.{py,md}", "x/README.md", True),
        ("[ab].txt", "a.txt", True),
        ("?.txt", "ab.txt", False),
    ],
)
def test_globs(pattern: str, path: str, named: bool) -> None:  # noqa: FBT001
    assert fits(pattern, path) is named


def test_a_hostile_glob_takes_bounded_time() -> None:
    path = "/".join(["a" * 200] * 40)

    assert not fits("/".join(["**", "*a*a*a*a*a*a*b"] * 20), path)


IGNORES = [
    ("build/\n*.log\n", "a.log"),
    ("/top\n", "top"),
    ("/top\n", "in/top"),
    ("in/*.txt\n", "in/a.txt"),
    ("in/*.txt\n", "in/deep/a.txt"),
    ("**/deep\n", "in/deep/a.txt"),
    ("in/**/a.txt\n", "in/deep/a.txt"),
    ("*.txt\n!keep.txt\n", "in/keep.txt"),
    ("# a comment\n\n  \n", "# a comment"),
    ("\\#hash\n", "#hash"),
    ("top\n", "in/top"),
    ("*\n!*/\n!*.txt\n", "in/a.txt"),
    ("[ab].log\n", "a.log"),
]


def test_what_gitignore_names_is_what_git_says(tmp_path: Path) -> None:
    """The control is git itself."""
    root = tmp_path / "repository"
    for _, path in IGNORES:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(tmp_path)}
    try:
        subprocess.run(["git", "init", "-q", root], check=True, env=env)
    except FileNotFoundError:
        pytest.skip("there is no git to compare with")
    for rules, path in IGNORES:
        (root / ".gitignore").write_text(rules)
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "-o", "--exclude-standard"],
            check=True,
            capture_output=True,
            env=env,
        ).stdout.decode()
        seen = {name for name, _ in entries(str(root)) if not name.endswith("/")}
        assert seen == {each for each in listed.split("\0") if each}, (rules, path)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"BM is how this text begins", ""),
        (b"BM\0\0", "a BMP image"),
        (b"RIFF\0\0\0\0WEBPVP8", "a WebP image"),
        (b"\xff\xfeh\0", "UTF-16 text"),
        (b"a\0b", "binary data"),
        ("Grüße".encode(), ""),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


def test_sizes() -> None:
    sizes = (1, 999, 1_000, 1_500_000, 5 * 10**15)
    assert [size_of(each) for each in sizes] == (
        ["1 byte", "999 bytes", "1.0 kB", "1.5 MB", "5000.0 TB"]
    )
