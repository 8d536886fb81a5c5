"""Can a tool that may write the workspace change anything else, or more than it may?"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from toolrun.sandbox import Job, Outcome, Sandbox, load_profile
from toolrun.sandbox.layer.holder import Holder
from toolrun.sandbox.layer.restore import restore
from toolrun.values import FileChange

# Paths of the tests' own, as the system calls see them.
# ruff: noqa: PTH115, PTH116
pytestmark = pytest.mark.security
ATTACKS = Path(__file__).with_name("attacks_layer.py")
Changing = Callable[[Sequence[FileChange]], Awaitable[None]]
MIB = 1 << 20


class Attacked(msgspec.Struct, frozen=True):
    """How an attack ended, what it saw, and what was recorded of it."""

    outcome: Outcome
    saw: Any
    recorded: list[FileChange]

    @property
    def changed(self) -> list[str]:
        """What was changed: "created notes.md"."""
        return [f"{each.change} {each.path}" for each in self.outcome.kept.changes]

    @property
    def refused(self) -> dict[str, str]:
        """What was not kept, and why."""
        return {each.path: each.why for each in self.outcome.kept.refused}


@pytest.fixture(params=["overlay", "copy"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the layer lies over the workspace, or is a copy of it, as without an overlay."""
    if request.param == "copy":
        monkeypatch.setattr(Holder, "_unmapped", lambda *_: "as the test wants it")
    return str(request.param)


@pytest.fixture
def folder(workspace: Path) -> Path:
    """The workspace of the other attacks, with more to take apart."""
    (workspace / "plain").mkdir()
    (workspace / "plain" / "old").write_text("old")
    (workspace / "other" / "deep").mkdir(parents=True)
    (workspace / "other" / "deep" / "file").write_text("deep")
    (workspace / "tree" / "a").mkdir(parents=True)
    (workspace / "tree" / "a" / "b").write_text("b")
    outside = workspace.parent / "outside.txt"
    os.link(outside, workspace / "linked.md")
    return workspace


@pytest.fixture
def outside(folder: Path) -> Path:
    return folder.parent / "outside.txt"


def attack(
    folder: Path,
    name: str,
    /,
    *,
    timeout: float = 20,
    change: dict[str, Any] | None = None,
    changing: Changing | None = None,
    **arguments: Any,
) -> Attacked:
    """Run an attack with the workspace as its working directory, and see that it ran."""
    marker = secrets.token_hex(8)
    job = Job(
        file=str(ATTACKS),
        module="attacks_layer",
        qualname="attack",
        arguments=json.dumps({"name": name, "marker": marker, "arguments": arguments}).encode(),
    )
    profile = msgspec.structs.replace(load_profile("workspace"), **(change or {}))
    recorded: list[FileChange] = []

    async def record(changes: Sequence[FileChange]) -> None:
        recorded.extend(changes)
        if changing is not None:
            await changing(changes)

    async def call() -> Outcome:
        async with Sandbox(profile, workspace=folder) as sandbox:
            return await sandbox.call(job, timeout=timeout, changing=record)

    outcome = anyio.run(call)
    assert outcome.stdout.startswith(marker + "\n"), outcome
    saw = None if outcome.value is None else msgspec.json.decode(outcome.value)["saw"]
    return Attacked(outcome, saw, recorded)


def control(folder: Path, name: str, **arguments: Any) -> Any:
    """Run an attack outside, in a copy of the workspace: what the box is to stop."""
    done = subprocess.run(
        [sys.executable, str(ATTACKS), name, json.dumps(arguments)],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=30,
    )
    return json.loads(done.stdout.splitlines()[-1])["saw"]


