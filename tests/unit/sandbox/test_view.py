"""Does a box see the module that it needs, and no more of its surroundings?"""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

import pytest

from toolrun.errors import ConfigError
from toolrun.sandbox import Job, Sandbox, load_profile
from toolrun.sandbox.bubblewrap import proc
from toolrun.sandbox.bubblewrap.arguments import Descriptors, arguments, program
from toolrun.sandbox.hidden import Mask
from toolrun.sandbox.order import Order
from toolrun.sandbox.view import (
    SYSTEM_FOLDERS,
    Folder,
    Runtime,
    View,
    check_workspace,
    outermost,
    runtime,
    view_of,
    within,
)


def job(file: Path, module: str) -> Job:
    return Job(file=str(file), module=module, qualname="f")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "pkg").mkdir()
    for name in ("pkg/__init__.py", "pkg/tools.py", "script.py", "data.txt", ".hidden.py"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_a_module_of_a_package_is_imported_by_name_from_its_root(package: Path) -> None:
    view = view_of(job(package / "pkg/tools.py", "pkg.tools"), None, ())

    assert view.by_name
    assert view.first == (str(package),)
    assert view.folders == (Folder(str(package), "dotted"),)


def test_a_package_itself(package: Path) -> None:
    view = view_of(job(package / "pkg/__init__.py", "pkg"), None, ())

    assert (view.by_name, view.first) == (True, (str(package),))


@pytest.mark.parametrize("module", ["__main__", "another_name"])
def test_a_script_is_imported_by_its_file(package: Path, module: str) -> None:
    view = view_of(job(package / "script.py", module), None, ())

    assert (view.by_name, view.first) == (False, (str(package),))


def test_of_a_home_only_modules_are_seen(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(package))
    view = view_of(job(package / "script.py", "__main__"), None, ())

    names = {folder.path.removeprefix(f"{package}/") for folder in view.folders}
    assert names == {"script.py", "pkg"}


def test_a_module_that_is_gone(package: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.py does not exist"):
        view_of(job(package / "gone.py", "gone"), None, ())


def test_the_workspace_lies_over_the_module_folder(package: Path) -> None:
    notes = package / "notes"
    view = view_of(job(package / "script.py", "__main__"), str(notes), ())

    assert view.folders == (Folder(str(package), "dotted"), Folder(str(notes), "secrets"))


@pytest.mark.parametrize("path", ["/", "/tmp", "/usr", "/etc"])
def test_a_system_folder_is_no_workspace(path: str) -> None:
    with pytest.raises(ConfigError, match="a system folder"):
        Sandbox(load_profile("workspace-ro"), workspace=Path(path))


def test_a_workspace_that_is_no_folder(package: Path) -> None:
    with pytest.raises(ConfigError, match="not a folder"):
        check_workspace(package / "script.py")


def test_a_profile_that_shows_a_workspace_needs_one() -> None:
    with pytest.raises(ConfigError, match="needs a workspace"):
        Sandbox(load_profile("workspace-ro"))


def test_the_runtime_covers_what_this_process_imports_from() -> None:
    shown = runtime()

    assert within(shown.interpreter, (*shown.folders, *SYSTEM_FOLDERS))
    assert "toolrun" in {path.rpartition("/")[2] for path in shown.folders} or within(
        sys.modules["toolrun"].__file__ or "", shown.folders
    )


def fresh() -> Runtime:
    """As a process finds it that has just begun."""
    runtime.cache_clear()
    try:
        return runtime()
    finally:
        runtime.cache_clear()


def test_of_an_image_s_own_python_its_libraries_are_shown_and_not_all_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr/local")
    shown = fresh()

    assert "/usr/local/lib" in shown.folders
    assert "/usr/local" not in shown.folders
    assert within(shown.interpreter, (*shown.folders, *SYSTEM_FOLDERS))


def test_packages_that_the_user_installed_are_shown_where_this_process_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for enabled in (True, False):
        monkeypatch.setattr(site, "ENABLE_USER_SITE", enabled)
        monkeypatch.setattr(site, "getusersitepackages", lambda: str(tmp_path))
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

        assert (str(tmp_path) in fresh().path) is enabled


def test_the_distribution_s_bubblewrap_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    program.cache_clear()
    monkeypatch.setattr(os, "access", lambda path, _: path == "/usr/bin/bwrap")
    try:
        assert program() == "/usr/bin/bwrap"
    finally:
        program.cache_clear()


def test_folders_of_proc_are_covered_by_empty_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "_FOLDERS", ("fs", "not-there"))
    proc.hidden.cache_clear()
    try:
        covered = proc.hidden()
    finally:
        proc.hidden.cache_clear()
    at = covered.index("/proc/fs")
    assert covered[at - 1] == "--tmpfs"
    assert covered[at + 1 : at + 3] == ("--remount-ro", "/proc/fs")
    assert "/proc/not-there" not in covered


def test_outermost() -> None:
    assert outermost(["/a/b", "/a", "/ab", "/c/d", "/c/d"]) == ("/a", "/ab", "/c/d")


def test_the_order_of_the_mounts() -> None:
    folder = Folder("/p", "dotted")
    masks = [Mask("/p/.venv", is_folder=True), Mask("/p/.env", is_folder=False)]
    described = arguments(
        Order(profile=load_profile("pure"), view=View((folder,)), masks=(tuple(masks),), boot=b""),
        Runtime("/p/python", ("/p/.venv/lib",), ()),
        Descriptors(passwd=3, group=4, info=5),
    )
    text = " ".join(described)
    order = [
        "--tmpfs /tmp",
        "--ro-bind /p /p",
        "--tmpfs /p/.venv",
        "--ro-bind /dev/null /p/.env",
        "--ro-bind /p/.venv/lib /p/.venv/lib",
        "--remount-ro /p/.venv",
        "--remount-ro /proc",
        "--remount-ro / ",
        "--chdir /tmp",
    ]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)
    for flag in ("user", "ipc", "pid", "net", "uts", "cgroup-try"):
        assert f"--unshare-{flag}" in described
    assert text.count("--cap-drop ALL") == 1
    assert {"--disable-userns", "--die-with-parent", "--new-session"} <= set(described)
