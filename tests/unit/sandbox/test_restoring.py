"""Is a change of a workspace taken back only where nobody has changed it since? Without a box."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.unit.sandbox.user import as_a_user
from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID
from toolrun.sandbox.layer import lock as locking
from toolrun.sandbox.layer.layer import Refused
from toolrun.sandbox.layer.places import FOLDER
from toolrun.sandbox.layer.restore import restore, restored
from toolrun.values import FileChange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, FOLDER)
    yield descriptor
    os.close(descriptor)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def modified(*, before: bytes | None = b"old") -> FileChange:
    """Of the file `a`, from "old" to "new"."""
    return FileChange(
        path="a",
        change="modified",
        before=before,
        before_digest=digest(b"old"),
        before_mode=0o640,
        digest=digest(b"new"),
        mode=0o640,
    )


def put(file: Path, content: str) -> None:
    file.write_text(content)
    file.chmod(0o640)


def test_what_is_as_it_was_already_is_left(tmp_path: Path, workspace: int) -> None:
    put(tmp_path / "a", "old")
    inode = (tmp_path / "a").stat().st_ino

    assert restored(workspace, [modified()]) == []
    assert (tmp_path / "a").stat().st_ino == inode


def test_without_what_it_held_a_file_stays(tmp_path: Path, workspace: int) -> None:
    put(tmp_path / "a", "new")

    assert restored(workspace, [modified(before=None)]) == [
        Refused("a", "what it held is not known any more")
    ]
    assert (tmp_path / "a").read_text() == "new"


def test_what_is_no_file_any_more_is_somebody_elses(tmp_path: Path, workspace: int) -> None:
    (tmp_path / "b").write_text("new")
    (tmp_path / "a").symlink_to("b")

    assert restored(workspace, [modified()]) == [Refused("a", "changed since by somebody else")]
    assert (tmp_path / "a").is_symlink()


def test_folders_that_are_as_they_were_already_are_left(tmp_path: Path, workspace: int) -> None:
    (tmp_path / "kept").mkdir(mode=0o700)
    changes = [
        FileChange(path="made", change="created", folder=True, mode=0o755),
        FileChange(path="kept", change="deleted", folder=True, before_mode=0o755),
    ]

    assert restored(workspace, changes) == []
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_a_user_gets_his_files_and_folders_back_as_his_own(tmp_path: Path, workspace: int) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
    changes = [
        FileChange(
            path="folder/a",
            change="deleted",
            before=b"old",
            before_digest=digest(b"old"),
            before_mode=0o640,
        ),
        FileChange(path="folder", change="deleted", folder=True, before_mode=0o750),
    ]
    with as_a_user():
        user = os.geteuid()
        assert restored(workspace, changes) == []

    folder, file = tmp_path / "folder", tmp_path / "folder" / "a"
    assert file.read_text() == "old"
    assert [each.stat().st_uid for each in (folder, file)] == [user, user]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, file)] == [0o750, 0o640]


async def test_a_workspace_that_somebody_holds_for_long_is_not_waited_for(
    tmp_path: Path, workspace: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await locking.lock(workspace)
    monkeypatch.setattr(locking, "WAIT_SECONDS", 0)

    with pytest.raises(TimeoutError, match="another process holds the workspace"):
        await restore(str(tmp_path), [])
    locking.unlock(workspace)
    assert await restore(str(tmp_path), []) == []
