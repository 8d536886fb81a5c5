"""Does a tool find the packages of its own environment, and is it told what does not fit?"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

from toolrun import tool as mark
from toolrun.errors import ConfigError, ToolDefinitionError
from toolrun.sandbox import Job, Outcome, Sandbox, load_profile
from toolrun.sandbox.venv import OWN_VERSION, venv
from toolrun.sandbox.view import view_of, workspace_view
from toolrun.tools.context import CallContext
from toolrun.tools.definition import Tool, define
from toolrun.tools.listener import Listener
from toolrun.tools.manifest import load_manifest
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes
from toolrun.values import ToolCall

if TYPE_CHECKING:
    from pathlib import Path

TOOL = """
def greeting() -> str:
    import brought
    import msgspec  # toolrun's own are there, too
    return brought.word

def where() -> str:
    import brought
    return brought.__file__
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An environment with one package, in a private folder, as homes are."""
    made = tmp_path / "private" / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    site = made / "lib" / f"python{OWN_VERSION}" / "site-packages"
    (site / "brought.py").write_text("word = 'from its own packages'\n")
    (tmp_path / "private").chmod(0o700)
    return made


def call(tmp_path: Path, name: str, python: Path | None) -> Outcome:
    module = tmp_path / "tools"
    module.mkdir(exist_ok=True)
    (module / "envtool.py").write_text(TOOL)
    job = Job(
        file=str(module / "envtool.py"),
        module="envtool",
        qualname=name,
        python=None if python is None else str(python),
    )

    async def run() -> Outcome:
        async with Sandbox(load_profile("pure")) as sandbox:
            return await sandbox.call(job, timeout=20)

    return anyio.run(run)


def test_a_function_imports_what_is_in_its_environment(folder: Path, tmp_path: Path) -> None:
    outcome = call(tmp_path, "greeting", folder)

    assert outcome.error is None
    assert msgspec.json.decode(outcome.value or b"") == "from its own packages"


def test_without_it_the_packages_are_not_seen(folder: Path, tmp_path: Path) -> None:
    outcome = call(tmp_path, "greeting", None)

    assert outcome.error == "ModuleNotFoundError: No module named 'brought'"


def test_the_interpreter_names_the_environment_as_well(folder: Path, tmp_path: Path) -> None:
    outcome = call(tmp_path, "where", folder / "bin" / "python")

    assert str(folder) in msgspec.json.decode(outcome.value or b"")


def test_another_version_is_refused_and_the_way_out_is_said(folder: Path, tmp_path: Path) -> None:
    described = (folder / "pyvenv.cfg").read_text()
    (folder / "pyvenv.cfg").write_text(described.replace("version = ", "version = 3.9.1\n#"))
    shutil.copytree(folder / "lib" / f"python{OWN_VERSION}", folder / "lib" / "python3.9")
    with pytest.raises(ConfigError, match=r"is Python 3\.9.*a manifest whose command begins with"):
        call(tmp_path, "greeting", folder)


def test_a_folder_that_is_no_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pyvenv\.cfg.*python -m venv"):
        call(tmp_path, "greeting", tmp_path)


def test_an_environment_without_packages(folder: Path) -> None:
    shutil.rmtree(folder / "lib")
    with pytest.raises(ConfigError, match="Make it anew"):
        venv(str(folder))


def test_each_link_on_the_way_to_the_interpreter_is_shown(folder: Path, tmp_path: Path) -> None:
    hop = tmp_path / "hop"
    hop.symlink_to(os.path.realpath(sys.executable))
    python = folder / "bin" / "python"
    python.unlink()
    python.symlink_to(hop)

    assert str(hop) in venv(str(folder)).base


@pytest.mark.parametrize(
    ("program", "shown"),
    [("/usr/bin/env", ()), ("/usr/local/bin/python-of-an-image", ("/usr/local/lib",))],
    ids=["the system's", "an image's"],
)
def test_an_interpreter_of_the_system_shows_no_more_than_it_needs(
    program: str, shown: tuple[str, ...], folder: Path
) -> None:
    python = folder / "bin" / "python"
    python.unlink()
    python.symlink_to(program)

    assert venv(str(folder)).base == (program, *shown)


def test_links_in_a_circle_show_nothing_beyond_the_environment(folder: Path) -> None:
    python = folder / "bin" / "python"
    python.unlink()
    python.symlink_to("python")

    assert venv(str(folder)).base == (str(folder),)


def test_a_command_runs_under_the_environments_interpreter(folder: Path) -> None:
    argv = [str(folder / "bin" / "python"), "-c", "import brought; print(brought.word)"]

    async def run() -> bytes:
        async with Sandbox(load_profile("pure")) as sandbox:
            done = await sandbox.run(argv, timeout=20, python=str(folder))
            assert done.stderr == b""
            return done.stdout

    assert anyio.run(run) == b"from its own packages\n"


def called(tool: Tool) -> str:
    context = CallContext(session="s", tenant="acme", call_id="a", idempotency_key="s.1.1.a")

    async def run() -> str:
        sandboxes = Sandboxes()
        runner = SandboxRunner(sandboxes, "pure", None)
        try:
            call = ToolCall("a", tool.name, "{}")
            return (await runner.run(tool, call, {}, context, Listener())).content
        finally:
            await sandboxes.aclose()

    return anyio.run(run)


def test_a_manifests_command_has_it_from_the_manifests_folder(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "brought.toml"
    manifest.write_text(
        f"""
