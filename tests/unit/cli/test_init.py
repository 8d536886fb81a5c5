"""Does `toolrun init` make a project whose tests pass, and overwrite nothing?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolrun

if TYPE_CHECKING:
    from tests.rig.mock import MockServer
    from tests.unit.cli.conftest import Typed

ROOT = str(Path(toolrun.__file__).parent.parent)
MADE = "my_tools.py, test_my_tools.py, toolrun.toml, notes/hello.txt, .gitignore, README.md"
FILES = {
    *(".gitignore", "README.md", "my_tools.py", "notes", "notes/hello.txt"),
    *("test_my_tools.py", "toolrun.toml"),
}


def made(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*")}


@pytest.fixture
def agent(typed: Typed) -> Path:
    done = typed("init", "my agent")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split("  #")[0].strip() for line in done.stdout.splitlines()] == [
        f"✓ made {MADE} in my agent. Next:",
        "cd 'my agent'",
        "python -m pytest",
        "toolrun tools check",
        'toolrun run "How many words are in hello.txt?"',
    ]
    return typed.folder / "my agent"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.load
def test_its_tests_pass_and_fail_where_the_tool_is_wrong(agent: Path) -> None:
    assert made(agent) == FILES
    passed = run(agent, "pytest", "-q", "-p", "no:cacheprovider")
    assert passed.returncode == 0, passed.stdout
    assert "2 passed" in passed.stdout
    tools = agent / "my_tools.py"
    tools.write_text(tools.read_text().replace(".split())", ".split()) + 1"))
    failed = run(agent, "pytest", "-q", "-p", "no:cacheprovider")
    assert "2 failed" in failed.stdout


def test_its_code_is_clean(agent: Path) -> None:
    for words in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = run(agent, "ruff", *words, "--isolated", ".")
        assert done.returncode == 0, done.stdout


def test_its_settings_do_what_its_readme_says(
    agent: Path, typed: Typed, mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(agent)
    checked = typed("tools", "check")
    assert checked.stdout == "✓ word_count [sandbox workspace-ro]\n"
    assert typed("run", "How many words are in hello.txt?").returncode == 0
    assert mock.bodies()[0]["tools"][0]["function"]["name"] == "word_count"
    readme = (agent / "README.md").read_text()
    assert 'toolrun run "How many words are in hello.txt?"' in readme


def test_nothing_is_overwritten(typed: Typed) -> None:
    (typed.folder / "p").mkdir()
    (typed.folder / "p" / "README.md").write_text("mine")
    done = typed("init", "p")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "toolrun: p holds README.md already; nothing was written\n"
    assert made(typed.folder / "p") == {"README.md"}


def test_a_place_that_cannot_be_written_is_named(typed: Typed) -> None:
    (typed.folder / "file").write_text("")
    done = typed("init", "file/inside")
    assert done.returncode == 2
    assert "cannot be written: Not a directory" in done.stderr


def test_this_folder_is_the_default(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = typed("init")
    assert done.returncode == 0
    assert "cd " not in done.stdout
    assert made(tmp_path / "empty") == FILES
