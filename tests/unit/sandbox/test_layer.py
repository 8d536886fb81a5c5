"""Does what a layer holds get into a workspace, and out of it again? Without a box."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Sandbox, load_profile
from toolrun.sandbox.layer import holder
from toolrun.sandbox.layer.copied import copy_in
from toolrun.sandbox.layer.copy_out import opened
from toolrun.sandbox.layer.found import Found
from toolrun.sandbox.layer.keep import keep
from toolrun.sandbox.layer.layer import Kept, Refused
from toolrun.sandbox.layer.lock import lock
from toolrun.sandbox.layer.places import FOLDER, file_at, folder_at
from toolrun.sandbox.layer.restore import restored
from toolrun.sandbox.sandlock.backend import Sandlock
from toolrun.sandbox.view import View
from toolrun.values import FileChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROFILE = load_profile("workspace")
# Descriptors, and trees as system calls see them.

names = st.sampled_from(["a", "b", "c", "naïve name"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
trees = st.dictionaries(paths, st.one_of(st.none(), st.binary(max_size=8)), max_size=8)


def plant(folder: Path, tree: dict[str, bytes | None]) -> None:
    """Make files (bytes) and folders (None); what does not go together is left out."""
    for path, content in tree.items():
        try:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                target.mkdir(exist_ok=True)
            elif not target.is_dir():
                target.write_bytes(content)
        except (NotADirectoryError, FileExistsError):
            continue


def seen(folder: Path) -> dict[str, Any]:
    """All files, folders and permissions."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.stat().st_mode),
            path.read_bytes() if path.is_file() else None,
        )
        for path in folder.rglob("*")
    }


class Pair:
    """A workspace and a layer that began as a copy of it."""

    def __init__(self, root: Path, tree: dict[str, bytes | None]) -> None:
        self.workspace, self.layer = root / "workspace", root / "layer"
        self.workspace.mkdir()
        self.layer.mkdir()
        plant(self.workspace, tree)
        self.descriptors = [os.open(path, FOLDER) for path in (self.layer, self.workspace)]
        self.marks = copy_in(str(self.workspace), self.descriptors[0], None, PROFILE, "a test")

    def found(self, **change: Any) -> Found:
        profile = msgspec.structs.replace(PROFILE, **change)
        return Found(self.descriptors[0], self.descriptors[1], self.marks, profile)

    def keep(self, found: Found) -> list[Refused]:
        return keep(found.changes, found.stamps, *self.descriptors)

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path, {"a": b"a", "folder/b": b"b", "folder/c": b"c"})
    yield made
    made.close()


@settings(max_examples=examples(60), deadline=None)
@given(trees, st.sets(paths, max_size=4), trees)
def test_any_change_gets_there_and_back(
    before: dict[str, bytes | None], gone: set[str], new: dict[str, bytes | None]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        pair = Pair(Path(root), before)
        begun = seen(pair.workspace)
        for path in gone:
            target = pair.layer / path
            if target.is_dir():
                shutil.rmtree(target)
            elif target.exists():
                target.unlink()
        plant(pair.layer, new)
        found = pair.found()

        assert pair.keep(found) == []
        assert found.refused == []
        assert seen(pair.workspace) == seen(pair.layer)
        assert restored(pair.descriptors[1], found.changes) == []
        assert seen(pair.workspace) == begun
        pair.close()


def test_what_was_not_touched_is_not_looked_at(pair: Pair) -> None:
    (pair.layer / "a").write_bytes(b"changed")
    os.utime(pair.layer / "folder" / "b")
    found = pair.found()

    assert [each.path for each in found.changes] == ["a"]


def test_what_came_in_meanwhile_stays(pair: Pair) -> None:
    (pair.workspace / "folder" / "new").write_bytes(b"of another call")
    (pair.layer / "folder" / "b").unlink()
    found = pair.found()

    assert [each.path for each in found.changes] == ["folder/b"]
    assert pair.keep(found) == []
    assert (pair.workspace / "folder" / "new").exists()


def test_what_cannot_be_restored_is_not_changed(pair: Pair) -> None:
    (pair.workspace / "a").write_bytes(bytes(2_000))
    (pair.layer / "a").unlink()
    (pair.layer / "folder" / "b").unlink()
    found = pair.found(disk_bytes=1_000)

    assert [each.path for each in found.changes] == ["folder/b"]
    assert found.refused == [Refused("a", "what it held is more than can be kept to be restored")]


def test_changes_are_counted(pair: Pair) -> None:
    for number in range(10):
        (pair.layer / f"n{number}").mkdir()
    found = pair.found(inodes=4)

    assert len(found.changes) == 4
    assert len(found.refused) == 6


def test_a_crash_leaves_the_old_file_or_the_new_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pair.layer / "a").write_bytes(b"new")
    found = pair.found()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    assert pair.keep(found) == [Refused("a", "No space left on device")]
    assert sorted(path.name for path in pair.workspace.iterdir()) == ["a", "folder"]
    assert (pair.workspace / "a").read_bytes() == b"a"


