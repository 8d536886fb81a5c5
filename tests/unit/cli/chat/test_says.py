"""Does a message hold the files that it names, and no others? Do commands run in a box?"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from toolrun.cli.chat.says.attached import MAX_FILE, Said, fenced, with_files
from toolrun.cli.chat.says.candidates import Candidates
from toolrun.cli.chat.says.mentions import Mention, mentions
from toolrun.cli.chat.says.says import Says
from toolrun.cli.log import Mask
from toolrun.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun.cli.chat.view.blocks import Block

THERE = {"a.py", "src", "src/", "my file.txt", "src/b.py", "x:1"}


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """A conversation is held on asyncio alone: prompt_toolkit's loop."""
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace."""
    root = tmp_path / "workspace"
    (root / "src").mkdir(parents=True)
    (root / "a.py").write_text("one\ntwo\nthree\n")
    (root / "src/b.py").write_text("b\n")
    (root / "my file.txt").write_text("spaces\n")
    (root / ".env").write_text("KEY=topsecret\n")
    (root / ".gitignore").write_text("*.log\n")
    (root / "a.log").write_text("log\n")
    (root / "pic.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (root / "data.bin").write_bytes(b"a\0b")
    (tmp_path / "outside.txt").write_text("topsecret")
    (root / "out.txt").symlink_to("../outside.txt")
    return root


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("look at @a.py", [Mention("a.py")]),
        ("@a.py", [Mention("a.py")]),
        ("(@a.py)", [Mention("a.py")]),
        ("Is it in @a.py, or @src/b.py?", [Mention("a.py"), Mention("src/b.py")]),
        ("@a.py and @a.py", [Mention("a.py")]),
        ("@a.py:2", [Mention("a.py", 2, 2)]),
        ("@a.py:2-3.", [Mention("a.py", 2, 3)]),
        ("@a.py:2-", [Mention("a.py", 2)]),
        ("@a.py:3-1", [Mention("a.py", 3, 3)]),
        ("@a.py: what is it?", [Mention("a.py")]),
        ("@x:1", [Mention("x:1")]),
        ('see @"my file.txt":1-2 and', [Mention("my file.txt", 1, 2)]),
        ("see @'my file.txt'", [Mention("my file.txt")]),
        ("list @src/ please", [Mention("src/")]),
        ("@!", [Mention("!")]),
        ("line\n@a.py", [Mention("a.py")]),
        ("@tool", [Mention("tool", known=False)]),
        ("write to me@a.py", []),
        ("a@b.c, x.@a.py", []),
        ("`@a.py`", []),
        ("```\n@a.py\n```\n@src/b.py", [Mention("src/b.py")]),
        ("~~~~\n@a.py\n~~~\n@a.py\n~~~~", []),
        ("@ a.py", []),
        ("@", []),
    ],
)
def test_which_files_a_message_names(text: str, found: list[Mention]) -> None:
    assert mentions(text, THERE.__contains__) == found


def said(text: str, folder: Path, last: str = "") -> Said:
    return with_files(text, folder, last)


def test_a_file_stands_below_the_message_in_a_fence_with_its_name(folder: Path) -> None:
    assert said("What is @a.py?", folder) == Said(
        "What is @a.py?\n\n`a.py` (3 lines):\n```py\none\ntwo\nthree\n```",
        ("a.py: 3 lines, 13 bytes",),
    )
    assert said('@a.py:2-9 @"my file.txt"', folder).text.split("\n\n")[1:] == [
        "`a.py` (lines 2 to 3 of 3):\n```py\ntwo\nthree\n```",
        "`my file.txt` (1 line):\n```txt\nspaces\n```",
    ]
    assert said("@./src/../a.py", folder).text.endswith("three\n```")


def test_a_folder_is_listed_without_what_nobody_wants_to_see(folder: Path) -> None:
    assert said("@src/", folder).text == (
        "@src/\n\n`src/` (1 files and folders):\n```\nsrc/b.py (2 bytes)\n```"
    )
    listed = said("@.", folder).text
    assert "a.py (14 bytes)" in listed
    assert ".env" not in listed
    assert "a.log" not in listed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("@pic.png", "is a PNG image, and gpt-oss reads text alone"),
        ("@data.bin", "is binary data, and gpt-oss reads text alone"),
        ("@.env", ".env is protected"),
        ("@../outside.txt", "lies outside of the workspace"),
        ("@out.txt", "leads out of the workspace"),
        ("@/etc/hostname", "lies outside of the workspace"),
        ("@a.py:9", "has 3 lines: there is none at 9"),
        ("@pipe", "is no regular file"),
        ("@!", "there was none: !ls is one"),
    ],
)
def test_what_cannot_go_in_says_why_and_nothing_is_sent(folder: Path, text: str, why: str) -> None:
    os.mkfifo(folder / "pipe")
    assert text == "@!" or (folder / text[1:].partition(":")[0]).exists()
    found = said(f"{text} and @a.py", folder)

    assert len(found.problems) == 1
    assert why in found.problems[0]
    assert "topsecret" not in found.text


def test_words_that_are_no_files_are_sent_as_they_stand(folder: Path) -> None:
    text = "@tool\ndef f(): ...\n@app.route('/') by @alice"

    assert said(text, folder) == Said(text)
    assert said("see @scr/b.py", folder).notes == (
        "@scr/b.py: there is no such file, it is sent as it stands. Did you mean src/b.py?",
    )


def test_a_large_file_is_cut_and_too_many_are_refused(folder: Path) -> None:
    (folder / "large.txt").write_text("x" * 99 + "\n" * 1 + ("y" * 99 + "\n") * 1_000)
    found = said("@large.txt", folder)

    assert len(found.text) < MAX_FILE + 200
    assert "lines 1 to 655 of 1001, cut at 65.5 kB" in found.text
    assert found.notes[0].endswith("the rest: name its lines, as in @path:10-20")
    for number in range(5):
        (folder / f"{number}.txt").write_text("y" * 60_000)
    found = said(" ".join(f"@{number}.txt" for number in range(5)), folder)
    assert "the files that it names are 300.1 kB in all" in found.problems[0]
    (folder / "huge.txt").write_bytes(b"z" * (9 * 1024 * 1024))
    assert "is too large (9.4 MB)" in said("@huge.txt", folder).problems[0]


def test_what_was_sent_once_and_is_sent_again_holds_its_files_once(folder: Path) -> None:
    text = "See @a.py, @a.py:2-3, @src/ and @!"
    ran = "I ran this command, and it printed:\n```\n$ ls\n```"
    once = said(text, folder, ran)

    assert once.text.count("`a.py` (") == 2
    assert said(once.text, folder) == Said(once.text)
    assert said(once.text.replace("See", "Look at @src/b.py and"), folder).notes == (
        "src/b.py: 1 line, 1 byte",
    )


def test_nothing_in_a_file_ends_its_fence() -> None:
    assert fenced("a\n````\nb") == "`````\na\n````\nb\n`````"


def test_candidates_are_files_that_may_be_meant(folder: Path) -> None:
    candidates = Candidates(folder)

    def of(word: str) -> list[str]:
        return [text for text, _ in candidates.of(word)]

    assert of("@a") == ["@a.py", "@data.bin"]
    assert of("@src/") == ["@src/b.py"]
    assert of("@b") == ["@src/b.py", "@data.bin"]
    assert of("@my") == ['@"my file.txt"']
    assert "@!" in of("@")
    assert "@a.log" not in of("@a.")
    assert of("@.e") == []
    assert of("@../") == of("@/etc/") == of("@~/") == []
    assert of("@zzz") == []


@pytest.mark.load
def test_of_a_huge_folder_few_entries_are_looked_at(folder: Path) -> None:
    for number in range(300):
        (folder / f"deep/{number:03}").mkdir(parents=True)
        for each in range(100):
            (folder / f"deep/{number:03}/{each:02}.txt").touch()
    candidates = Candidates(folder)
    found = candidates.of("@0")

    assert len(found) == 50
    assert len(candidates._known["/**"][1]) < 10_000


class _Face:
    """Keeps what is shown."""

    asks = True

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.blocks: list[Block] = []
        self.prefilled = ""

    def say(self, text: str, *_: Any) -> None:
        self.lines.append(text)

    def put(self, block: Block) -> None:
        self.blocks.append(block)

    def prefill(self, text: str) -> None:
        self.prefilled = text

    def turning(self, stop: Callable[[], bool]) -> Any:
        self.stop = stop
        return nullcontext()


class _Talk:
    """A conversation, as far as it is asked for."""

    def __init__(self, workspace: Path | None, **settings: Any) -> None:
        self.face: Any = _Face()
        self.config = Config(workspace=workspace, **settings)
        self.mask = Mask(["topsecret"])


async def test_a_command_runs_in_the_box_of_the_shell_and_its_output_can_be_sent(
    folder: Path,
) -> None:
    talk = _Talk(folder)
    says = Says(talk)

    assert await says.message("!cat a.py; cat .env ../outside.txt; echo new > made; exit 3") is None
    (block,) = talk.face.blocks
    assert block.kind == "failed"
    assert block.text.startswith("$ cat a.py; ")
    assert "one\ntwo\nthree\ncat: .env: " in block.text
    assert "cat: ../outside.txt: No such file or directory\n" in block.text
    assert block.text.endswith("[exit code 3]\n[Changed: made]")
    assert talk.face.lines[-1].startswith("sandbox shell, ")
    assert (folder / "made").read_text() == "new\n"
    sent = await says.message("Why @!?")
    assert sent is not None
    assert sent.startswith("Why @!?\n\nI ran this command, and it printed:\n```\n$ cat a.py;")
    assert await says.message("plain words") == "plain words"
    assert await says.message("!") is None
    assert "such as !ls" in talk.face.lines[-1]


async def test_a_profile_that_only_reads_bounds_commands_too(folder: Path) -> None:
    talk = _Talk(folder, profile="workspace-ro")
    await Says(talk).message("!echo tried; echo x > made")

    assert "tried\n" in talk.face.blocks[0].text
    assert "Read-only file system" in talk.face.blocks[0].text
    assert talk.face.lines[-1].startswith("sandbox workspace-ro, ")
    assert not (folder / "made").exists()


async def test_a_command_is_stopped_and_what_it_wrote_is_gone(folder: Path) -> None:
    talk = _Talk(folder)
    says = Says(talk)

    async def stop() -> None:
        with anyio.fail_after(20):
            while not says.running:  # noqa: ASYNC110 - it tells nobody
                await anyio.sleep(0.01)
        assert talk.face.stop()

    async with anyio.create_task_group() as group:
        group.start_soon(stop)
        assert await says.message("!echo x > made; sleep 60") is None

    assert talk.face.lines == ["stopped; nothing that it wrote was kept"]
    assert not (folder / "made").exists()
    assert not says.running
    assert not says.stop()
    assert says.last == ""


async def test_what_cannot_be_sent_stands_on_the_line_again(folder: Path) -> None:
    talk = _Talk(folder)

    assert await Says(talk).message("see @pic.png") is None
    assert talk.face.lines[0].startswith("@pic.png: is a PNG image")
    assert talk.face.lines[1] == "nothing was sent"
    assert talk.face.prefilled == "see @pic.png"


def test_only_the_last_word_is_completed_and_no_command(folder: Path) -> None:
    says = Says(_Talk(folder))

    assert [text for text, _ in says.complete("see @src/")] == ["@src/b.py"]
    assert says.complete("/load @src/") == []
    assert says.complete("see @src/ more") == []
    assert says.complete("me@src/") == []
