"""Do tools' files reach the workspace, are they recorded first, and can a turn be taken back?"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.integration.writing_tools import append, delete, link, read, write
from tests.rig.heard import Listener
from toolrun import Event, FileChanged, Session, ToolCallFinished, TurnUndone, Warned
from toolrun.testing import ScriptedModel, call, calls, replay_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = [write, append, read, delete, link]
SECRET = "correct horse battery staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text(SECRET)
    return folder


class Seen(Listener):
    """What a session's events are, by kind."""

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def contents(folder: Path) -> dict[str, str]:
    """All that a folder holds."""
    return {
        str(each.relative_to(folder)): each.read_text() if each.is_file() else ""
        for each in folder.rglob("*")
    }


def session(folder: Path, *steps: Any, **more: Any) -> Session:
    options: dict[str, Any] = {"tools": TOOLS, "workspace": folder, "profile": "workspace"}
    return Session(model=ScriptedModel(*steps), **(options | more))


async def test_calls_see_each_others_files_and_a_turn_is_taken_back(folder: Path) -> None:
    steps = [
        call("write", {"path": "new/b.txt", "text": "one"}),
        call("append", {"path": "new/b.txt", "text": " two"}),
        call("append", {"path": "a.txt", "text": " more"}),
        call("read", {"path": "new/b.txt"}),
        call("delete", {"path": "a.txt"}),
        "Done.",
    ]
    seen = Seen()
    async with session(folder, *steps) as chat:
        chat._journal.add(seen)
        answer = await chat.ask("Work.")
        assert [each.result and each.result.content for each in answer.tool_calls][3] == "one two"
        assert (folder / "new" / "b.txt").read_text() == "one two"
        assert not (folder / "a.txt").exists()
        assert await chat.undo() == "Work."

    assert (folder / "a.txt").read_text() == SECRET
    assert contents(folder) == {"a.txt": SECRET}
    changed = [(each.change, each.path) for each in seen.of(FileChanged)]
    assert changed == [
        ("created", "new"),
        ("created", "new/b.txt"),
        ("modified", "new/b.txt"),
        ("modified", "a.txt"),
        ("deleted", "a.txt"),
    ]
    assert seen.of(FileChanged)[3].before == SECRET.encode()
    assert seen.of(TurnUndone)[0].left == ()
    counts = chat._journal.counts
    assert (counts["FileChanged.created"], counts["FileChanged.modified"]) == (2, 2)


async def test_the_model_is_told_what_was_changed_and_what_was_not_kept(folder: Path) -> None:
    steps = [call("link", {"path": "out", "target": "/etc/passwd"}), "Done."]
    async with session(folder, *steps) as chat:
        await chat.ask("Link.")
        told = chat.messages()[2]["content"]

    assert told == ("null\n\n[Changed: beside.txt]\n[Not kept: out (a link to /etc/passwd)]")


async def test_it_is_recorded_before_the_workspace_is_touched(folder: Path) -> None:
    there: list[bool] = []

    class Looking(Seen):
        async def record(self, event: Any) -> None:
            await super().record(event)
            if isinstance(event, FileChanged):
                there.append((folder / "b.txt").exists())
            if isinstance(event, ToolCallFinished):
                there.append((folder / "b.txt").exists())

    async with session(folder, call("write", {"path": "b.txt", "text": "b"}), "Done.") as chat:
        chat._journal.add(Looking())
        await chat.ask("Write.")
    assert there == [False, True]


async def test_undo_leaves_what_somebody_else_has_changed_since(folder: Path) -> None:
    steps = [
        calls(
            call("write", {"path": "b.txt", "text": "b"}),
            call("append", {"path": "a.txt", "text": "!"}),
        ),
        "Done.",
        "Again.",
    ]
    seen = Seen()
    async with session(folder, *steps) as chat:
        chat._journal.add(seen)
        await chat.ask("Write.")
        (folder / "b.txt").write_text("the user's")
        await chat.undo()
        assert (await chat.ask("Go on.")).text == "Again."

    assert (folder / "b.txt").read_text() == "the user's"
    assert (folder / "a.txt").read_text() == SECRET
    assert seen.of(TurnUndone)[0].left == ("b.txt: changed since by somebody else",)
    warned = [each for each in seen.of(Warned) if each.code == "file-not-restored"]
    assert [each.message for each in warned] == [
        "not restored: b.txt: changed since by somebody else"
    ]


async def test_undo_goes_back_turn_by_turn(folder: Path) -> None:
    more = {"path": "a.txt", "text": "!"}
    steps = [call("append", more), "One.", call("append", more), "Two."]
    async with session(folder, *steps) as chat:
        await chat.ask("First.")
        await chat.ask("Second.")
        assert (folder / "a.txt").read_text() == SECRET + "!!"
        await chat.undo()
        assert (folder / "a.txt").read_text() == SECRET + "!"
        await chat.undo()
        assert (folder / "a.txt").read_text() == SECRET