name = "brought"
description = "Say what it brought."
python = "private/environment"
command = ["{folder}/bin/python", "-c", "import brought; print(brought.word)"]
"""
    )
    (tool,) = load_manifest(manifest)

    assert tool.options.python == str(folder)
    assert called(tool) == "from its own packages\n"


def test_a_function_has_it_by_its_mark(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marked_tools.py").write_text(
        f"""
from toolrun import tool

@tool(python={str(folder)!r})
def marked() -> str:
    '''Say what it brought.'''
    import brought
    return brought.word
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    marked = importlib.import_module("marked_tools").marked

    assert called(define(marked)) == "from its own packages"


def test_a_trusted_tool_has_none() -> None:
    with pytest.raises(ToolDefinitionError, match="virtual environment"):
        define(mark(python="somewhere", trusted=True)(test_a_trusted_tool_has_none))


def test_what_a_tool_could_have_named_is_not_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home/project", "home/.ssh", "elsewhere", "work"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    names = [*("home", "home/project", "home/.ssh", "elsewhere", "work"), "."]
    lines = [*(str(tmp_path / name) for name in names), "/etc", "/"]
    site = folder / "lib" / f"python{OWN_VERSION}" / "site-packages"
    (site / "named.pth").write_text("\n".join(lines))

    def named(workspace: Path | None) -> set[str]:
        view = workspace_view(None if workspace is None else str(workspace), str(folder))
        seen = {each.path for each in view.folders}
        return {name for name, line in zip(names, lines, strict=False) if line in seen}

    assert named(None) == {"home/project", "elsewhere"} | {"work"}
    assert named(tmp_path / "work") == {"home/project", "elsewhere", "work"}  # the workspace itself
    assert named(tmp_path / "private") == set()  # where the environment lies


def test_a_project_that_is_installed_in_its_own_environment_is_imported(tmp_path: Path) -> None:
    site = tmp_path / ".venv" / "lib" / f"python{OWN_VERSION}" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "tools.py").write_text("")
    (site / "project.pth").write_text(f"{tmp_path}/source\n{tmp_path.parent}\n")
    job = Job(
        file=f"{tmp_path}/source/tools.py",
        module="tools",
        qualname="f",
        python=str(tmp_path / ".venv"),
    )
    view = view_of(job, str(tmp_path), ())

    assert view.path == (str(site), str(tmp_path / "source"))
    assert str(tmp_path.parent) not in {each.path for each in view.folders}


def test_an_interpreter_in_a_home_shows_no_home(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "home" / "bin" / "python"
    program.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath(sys.executable), program)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    python = folder / "bin" / "python"
    python.unlink()
    python.symlink_to(program)

    with pytest.raises(ConfigError, match="would see all of"):
        venv(str(folder))
