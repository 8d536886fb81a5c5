"""Do the tools for files and the shell work in boxes, within what the session's profile allows?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.unit.tools.builtin.asking import results
from toolrun import ConfigError, Session, ToolDefinitionError
from toolrun.decisions import Approve, Deny
from toolrun.testing import ScriptedModel, call
from toolrun.tools.builtin import files, shell
from toolrun.tools.builtin.changing import change_of, shows_changes
from toolrun.tools.toolbox import Toolbox
from toolrun.values import ToolCall

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "def greet():\n    return 'Hi'\n"
PATCH = """*** Begin Patch
*** Update File: greet.py
@@ def greet():
-    return 'Hi'
+    return 'Hello'
*** Add File: notes/new.txt
+One line.
*** End Patch"""
FREE: dict[str, Any] = {"approve": False}


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: boxes and sessions run on both in their own tests, these know of no loop."""
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "greet.py").write_text(TEXT)
    (root / ".env").write_text("KEY=1")
    return root


async def test_they_read_and_change_the_workspace_and_undo_takes_it_back(folder: Path) -> None:
    model = ScriptedModel(
        call("read_file", {"path": "greet.py"}),
        call("apply_patch", {"patch": PATCH}),
        call("edit_file", {"path": "greet.py", "old_text": "greet", "new_text": "meet"}),
        call("write_file", {"path": "w.txt", "content": "w\n"}),
        call("search_files", {"pattern": "meet|One"}),
        call("shell", {"command": "cat notes/new.txt; echo 2 >&2; rm w.txt; : > s.txt; exit 3"}),
        call("list_files", {"pattern": "**"}),
        "Done.",
    )  # fmt: skip
    async with Session(
        model=model, tools=[files(**FREE), shell(**FREE)], workspace=folder
    ) as session:
        answer = await session.ask("Go.")
        found = [each.result for each in answer.tool_calls if each.result is not None]
        assert (folder / "greet.py").read_text() == "def meet():\n    return 'Hello'\n"
        assert sorted(os.listdir(folder)) == [".env", "greet.py", "notes", "s.txt"]  # noqa: PTH208
        await session.undo()

    assert [each.outcome for each in found] == ["ok"] * 5 + ["error", "ok"]
    assert found[0].content == "1\tdef greet():\n2\t    return 'Hi'"
    assert found[1].content == "greet.py: changed\nnotes/new.txt: created, 1 line"
    assert found[1].note == "[Changed: greet.py, notes/, notes/new.txt]"
    assert found[4].content == "greet.py:1: def meet():\nnotes/new.txt:1: One line."
    assert found[5].content == "One line.\n2\n[exit code 3]"
    assert found[5].note == "[Changed: s.txt, deleted w.txt]"
    assert found[6].content.split("\n")[-1] == "notes/new.txt (10 bytes)"
    assert (folder / "greet.py").read_text() == TEXT
    assert sorted(os.listdir(folder)) == [".env", "greet.py"]  # noqa: PTH208


async def test_under_a_profile_that_only_reads_nothing_is_changed_and_nothing_asks(
    folder: Path,
) -> None:
    found = await results(
        call("apply_patch", {"patch": PATCH}),
        call("shell", {"command": "echo tried; echo x > made"}),
        call("read_file", {"path": "greet.py"}),
        tools=[files(), shell()],
        workspace=folder,
        profile="workspace-ro",
        approve=_nobody,
    )

    assert found[0].content == (
        "apply_patch: greet.py: not changed: this session's profile lets no tool write to the "
        "workspace. Tell the user what you would change"
    )
    assert found[1].content.startswith("tried\nbash: ")
    assert "Read-only file system" in found[1].content
    assert found[2].outcome == "ok"
    assert sorted(os.listdir(folder)) == [".env", "greet.py"]  # noqa: PTH208


async def _nobody(asked: ToolCall) -> Approve:
    raise AssertionError(f"{asked.name} asked")


async def test_what_can_change_something_asks_and_what_is_denied_changes_nothing(
    folder: Path,
) -> None:
    asked: list[str] = []

    async def deny(each: ToolCall) -> Deny:
        asked.append(each.name)
        return Deny("not now")

    found = await results(
        call("read_file", {"path": "greet.py"}),
        call("list_files", {}),
        call("search_files", {"pattern": "x"}),
        call("edit_file", {"path": "greet.py", "old_text": "Hi", "new_text": "Ho"}),
        call("write_file", {"path": "w.txt", "content": "w"}),
        call("apply_patch", {"patch": PATCH}),
        call("shell", {"command": "echo x > made"}),
        tools=[files(), shell()],
        workspace=folder,
        approve=deny,
    )

    assert asked == ["edit_file", "write_file", "apply_patch", "shell"]
    assert [each.outcome for each in found] == ["ok"] * 3 + ["denied"] * 4
    assert sorted(os.listdir(folder)) == [".env", "greet.py"]  # noqa: PTH208


@pytest.mark.parametrize(
    "tool", [files(write=False), shell()], ids=["files", "shell"]
)  # fmt: skip
async def test_without_a_workspace_a_session_says_what_to_give(tool: Any) -> None:
    with pytest.raises(ConfigError, match=r"works on a folder.*--workspace \. on the command line"):
        async with Session(model=ScriptedModel("x"), tools=[tool]):
            raise AssertionError("it opened")