async def test_a_fork_takes_back_its_own_turns_alone(folder: Path) -> None:
    steps = [call("append", {"path": "a.txt", "text": "!"}), "One."]
    async with session(folder, *steps) as chat:
        await chat.ask("First.")
        async with chat.fork() as other:
            await other.undo()
    assert (folder / "a.txt").read_text() == SECRET + "!"


async def test_of_two_calls_at_once_the_last_one_wins_and_both_are_right(folder: Path) -> None:
    steps = [
        calls(
            call("append", {"path": "a.txt", "text": " one", "seconds": 0.2}),
            call("append", {"path": "a.txt", "text": " two", "seconds": 0.2}),
        ),
        "Done.",
    ]
    seen = Seen()
    async with session(folder, *steps) as chat:
        chat._journal.add(seen)
        await chat.ask("Both.")
        first, second = seen.of(FileChanged)
        assert first.before == SECRET.encode()
        assert second.before_digest == first.digest
        assert second.digest == hashlib.sha256((folder / "a.txt").read_bytes()).hexdigest()
        assert first.call_id != second.call_id
        await chat.undo()
    assert (folder / "a.txt").read_text() == SECRET


async def test_a_trace_has_no_contents_and_its_replay_touches_no_disk(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    steps = [
        calls(
            call("append", {"path": "a.txt", "text": "!"}),
            call("write", {"path": "b.txt", "text": "b"}),
        ),
        "Done.",
        call("delete", {"path": "b.txt"}),
        "Gone.",
    ]
    async with session(folder, *steps, trace=path) as chat:
        await chat.ask("Write.")
        (folder / "b.txt").write_text("the user's")
        await chat.ask("Delete.")
        (folder / "b.txt").write_text("the user's, again")
        await chat.undo()
        await chat.undo()
    before = contents(folder)
    assert before == {"a.txt": SECRET, "b.txt": "the user's, again"}

    text = path.read_text()
    assert SECRET not in text
    assert msgspec.json.encode(SECRET.encode()).decode().strip('"') not in text
    changed = [event for event in read_trace(path, check=True).events if type(event) is FileChanged]
    assert [(each.path, each.before, each.before_size) for each in changed][-1] == (
        "b.txt",
        None,
        len("the user's"),
    )

    seen: list[Event] = []
    await replay_trace(path, on_event=seen.append)
    assert [type(each).__name__ for each in seen] == [
        type(each).__name__ for each in read_trace(path).events
    ]
    assert contents(folder) == before


def test_events_as_json_have_no_contents(folder: Path) -> None:
    script = textwrap.dedent(
        f"""
        import anyio
        from tests.integration.writing_tools import append
        from toolrun import Session
        from toolrun.cli.view import JsonLines
        from toolrun.testing import ScriptedModel, call

        async def main():
            model = ScriptedModel(call("append", {{"path": "a.txt", "text": "!"}}), "Done.")
            async with Session(model=model, tools=[append], workspace={str(folder)!r},
                               profile="workspace") as session:
                session._journal.add(JsonLines())
                await session.ask("Go.")

        anyio.run(main)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    changed = [line for line in lines if line["type"] == "FileChanged"]
    assert [(each["path"], each["change"], "before" in each) for each in changed] == [
        ("a.txt", "modified", False)
    ]


@pytest.mark.parametrize("moment", ["recorded", "made"])
def test_a_process_killed_in_between_leaves_what_can_be_taken_back(
    folder: Path, tmp_path: Path, moment: str
) -> None:
    """Killed after the record or after the change: what was recorded restores what was there."""
    journal = tmp_path / "journal"
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        import anyio, msgspec
        from toolrun.sandbox import Sandbox, load_profile
        from toolrun.sandbox.layer import keep

        put = keep.put
        def killed(*arguments):
            if {moment!r} == "made":
                put(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        keep.put = killed

        async def changing(changes):
            Path({str(journal)!r}).write_bytes(msgspec.json.encode(list(changes)))

        async def main():
            async with Sandbox(load_profile("workspace"), workspace=Path({str(folder)!r})) as box:
                await box.run(["sh", "-c", "echo more >> a.txt"], timeout=20, changing=changing)

        anyio.run(main)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    expected = SECRET if moment == "recorded" else SECRET + "more\n"
    assert (folder / "a.txt").read_text() == expected

    restored = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                f"""
            from pathlib import Path
            import anyio, msgspec
            from toolrun.sandbox.layer.restore import restore
            from toolrun.values import FileChange

            changes = msgspec.json.decode(Path({str(journal)!r}).read_bytes(),
                                          type=list[FileChange])
            print(anyio.run(restore, {str(folder)!r}, changes))
            """
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert restored.stdout == "[]\n"
    assert (folder / "a.txt").read_text() == SECRET
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
