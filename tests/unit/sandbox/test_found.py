"""What of a layer is kept, and what is refused, whatever a tool has left in it? Without a box."""

from __future__ import annotations

import os
import stat
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from toolrun.sandbox import load_profile
from toolrun.sandbox.egress import authorities
from toolrun.sandbox.layer import found as finding
from toolrun.sandbox.layer.found import Found, Overlaid
from toolrun.sandbox.layer.places import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from toolrun.sandbox.layer.layer import Parts

PROFILE = load_profile("workspace")


class Marks(Overlaid):
    """An overlay's marks, which only a mount can make: here of names."""

    def __init__(self) -> None:
        self.same: set[Parts] = set()
        self.whiteouts: set[int] = set()
        self.replaced: set[Parts] = set()

    def unchanged(self, parts: Parts, status: os.stat_result) -> bool:
        return parts in self.same

    def is_whiteout(self, status: os.stat_result) -> bool:
        return status.st_ino in self.whiteouts or super().is_whiteout(status)

    def gone(self, parts: Parts, layer: int, workspace: Sequence[str]) -> list[str]:
        return [name for name in workspace if (*parts, name) in self.replaced]


class Pair:
    """A workspace and a layer over it."""

    def __init__(self, root: Path) -> None:
        self.layer, self.workspace, self.marks = root / "layer", root / "workspace", Marks()
        self.layer.mkdir()
        self.workspace.mkdir()

    def delete(self, name: str) -> None:
        (self.layer / name).write_text("")
        self.marks.whiteouts.add((self.layer / name).stat().st_ino)

    def found(self, **change: Any) -> Found:
        descriptors = [os.open(path, FOLDER) for path in (self.layer, self.workspace)]
        try:
            profile = msgspec.structs.replace(PROFILE, **change)
            return Found(descriptors[0], descriptors[1], self.marks, profile)
        finally:
            for each in descriptors:
                os.close(each)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def told(found: Found) -> tuple[list[tuple[str, str]], dict[str, str]]:
    changes = [(each.path, str(each.change)) for each in found.changes]
    return changes, {each.path: each.why for each in found.refused}


def name_of_bytes(pair: Pair) -> None:
    (pair.layer / os.fsdecode(b"\xff")).write_text("x")


def git_s_own(pair: Pair) -> None:
    (pair.layer / "HEAD").write_text("ref: refs/heads/main")


def deep(pair: Pair) -> None:
    (pair.layer / "/".join("d" * 64)).mkdir(parents=True)
    (pair.layer / "/".join("d" * 64) / "f").write_text("x")


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (lambda pair: (pair.layer / ".env").write_text("x"), "protected"),
        (lambda pair: (pair.layer / "Toolrun.toml").write_text("x"), "protected"),
        (git_s_own, "git takes a folder that has it"),
        (name_of_bytes, "its name is no UTF-8"),
        (lambda pair: (pair.layer / "a\nb").write_text("x"), "its name has control characters"),
        (lambda pair: (pair.layer / "l").symlink_to("/etc"), "a link to /etc"),
        (lambda pair: os.mkfifo(pair.layer / "p"), "a named pipe"),
        (deep, "deeper than 64 folders"),
    ],
)
def test_what_no_workspace_gets(pair: Pair, plant: Callable[[Pair], Any], why: str) -> None:
    plant(pair)

    changes, refused = told(pair.found())

    assert [each for each in refused.values() if each.startswith(why)] == list(refused.values())
    assert len(refused) == 1
    assert {change for _, change in changes} <= {"created"}
    assert not set(refused) & {path for path, _ in changes}


def test_a_layer_is_opened_though_its_folders_were_closed(pair: Pair) -> None:
    (pair.layer / "in").mkdir()
    (pair.layer / "in" / "f").write_text("x")
    (pair.layer / "in").chmod(0)
    pair.layer.chmod(0o500)

    assert told(pair.found()) == ([("in", "created"), ("in/f", "created")], {})
    assert stat.S_IMODE(pair.layer.stat().st_mode) == 0o700


def test_what_is_as_it_was_is_no_change(pair: Pair) -> None:
    for folder in (pair.workspace, pair.layer):
        (folder / "same").write_text("x")
        (folder / "again").write_text("x")
    pair.marks.same = {("same",)}

    assert told(pair.found()) == ([], {})


def test_more_changes_than_the_profile_allows_are_refused(pair: Pair) -> None:
    (pair.workspace / "z").write_text("x")
    for name in ("a", "b", "c"):
        (pair.layer / name).mkdir()
    (pair.layer / "d").write_text("x")
    pair.delete("z")

    changes, refused = told(pair.found(inodes=2))

    assert changes == [("a", "created"), ("b", "created")]
    assert set(refused) == {"c", "d", "z"}
    assert set(refused.values()) == {"more than 2 changes in one call"}


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round(pair: Pair) -> None:
    (pair.workspace / "a" / "deep").mkdir(parents=True)
    (pair.workspace / "a" / "deep" / "f").write_text("x")
    (pair.workspace / "b").write_text("x")
    (pair.layer / "a").write_text("y")
    (pair.layer / "b").mkdir()

    assert told(pair.found()) == (
        [
            ("a/deep/f", "deleted"),
            ("a/deep", "deleted"),
            ("a", "deleted"),
            ("a", "created"),
            ("b", "deleted"),
            ("b", "created"),
        ],
        {},
    )


