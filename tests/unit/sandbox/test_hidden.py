"""Are secrets found wherever they lie, and as soon as they are there?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolrun.errors import ConfigError
from toolrun.sandbox import hidden
from toolrun.sandbox.hidden import Hider
from toolrun.sandbox.view import Folder, Hide

if TYPE_CHECKING:
    from pathlib import Path


def found(hider: Hider, root: Path, hide: Hide = "secrets") -> set[str]:
    masks = hider.masks(Folder(str(root), hide))
    return {os.path.relpath(mask.path, root) for mask in masks}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (".git", "a/.git", "a/b", ".config"):
        (tmp_path / name).mkdir(parents=True)
    for name in (".env", "a/b/.env.prod", "a/b/env", ".gitignore", ".git/config"):
        (tmp_path / name).write_text("x")
    return tmp_path


def test_secrets_at_any_depth(root: Path) -> None:
    assert found(Hider(), root) == {".git", "a/.git", ".env", "a/b/.env.prod"}


def test_secrets_of_a_file_system_that_knows_no_case(root: Path) -> None:
    (root / ".GIT").mkdir()
    (root / "a" / ".Env.local").write_text("x")

    assert {".GIT", "a/.Env.local"} <= found(Hider(), root)


def test_dotted_names(root: Path) -> None:
    expected = {".git", "a/.git", ".env", "a/b/.env.prod", ".config", ".gitignore"}

    assert found(Hider(), root, "dotted") == expected


def test_what_a_secret_link_leads_to(root: Path) -> None:
    (root / ".env").unlink()
    (root / ".env").symlink_to(root / "a/b/env")
    (root / ".envrc").symlink_to("/etc/passwd")

    assert "a/b/env" in found(Hider(), root)
    assert ".envrc" not in found(Hider(), root)


def test_a_new_secret_is_found_although_folders_are_remembered(root: Path) -> None:
    hider = Hider()
    os.utime(root / "a/b", (1, 1))
    assert "a/b/.envrc" not in found(hider, root)
    (root / "a/b/.envrc").write_text("x")

    assert "a/b/.envrc" in found(hider, root)


def test_too_many_folders_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden, "_MAX_FOLDERS", 3)

    with pytest.raises(ConfigError, match="give a smaller folder"):
        found(Hider(), root)