def test_what_is_neither_file_nor_folder_or_has_just_gone_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: [*listed(folder), "gone"])
    layer = tmp_path / "layer"
    layer.mkdir()
    descriptor = os.open(layer, FOLDER)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    os.mkfifo(workspace / "fifo")
    (workspace / "file").touch()
    copy_in(str(workspace), descriptor, None, PROFILE, "a test")
    os.close(descriptor)
    monkeypatch.undo()

    assert contents(layer) == ["file"]


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    folder = os.open(tmp_path, FOLDER)
    with pytest.raises(OSError, match="fifo is no regular file any more"), file_at(folder, "fifo"):
        raise AssertionError
    os.close(folder)


async def test_a_backend_that_makes_no_layers_is_named(tmp_path: Path) -> None:
    with (
        contextlib.ExitStack() as stack,
        pytest.raises(SandboxUnavailable, match="which sandlock does not give"),
    ):
        await opened(Sandlock(), View(()), str(tmp_path), PROFILE, stack)


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "inside" / "up").symlink_to("..")
    (tmp_path / "inside" / "file").symlink_to("../file")
    root = os.open(tmp_path / "inside", FOLDER)
    with pytest.raises(OSError), folder_at(root, ("up",)):  # noqa: PT011 - ELOOP or ENOTDIR
        raise AssertionError
    with pytest.raises(OSError), file_at(root, "file"):  # noqa: PT011
        raise AssertionError
    os.close(root)


async def test_a_workspace_is_changed_by_one_at_a_time(tmp_path: Path) -> None:
    holder = (
        "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDONLY);"
        "fcntl.flock(d, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", holder, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        descriptor = os.open(tmp_path, FOLDER)
        with anyio.move_on_after(0.1) as waiting:
            await lock(descriptor)
        assert waiting.cancelled_caught
        process.stdin.close()
        with anyio.fail_after(20):
            await lock(descriptor)
        os.close(descriptor)


@pytest.mark.parametrize(
    ("kept", "note"),
    [
        (Kept(), ""),
        (Kept(dropped=True), "[It was ended before it was done: nothing that it wrote was kept.]"),
        (
            Kept(
                (
                    FileChange(path="a", change="created", folder=True),
                    FileChange(path="b", change="deleted"),
                    FileChange(path="c", change="modified"),
                ),
                (Refused("c", "No space left on device"), Refused("\x1b[2J", "a link to /\n")),
            ),
            r"""[Changed: a/, deleted b]
[Not kept: c (No space left on device), \x1b[2J (a link to /\n)]""",
        ),
        (
            Kept(tuple(FileChange(path=f"f{n}", change="created") for n in range(12))),
            "[Changed: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 (+2)]",
        ),
    ],
)
def test_what_the_model_is_told(kept: Kept, note: str) -> None:
    assert kept.note == note


async def test_a_process_that_mounts_and_is_killed_is_started_again(tmp_path: Path) -> None:
    async with Sandbox(PROFILE, workspace=tmp_path) as sandbox:
        assert (await sandbox.run(["touch", "a"], timeout=20)).kept.changes
        (mounting,) = sandbox.backend._holders.values()  # type: ignore[attr-defined]
        os.kill(mounting._process.pid, signal.SIGKILL)
        mounting._process.wait()
        assert (await sandbox.run(["touch", "b"], timeout=20)).kept.changes
    assert contents(tmp_path) == ["a", "b"]
    assert mounting._process is None


async def test_a_workspace_too_large_to_copy_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder.Holder, "_unmapped", lambda *_: "no overlay can be mounted (a test)")
    (tmp_path / "large").write_bytes(bytes(2 << 20))
    small = msgspec.structs.replace(PROFILE, disk_bytes=1 << 20)
    with pytest.raises(SandboxUnavailable, match=r"no overlay .* cannot be copied .*No space left"):
        async with Sandbox(small, workspace=tmp_path) as sandbox:
            await sandbox.run(["true"], timeout=20)


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Change what the process that mounts does."""

    def change(before: str, after: str) -> None:
        text = holder._SCRIPT.read_text()
        assert before in text
        script = tmp_path.parent / f"{tmp_path.name}-mounts.py"
        script.write_text(text.replace(before, after))
        for folder in (script, *script.parents[:-2]):
            folder.chmod(folder.stat().st_mode | 0o555)
        monkeypatch.setattr(holder, "_SCRIPT", script)

    return change


async def test_without_an_overlay_a_copy_does_it(
    tmp_path: Path, mounts: Callable[[str, str], None]
) -> None:
    mounts(",userxattr", ",nonsense")
    (tmp_path / "a").write_text("a")
    async with Sandbox(PROFILE, workspace=tmp_path) as sandbox:
        done = await sandbox.run(
            ["sh", "-c", "cat a; rm a; echo b > b; stat -f -c %T ."], timeout=20
        )

    assert done.stdout == b"atmpfs\n"
    assert done.kept.note == "[Changed: deleted a, b]"
    assert contents(tmp_path) == ["b"]


async def test_where_nothing_can_be_mounted_nothing_runs(
    tmp_path: Path, mounts: Callable[[str, str], None]
) -> None:
    mounts("    uid, gid = os.getuid(), os.getgid()", "    _check(-1, 'unshare')")
    with pytest.raises(SandboxUnavailable, match=r"no writable layer can be made.*unshare"):
        async with Sandbox(PROFILE, workspace=tmp_path, backend="bubblewrap") as sandbox:
            await sandbox.run(["touch", "ran"], timeout=20)
    assert contents(tmp_path) == []


def contents(folder: Path) -> list[str]:
    """The names of what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
