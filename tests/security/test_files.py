"""Can a tool read or change what it was not given?"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.security.conftest import Attack, Control

pytestmark = pytest.mark.security
AS_ROOT = os.geteuid() == 0


def test_a_file_of_the_host_is_not_there(attack: Attack, control: Control, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("topsecret")

    assert control("read", paths=[str(canary)]) == {str(canary): "topsecret"}
    assert attack("read", paths=[str(canary)]).saw == {str(canary): "!ENOENT"}


def test_system_files_are_not_there(attack: Attack) -> None:
    paths = ["/etc/shadow", "/etc/hostname", "/sys/kernel", "/var/log", "/boot", "/root/.ssh"]

    assert set(attack("read", paths=paths).saw.values()) <= {"!ENOENT", "!EACCES"}
    assert attack("listing", path="/etc").saw == [
        name
        for name in ("alternatives", "group", "ld.so.cache", "passwd")
        if name in {"group", "passwd"} or Path("/etc", name).exists()
    ]


def test_applications_under_usr_are_not_there(attack: Attack) -> None:
    assert attack("listing", path="/usr/src").saw == ["!ENOENT"]
    assert attack("listing", path="/usr/local/etc").saw == ["!ENOENT"]


def test_nothing_but_the_tmpfs_can_be_written(attack: Attack) -> None:
    package = str(Path(sys.modules["toolrun"].__file__ or "").parent / "planted.py")
    paths = ["/planted", "/etc/passwd", "/dev/planted", "/usr/lib/planted", package]
    saw = attack("open_for_writing", paths=[*paths, "/tmp/fine"]).saw

    assert saw.pop("/tmp/fine") == "done"
    assert set(saw.values()) <= {"EROFS", "EACCES", "ENOENT"}, saw
    assert not Path(package).exists()


def test_the_kernel_cannot_be_set(attack: Attack, control: Control) -> None:
    paths = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/oom_score_adj"]
    saw = attack("open_for_writing", paths=paths).saw

    assert set(saw.values()) <= {"EROFS", "EACCES", "ENOENT"}, saw
    if AS_ROOT:
        assert control("open_for_writing", paths=paths[:1]) == {paths[0]: "done"}


def test_devices_cannot_be_made_or_opened(attack: Attack) -> None:
    assert attack("device_nodes").saw == {"mknod": "EPERM", "mem": "ENOENT", "kmsg": "ENOENT"}


def test_the_module_folder_is_read_only(attack: Attack) -> None:
    path = str(Path(__file__).parent / "planted.py")

    assert attack("open_for_writing", paths=[path]).saw == {path: "EROFS"}


def test_the_workspace_cannot_be_changed(
    attack: Attack, control: Control, workspace: Path, tmp_path: Path
) -> None:
    shutil.copytree(workspace, tmp_path / "copy", symlinks=True)
    expected = control("change_workspace", cwd=tmp_path / "copy")
    saw = attack("change_workspace", profile="workspace-ro", workspace=workspace).saw

    assert expected["write"] == expected["create"] == expected["unlink"] == "done"
    assert set(saw.values()) == {"EROFS"}
    assert (workspace / "notes.md").read_text() == "three short words"


def test_the_workspace_is_the_working_directory(attack: Attack, workspace: Path) -> None:
    saw = attack("read", profile="workspace-ro", workspace=workspace, paths=["notes.md"]).saw

    assert saw == {"notes.md": "three short words"}


def test_a_workspace_that_only_its_owner_can_read(attack: Attack, workspace: Path) -> None:
    (workspace / "notes.md").chmod(0o600)
    (workspace / "sub").chmod(0o700)
    workspace.chmod(0o700)
    paths = ["notes.md", "sub/open.md"]
    saw = attack("read", profile="workspace-ro", workspace=workspace, paths=paths).saw

    assert saw == {"notes.md": "three short words", "sub/open.md": "not secret"}


def test_secrets_of_the_workspace_are_hidden(
    attack: Attack, control: Control, workspace: Path
) -> None:
    paths = [".env", "sub/.env.local", "sub/.git/config", "alias", "sub/open.md"]
    (workspace / ".git").mkdir()
    (workspace / ".git" / "config").write_text("topsecret")
    saw = attack(
        "read", profile="workspace-ro", workspace=workspace, paths=[*paths, ".git/config"]
    ).saw

    assert "topsecret" in control("read", paths=paths, cwd=workspace)[".env"]
    assert saw.pop("sub/open.md") == "not secret"
    assert not [path for path, text in saw.items() if "secret" in text], saw


def test_a_link_out_of_the_workspace_leads_nowhere(
    attack: Attack, control: Control, workspace: Path
) -> None:
    saw = attack("read", profile="workspace-ro", workspace=workspace, paths=["link"]).saw

    assert control("read", paths=["link"], cwd=workspace) == {"link": "topsecret"}
    assert saw == {"link": "!ENOENT"}


def test_the_workspace_is_not_seen_by_pure(attack: Attack, workspace: Path) -> None:
    path = str(workspace / "notes.md")

    assert attack("read", workspace=workspace, paths=[path]).saw == {path: "!ENOENT"}


def test_dotted_files_beside_the_module_are_hidden(attack: Attack, control: Control) -> None:
    beside = Path(__file__).parent / ".env.test"
    try:
        beside.write_text("topsecret")
    except PermissionError:
        pytest.skip("an ordinary user cannot write beside the tests")
    try:
        assert control("read", paths=[str(beside)]) == {str(beside): "topsecret"}
        assert attack("read", paths=[str(beside)]).saw == {str(beside): "!EACCES"}
    finally:
        beside.unlink()
