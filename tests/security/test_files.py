"""Does a tool see the files that it was given, and only those, however they lie?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.security.conftest import Attacks, Control

pytestmark = pytest.mark.security


def test_the_temporary_folders_can_be_written(attack: Attacks) -> None:
    paths = ["/tmp/fine", "/dev/shm/fine"]

    assert attack("files.write", paths=paths).saw == dict.fromkeys(paths, "done")


def test_the_workspace_is_the_working_directory(attack: Attacks, workspace: Path) -> None:
    saw = attack("files.read", profile="workspace-ro", workspace=workspace, paths=["notes.md"]).saw

    assert saw == {"notes.md": "three short words"}


def test_a_workspace_that_only_its_owner_can_read(attack: Attacks, workspace: Path) -> None:
    (workspace / "notes.md").chmod(0o600)
    (workspace / "sub").chmod(0o700)
    workspace.chmod(0o700)
    paths = ["notes.md", "sub/open.md"]
    saw = attack("files.read", profile="workspace-ro", workspace=workspace, paths=paths).saw

    assert saw == {"notes.md": "three short words", "sub/open.md": "not secret"}


def test_dotted_files_beside_the_module_are_hidden(attack: Attacks, control: Control) -> None:
    beside = Path(__file__).parent / ".env.test"
    try:
        beside.write_text("topsecret")
    except PermissionError:
        pytest.skip("an ordinary user cannot write beside the tests")
    try:
        assert control("files.read", paths=[str(beside)]) == {str(beside): "topsecret"}
        assert attack("files.read", paths=[str(beside)]).saw == {str(beside): "!EACCES"}
    finally:
        beside.unlink()