def tree(folder: Path) -> dict[str, Any]:
    """All that a folder holds: contents, modes, what links lead to."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        content: Any = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (kind, stat.S_IMODE(status.st_mode), content)
    return found


def test_links_are_not_kept(kind: str, folder: Path, outside: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    assert control(copy, "link_out", outside=str(outside))["through"] == "done"
    assert outside.read_text() == "written"
    outside.write_text("topsecret")

    attacked = attack(folder, "link_out", outside=str(outside))

    assert attacked.saw["absolute"] == attacked.saw["deep"] == "done"
    assert attacked.changed == ["created deep", "created deep/fine"], kind
    links = {"absolute", "relative", "folder", "inside", "loop", "deep/link"}
    assert set(attacked.refused) == links
    assert attacked.refused["absolute"] == f"a link to {outside}"
    assert not [name for name in links if os.path.lexists(folder / name)]
    assert outside.read_text() == "topsecret"


def test_nothing_is_replaced_by_a_link(kind: str, folder: Path, outside: Path) -> None:
    attacked = attack(folder, "replace_by_links", outside=str(outside))

    assert attacked.saw == {"folder": "done", "file": "done"}, kind
    assert not (folder / "plain").is_symlink()
    assert not (folder / "notes.md").is_symlink()
    assert set(attacked.refused) == {"plain", "notes.md"}
    assert outside.read_text() == "topsecret"


def test_links_of_the_workspace_lead_nowhere(folder: Path, outside: Path) -> None:
    before = os.readlink(folder / "link")
    attack(folder, "write_each", paths=["link"])

    assert os.readlink(folder / "link") == before
    assert outside.read_text() == "topsecret"


def test_special_files_are_not_kept(kind: str, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    assert control(copy, "special_files")["fifo"] == "done"

    attacked = attack(folder, "special_files")

    assert attacked.saw["fifo"] == attacked.saw["socket"] == "done"
    assert attacked.saw["disk"] == attacked.saw["null"] == "EPERM"
    assert attacked.changed == ["created fine"], kind
    assert attacked.refused["fifo"] == "a named pipe"
    assert attacked.refused["socket"] == "a socket"
    assert {path.name for path in folder.iterdir()} >= {"fine", "notes.md"}
    assert not [path for path in folder.rglob("*") if path.is_fifo() or path.is_socket()]


def test_marks_of_an_overlay_cannot_be_forged(kind: str, folder: Path) -> None:
    before = tree(folder)
    attacked = attack(folder, "forge_marks")

    assert attacked.changed == ["created fine"], (kind, attacked.saw)
    after = tree(folder)
    assert {name for name in after if name not in before} == {"fine"}
    assert {name: after[name] for name in before} == before


def test_modes_are_permissions_alone(folder: Path) -> None:
    attacked = attack(folder, "special_modes")

    assert attacked.saw["bits"] & 0o7000, "the attack could set none"
    modes = {name: os.stat(folder / name).st_mode & 0o7777 for name in attacked.saw}
    assert modes == {"program": 0o755, "bits": 0o777, "notes.md": 0o777}
    assert os.stat(folder / "program").st_uid == os.stat(folder).st_uid


def test_secrets_are_neither_changed_nor_made(kind: str, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    expected = control(copy, "touch_secrets")
    assert expected["hook"] == expected["env"] == expected["new hook"] == "done"
    (folder / "toolrun.toml").write_text("profile = 'pure'")
    before = tree(folder)

    attacked = attack(folder, "touch_secrets")

    saw = attacked.saw
    assert saw["new env"] == saw["new hook"] == saw["settings"] == "done", saw
    assert not [name for name in ("hook", "config", "env", "unlink env") if saw[name] == "done"]
    after = tree(folder)
    hidden = [name for name in after if ".git" in name.lower() or ".env" in name.lower()]
    assert sorted(hidden) == sorted(name for name in before if ".git" in name or ".env" in name), (
        kind
    )
    assert {name: after[name] for name in hidden} == {name: before[name] for name in hidden}
    assert (folder / "fine").exists()
    assert {"plain/.env.local", "plain/.ENV", "plain/.git"} <= set(attacked.refused)
    assert {"toolrun.toml", "plain/toolrun.toml"} <= set(attacked.refused)
    assert (folder / "toolrun.toml").read_text() == "profile = 'pure'"
    assert not (folder / "plain" / "toolrun.toml").exists()
    assert "protected" in attacked.refused["plain/.git"]


def test_no_path_leads_out(folder: Path, outside: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    assert control(copy, "leave_by_path", outside=str(outside))["parent"] == "done"
    assert outside.read_text() == "written"
    outside.write_text("topsecret")
    (folder.parent / "made").rmdir()
    (folder.parent / "y").unlink()

    attacked = attack(folder, "leave_by_path", outside=str(outside))

    # What lies above the workspace is, in the box, its own /tmp: writing there reaches nobody.
    assert outside.read_text() == "topsecret"
    assert not (folder.parent / "made").exists()
    assert not (folder.parent / "y").exists()
    assert set(attacked.changed) >= {"created ...", "created ..\\outside.txt"}


def test_hard_links_lead_nowhere(folder: Path, outside: Path) -> None:
    attacked = attack(folder, "hard_links", outside=str(outside))

    assert attacked.saw == {"outside": "ENOENT", "passwd": "EXDEV", "inside": "done"}
    assert (folder / "linked.md").read_text() == "topsecret and more"
    assert outside.read_text() == "topsecret", "written through a link that was there"
    assert os.stat(folder / "twin").st_nlink == 1


def test_apparent_sizes_count(folder: Path) -> None:
    attacked = attack(folder, "sparse_files", count=20, size=MIB, change={"disk_bytes": 5 * MIB})

    assert set(attacked.saw.values()) == {"done"}
    assert len(attacked.changed) == 5
    assert len(attacked.refused) == 15
    assert sum(path.lstat().st_size for path in folder.iterdir()) < 6 * MIB


def test_files_are_counted(folder: Path) -> None:
    before = len(list(folder.rglob("*")))
    attacked = attack(folder, "many_files", count=100_000, change={"inodes": 200})

    assert attacked.saw["why"] == "ENOSPC"
    assert attacked.saw["made"] <= 208
    assert len(list(folder.rglob("*"))) <= before + 208


def test_the_disk_is_sized(folder: Path) -> None:
    attacked = attack(folder, "fill_disk", mebibytes=20, change={"disk_bytes": 8 * MIB})

    assert attacked.saw["why"] == "ENOSPC"
    assert attacked.saw["written"] <= 8 * MIB
    assert sum(path.lstat().st_size for path in folder.iterdir()) < 9 * MIB


def test_folders_are_replaced_and_moved(kind: str, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    before = tree(folder)
    expected = control(copy, "rearrange")

    attacked = attack(folder, "rearrange")

    assert attacked.saw == expected, kind
    assert attacked.refused == {}
    assert {name: each[2] for name, each in tree(folder).items()} == {
        name: each[2] for name, each in tree(copy).items()
    }

    async def undo() -> None:
        assert await restore(str(folder), attacked.recorded) == []

    anyio.run(undo)
    assert tree(folder) == before


def test_strange_names_are_not_kept(folder: Path) -> None:
    attacked = attack(folder, "strange_names")

    assert set(attacked.saw.values()) == {"done"}
    assert (folder / "fine").exists()
    assert len([path for path in folder.iterdir() if not path.name.isprintable()]) == 0
    assert len(attacked.refused) == 6
    assert attacked.outcome.kept.note.isprintable() or "\n" in attacked.outcome.kept.note
    assert "\x1b" not in attacked.outcome.kept.note


def test_what_its_owner_may_not_read_is_kept_all_the_same(folder: Path) -> None:
    attacked = attack(folder, "closed_files")

    assert attacked.refused == {}
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0
    (folder / "closed").chmod(0o700)
    assert (folder / "closed" / "inner").read_text() == "written"


@pytest.mark.parametrize(
    ("then", "status", "kept"),
    [
        ("sleep", "timeout", False),
        ("crash", "crash", False),
        ("signal", "crash", False),
        ("memory", "memory_limit", False),
        ("raise", "exception", True),
    ],
)
def test_nothing_is_kept_of_what_was_killed(
    folder: Path, then: str, status: str, *, kept: bool
) -> None:
    attacked = attack(folder, "write_then", then=then, timeout=2 if then == "sleep" else 20)

    assert attacked.outcome.status == status
    assert (folder / "half").exists() == kept
    assert (folder / "notes.md").read_text().endswith(" half") == kept
    assert attacked.outcome.kept.dropped != kept


def test_what_goes_on_after_the_call_changes_nothing(folder: Path) -> None:
    attacked = attack(folder, "leave_a_writer", seconds=30)

    assert attacked.saw == "left"
    assert "created early" in attacked.changed
    assert not (folder / "link").is_symlink() or os.readlink(folder / "link") != "/etc/passwd"
    kept = tree(folder)
    time.sleep(0.05)
    assert tree(folder) == kept


def test_a_link_planted_in_the_way_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def plant(_: Sequence[FileChange]) -> None:
        (folder / "plain").rename(folder / "was")
        (folder / "plain").symlink_to(elsewhere)

    attacked = attack(folder, "write_each", paths=["plain/new", "plain/old"], changing=plant)

    assert attacked.saw == {"plain/new": "done", "plain/old": "done"}
    assert set(attacked.refused) == {"plain/new", "plain/old"}
    assert list(elsewhere.iterdir()) == []


def test_a_file_that_somebody_else_changed_meanwhile_is_left(folder: Path) -> None:
    async def edit(_: Sequence[FileChange]) -> None:
        (folder / "notes.md").write_text("the user's own words")
        (folder / "new.md").write_text("the user's, too")

    attacked = attack(folder, "write_each", paths=["notes.md", "new.md"], changing=edit)

    assert set(attacked.refused) == {"notes.md", "new.md"}
    assert (folder / "notes.md").read_text() == "the user's own words"
    assert (folder / "new.md").read_text() == "the user's, too"


def test_where_recording_fails_nothing_is_touched(folder: Path) -> None:
    before = tree(folder)

    async def fail(_: Sequence[FileChange]) -> None:
        raise ConnectionError("no store")

    with pytest.raises(ConnectionError):
        attack(folder, "write_each", paths=["notes.md", "new.md"], changing=fail)
    assert tree(folder) == before


def test_a_workspace_that_only_its_owner_can_read(kind: str, folder: Path) -> None:
    for path in (folder / "notes.md", folder / "plain" / "old"):
        path.chmod(0o600)
    (folder / "plain").chmod(0o700)
    folder.chmod(0o700)
    attacked = attack(folder, "write_each", paths=["notes.md", "plain/old", "plain/new"])

    assert attacked.refused == {}, kind
    assert (folder / "plain" / "old").read_text() == "written"
    assert stat.S_IMODE((folder / "plain" / "old").stat().st_mode) == 0o600