def test_what_may_not_be_removed_stays_and_what_holds_it(pair: Pair) -> None:
    (pair.workspace / "a").mkdir()
    (pair.workspace / "a" / ".env").write_text("x")
    (pair.workspace / "a" / "f").write_text("x")
    (pair.workspace / "b").symlink_to("a")
    (pair.layer / "a").write_text("y")
    (pair.layer / "b").mkdir()

    changes, refused = told(pair.found())

    assert changes == [("a/f", "deleted")]
    assert refused == {
        "a/.env": "its removal: protected",
        "b": "its removal: no regular file, a link perhaps",
    }


def test_removals_beyond_the_most_are_refused(pair: Pair) -> None:
    (pair.workspace / "a").mkdir()
    for name in "fgh":
        (pair.workspace / "a" / name).write_text("x")
    pair.marks.replaced = {("a",)}

    changes, refused = told(pair.found(inodes=2))

    assert changes == [("a/f", "deleted"), ("a/g", "deleted")]
    assert set(refused) == {"a/h"}


def test_what_is_gone_already_is_no_change(pair: Pair) -> None:
    pair.delete("never")

    assert told(pair.found()) == ([], {})


def test_what_has_just_gone_from_a_layer_is_no_change(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pair.layer / "a").write_text("new")
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: [*listed(folder), "gone"])

    assert [each.path for each in pair.found().changes] == ["a"]


def test_no_more_is_written_or_kept_than_the_disk_holds(pair: Pair) -> None:
    (pair.layer / "big").write_text("x" * 11)
    for name in ("kept", "gone", "over"):
        (pair.workspace / name).write_text("x" * 8)
    pair.delete("gone")
    (pair.layer / "kept").write_text("y")
    pair.delete("over")

    changes, refused = told(pair.found(disk_bytes=10))

    assert changes == [("gone", "deleted")]
    assert refused == {
        "big": "the call wrote more than its disk holds",
        "kept": "what it held is more than can be kept to be restored",
        "over": "what it held is more than can be kept to be restored",
    }


def test_only_so_much_that_is_refused_is_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_MOST_REFUSED", 2)
    for name in "abc":
        (pair.layer / name).symlink_to("/etc")

    assert [each.path for each in pair.found().refused] == ["a", "b"]


def test_an_overlay_s_own_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").write_text("")
    layer = os.open(tmp_path, FOLDER)
    values = iter((b"y", b"n"))
    monkeypatch.setattr("os.getxattr", lambda *_: next(values))
    try:
        assert list(Overlaid().gone((), layer, ["new", "old"])) == ["old"]
        assert list(Overlaid().gone((), layer, ["new", "old"])) == []
    finally:
        os.close(layer)


def test_a_file_that_cannot_be_read_is_not_overwritten(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pair.workspace / "f").write_text("x")
    (pair.layer / "f").write_text("y")

    def closed(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(finding, "content_of", closed)

    assert told(pair.found()) == (
        [],
        {"f": "what it held cannot be read (Permission denied)"},
    )


def test_another_s_layer_is_left_as_closed_as_it_is(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.layer.chmod(0o711)
    monkeypatch.setattr("os.geteuid", lambda: pair.layer.stat().st_uid + 1)

    pair.found()

    assert stat.S_IMODE(pair.layer.stat().st_mode) == 0o711


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine whose OpenSSL has no certificates; where certifi's would be."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: SimpleNamespace(cafile=None))
    monkeypatch.setattr(authorities, "_BUNDLES", (str(tmp_path / "a"), str(tmp_path / "b")))
    monkeypatch.setattr(authorities, "has", lambda _: False)
    yield tmp_path
    authorities._is_public.cache_clear()


def test_the_first_file_of_certificates_alone_is_trusted(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = "-----BEGIN CERTIFICATE-----"
    assert authorities.bundle() is None

    (places / "a").write_text(f"{certificate}\n-----BEGIN PRIVATE KEY-----")
    (places / "b").write_text(certificate)
    assert authorities.bundle() == str(places / "b")

    (places / "named").symlink_to("real")
    (places / "real").write_text(certificate)
    own = SimpleNamespace(cafile=str(places / "named"))
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: own)
    assert authorities.bundle() == str(places / "real")
    (places / "other").write_text(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(places / "other"))
    assert authorities.bundle() == str(places / "other")


def test_without_any_certifi_s_are_trusted_where_it_is(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places / "c").write_text("-----BEGIN CERTIFICATE-----")
    certifi = SimpleNamespace(where=lambda: str(places / "c"))
    monkeypatch.setitem(sys.modules, "certifi", certifi)
    assert authorities.bundle() is None

    monkeypatch.setattr(authorities, "has", lambda name: name == "certifi")
    assert authorities.bundle() == str(places / "c")


def test_a_folder_is_no_file_of_certificates(places: Path) -> None:
    (places / "a").mkdir()

    assert authorities.bundle() is None