@pytest.mark.load
async def test_a_hostile_pattern_and_a_command_without_end_are_stopped_by_their_time(
    folder: Path,
) -> None:
    (folder / "many.txt").write_text("a" * 60 + "\n")
    found = await results(
        call("search_files", {"pattern": "(a+)+$b"}),
        call("shell", {"command": "echo begun; echo x > made; sleep 60"}),
        tools=[files(timeout=3), shell(timeout=3, **FREE)],
        workspace=folder,
    )

    assert found[0].outcome == "timeout"
    assert found[0].content.startswith("search_files gave no result: did not finish within 3 s")
    assert found[1].outcome == "timeout"
    assert found[1].content.startswith("begun\nshell gave no result: did not finish within 3 s")
    assert not (folder / "made").exists()


async def test_a_command_that_imports_leaves_no_cache_to_read_of(folder: Path) -> None:
    (found,) = await results(
        call("shell", {"command": "python3 -c 'import greet; print(greet.greet())'"}),
        tools=[shell(**FREE)],
        workspace=folder,
    )
    assert (found.content, found.note) == ("Hi", "")


@pytest.mark.load
async def test_long_output_keeps_its_head_and_its_tail(folder: Path) -> None:
    (found,) = await results(
        call("shell", {"command": "echo first; seq 100000 | head -c 60000; echo; echo last"}),
        tools=[shell(max_output=1_000, **FREE)],
        workspace=folder,
    )

    assert found.content.startswith("first\n1\n2\n")
    assert found.content.endswith("\nlast")
    assert " bytes left out ..." in found.content
    assert len(found.content) < 1_100


async def test_a_profile_of_its_own_holds_whatever_the_session_has(folder: Path) -> None:
    (found,) = await results(
        call("shell", {"command": "pwd; ls greet.py; echo x > made && cat made"}),
        tools=[shell(profile="python")],
        workspace=folder,
        profile="workspace-ro",
        approve=_nobody,
    )

    assert found.content.startswith("/work\nls: cannot access 'greet.py'")
    assert found.content.endswith("\nx")
    assert not (folder / "made").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        PATCH,
        '{"input": "' + PATCH.replace("\n", "\\n") + '"}',
        '{"patch": "' + PATCH + '"}',  # several lines in a JSON string, as they are
        f"```\n{PATCH}\n```",
    ],
    ids=["bare", "another key", "lines as they are", "in a fence"],
)
def test_a_patch_is_understood_however_the_model_hands_it_over(arguments: str) -> None:
    nobody: Any = None
    toolbox = Toolbox(files().tools, trusted=nobody, sandboxed=nobody)
    mended, mends = toolbox.mend(ToolCall("c1", "apply_patch", arguments))

    assert [each.what for each in mends] == ["arguments"]
    assert msgspec.json.decode(mended.arguments)["patch"].rstrip() == PATCH


def test_what_is_no_patch_is_not_taken_for_one() -> None:
    nobody: Any = None
    toolbox = Toolbox(files().tools, trusted=nobody, sandboxed=nobody)
    for arguments in ("hello", '{"patch": "x"}', '{"a": "*** Begin Patch", "b": 1}', "[1]", " "):
        assert toolbox.mend(ToolCall("c1", "apply_patch", arguments))[1] == []


def asked(name: str, **arguments: Any) -> Any:
    return ToolCall("c1", name, msgspec.json.encode(arguments).decode())


def test_what_a_call_would_change_is_told_and_nothing_is_written(folder: Path) -> None:
    after = TEXT.replace("Hi", "Hello")

    assert change_of(asked("apply_patch", patch=PATCH), folder) == [
        ("greet.py", TEXT, after),
        ("notes/new.txt", None, "One line.\n"),
    ]
    assert change_of(
        asked("edit_file", path="greet.py", old_text="Hi", new_text="Hello"), str(folder)
    ) == [("greet.py", TEXT, after)]
    assert change_of(asked("write_file", path="w", content="x"), folder) == [("w", None, "x")]
    assert (folder / "greet.py").read_text() == TEXT


def test_of_what_would_be_refused_or_changes_nothing_nothing_is_told(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/hostname")
    os.mkfifo(folder / "pipe")
    for each in (
        asked("edit_file", path="greet.py", old_text="no", new_text="x"),
        asked("write_file", path="../outside", content="x"),
        asked("write_file", path=".env", content="x", overwrite=True),
        asked("edit_file", path="link", old_text="a", new_text="x"),
        asked("edit_file", path="pipe", old_text="a", new_text="x"),
        asked("edit_file", path="greet.py"),
        asked("apply_patch", patch="no patch"),
        asked("shell", command="rm -r ."),
        ToolCall("c1", "write_file", "{"),
    ):
        assert change_of(each, folder) == []
    assert change_of(asked("write_file", path="w", content="x"), None) == []


def test_only_tools_that_ship_have_their_changes_shown() -> None:
    assert [each.name for each in files().tools if shows_changes(each)] == [
        "edit_file",
        "write_file",
        "apply_patch",
    ]
    assert not shows_changes(shell())


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="timeout must be seconds"):
        files(timeout=0)
    with pytest.raises(ConfigError, match="no sandbox profile 'shel'"):
        shell(profile="shel")
    assert [each.name for each in files(write=False).tools] == [
        "read_file",
        "list_files",
        "search_files",
    ]
