"""Can a model that is given files and a shell reach, by any path, what is not in its workspace?

Each attack is held against two proofs: the same path, used by a program outside of a box, reaches
what is attacked; and in the session of the attack a file of the workspace was reached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest
from msgspec.json import encode

from toolrun import Limits, Session, ToolCall
from toolrun.testing import ScriptedModel, call, calls
from toolrun.tools.builtin import files, shell
from toolrun.tools.builtin.changing import change_of
from toolrun.tools.builtin.inside.finding import list_files, search_files
from toolrun.tools.builtin.inside.reading import read
from toolrun.tools.builtin.inside.writing import apply

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun import ToolResult

pytestmark = [pytest.mark.security, pytest.mark.anyio]
SECRET: Final = "topsecret-4711"
PROOF: Final = "the-workspace-was-reached"
PATHS: Final = {
    "up": "../outside.txt",
    "up and down": "sub/../../outside.txt",
    "up through a link": "inner/../../outside.txt",
    "absolute": "{outside}",
    "a link to a file": "link.txt",
    "a link to a folder": "folder/outside.txt",
    "a link to a link": "chain.txt",
    "an absolute link": "absolute.txt",
    "a link in a folder of its own": "sub/up/outside.txt",
    "double slashes": "..//outside.txt",
    "dots in between": "./.././outside.txt",
    "the box's /proc": "/proc/self/cwd/../outside.txt",
    "a link into /proc": "proc/../outside.txt",
    "the environment": ".env",
    "the environment, through a link": "env.txt",
    "the repository": ".git/config",
    "the repository, through a link": "git.txt",
}


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: what is attacked is the box and the tools, which know of no loop."""
    return str(request.param)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with ways out of it, and something outside to reach."""
    outside = tmp_path / "outside.txt"
    outside.write_text(SECRET)
    root = tmp_path / "workspace"
    (root / "sub").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git/config").write_text(SECRET)
    (root / ".env").write_text(SECRET)
    (root / "proof.txt").write_text(PROOF)
    for name, target in {
        "link.txt": "../outside.txt",
        "folder": "..",
        "chain.txt": "link.txt",
        "absolute.txt": str(outside),
        "inner": "sub",
        "sub/up": "../..",
        "proc": "/proc/self/cwd",
        "env.txt": ".env",
        "git.txt": ".git/config",
    }.items():
        (root / name).symlink_to(target)
    return root


async def attacked(workspace: Path, name: str, arguments: dict[str, Any]) -> ToolResult:
    """What an attack comes to; the call before it shows that the tools reach the workspace."""
    model = ScriptedModel(call("read_file", {"path": "proof.txt"}), call(name, arguments), "Done.")
    async with Session(
        model=model, tools=[files(approve=False), shell(approve=False)], workspace=workspace
    ) as session:
        answer = await session.ask("Go.")
    proof, attack = (each.result for each in answer.tool_calls)
    assert proof is not None
    assert proof.content == f"1\t{PROOF}"
    assert attack is not None
    return attack


def path_of(kind: str, workspace: Path) -> str:
    """The path of an attack; a program that is in no box gets by it what is not to be had."""
    path = PATHS[kind].format(outside=workspace.parent / "outside.txt")
    here = Path.cwd()
    try:
        os.chdir(workspace)
        assert Path(path).read_text() == SECRET
    finally:
        os.chdir(here)
    return path


def text_of(path: Path) -> str:
    """What a program that is in no box reads."""
    return path.read_text()


def links_in(workspace: Path) -> set[Path]:
    """The links of a workspace."""
    return {each for each in workspace.rglob("*") if each.is_symlink()}


def everything(workspace: Path) -> dict[str, str]:
    """All files of the workspace and around it, by their own paths."""
    found = {}
    for folder, _, names in os.walk(workspace.parent):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                found[str(path.relative_to(workspace.parent))] = path.read_text()
    return found


def attacks(path: str) -> list[tuple[str, dict[str, Any]]]:
    """Every tool, with a path."""
    patch = "*** Begin Patch\n{}\n*** End Patch".format
    return [
        ("read_file", {"path": path}),
        ("search_files", {"pattern": "topsecret", "path": path}),
        ("list_files", {"path": path}),
        ("edit_file", {"path": path, "old_text": SECRET, "new_text": "changed"}),
        ("write_file", {"path": path, "content": "changed", "overwrite": True}),
        ("apply_patch", {"patch": patch(f"*** Update File: {path}\n-{SECRET}\n+changed")}),
        ("apply_patch", {"patch": patch(f"*** Delete File: {path}")}),
        ("apply_patch", {"patch": patch(f"*** Add File: {path}\n+changed")}),
        (
            "apply_patch",
            {"patch": patch(f"*** Update File: proof.txt\n*** Move to: {path}\n-{PROOF}\n+x")},
        ),
    ]


def unboxed(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool does, in this process: nothing but its own code stands between it and a file."""
    reads: dict[str, Callable[..., dict[str, Any]]] = {
        "read_file": read,
        "list_files": list_files,
        "search_files": search_files,
    }
    return reads[name](**arguments) if name in reads else apply(name, arguments)


@pytest.mark.parametrize("kind", PATHS)
def test_the_tools_themselves_refuse_every_path(
    workspace: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no box, where every path leads to what is attacked: so each refusal is theirs."""
    path = path_of(kind, workspace)
    monkeypatch.chdir(workspace)
    before = everything(workspace)

    assert unboxed("read_file", {"path": "proof.txt"}) == {"text": f"1\t{PROOF}"}
    for name, arguments in attacks(path):
        said = unboxed(name, arguments)
        assert list(said) == ["error"], (name, said)
        assert SECRET not in said["error"]
    assert change_of(ToolCall("c", "edit_file", encode(attacks(path)[3][1]).decode()), ".") == []
    assert everything(workspace) == before


@pytest.mark.load
async def test_no_path_leads_out_of_a_box(workspace: Path) -> None:
    """All paths and tools in one session, as a model would try them one after the other."""
    before = everything(workspace)
    steps = [each for kind in PATHS for each in attacks(path_of(kind, workspace))]
    chosen = [each for number, each in enumerate(steps) if number % 9 in (0, 1, 4, 5)]
    model = ScriptedModel(
        call("read_file", {"path": "proof.txt"}),
        *(
            calls(*(call(*each) for each in chosen[at : at + 10]))
            for at in range(0, len(chosen), 10)
        ),
        "Done.",
    )
    async with Session(
        model=model,
        tools=[files(approve=False)],
        workspace=workspace,
        limits=Limits(tool_calls=500, steps=500, repeats=100),
    ) as session:
        answer = await session.ask("Go.")
    proof, *found = [each.result for each in answer.tool_calls if each.result is not None]

    assert proof.content == f"1\t{PROOF}"
    assert len(found) == len(chosen)
    for each, result in zip(chosen, found, strict=True):
        assert result.outcome == "error", (each, result.content)
        assert SECRET not in result.content, each
    assert everything(workspace) == before


@pytest.mark.load
@pytest.mark.parametrize(
    ("command", "control"),
    [
        ("cat ../outside.txt", lambda root: root.parent / "outside.txt"),
        ("cat link.txt absolute.txt folder/outside.txt", lambda root: root / "link.txt"),
        ("cat .env; cat .git/config", lambda root: root / ".env"),
        ("echo changed > ../outside.txt", lambda root: root.parent / "outside.txt"),
        ("echo changed > link.txt; echo changed > .env", lambda root: root / "link.txt"),
        ("rm -rf .git .env; mkdir -p .git/hooks && echo x > .git/hooks/h", None),
        ("ln -sf ../outside.txt planted; ln -s / root", None),
        ("mv .env stolen; cp .env copied; ln .env hard; cat stolen copied hard", None),
        ("echo 'tools = [\"evil.py\"]' > toolrun.toml", None),
    ],
)
async def test_no_command_reads_or_changes_what_is_not_there_for_tools(
    workspace: Path, command: str, control: Callable[[Path], Path] | None
) -> None:
    if control is not None:
        assert SECRET in text_of(control(workspace))
    before = everything(workspace)
    links = links_in(workspace)
    found = await attacked(workspace, "shell", {"command": f"echo ran; {command}"})

    assert found.content.startswith("ran")
    assert SECRET not in found.content
    after = everything(workspace)
    new = {name: text for name, text in after.items() if name not in before}
    assert {name: after.get(name) for name in before} == before
    assert SECRET not in "".join(new.values())
    assert not any(name.endswith("toolrun.toml") for name in new)
    assert not any("/.git/" in f"/{name}" for name in new)
    assert links_in(workspace) <= links


@pytest.mark.load
async def test_what_a_search_goes_through_leads_nowhere_else(workspace: Path) -> None:
    assert (workspace / "folder/outside.txt").read_text() == SECRET
    for name, arguments in (
        ("search_files", {"pattern": "topsecret"}),
        ("list_files", {"pattern": "**", "ignored": True}),
    ):
        found = await attacked(workspace, name, arguments)

        assert found.outcome == "ok"
        assert SECRET not in found.content
        assert "outside.txt (" not in found.content
        assert ".env" not in found.content.split()
        assert "config" not in found.content


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\x1b]0;title\x07", "x" * 5_000])
def test_names_that_nothing_should_have_make_no_file(
    workspace: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    before = everything(workspace)
    said = unboxed("write_file", {"path": name, "content": "x"})

    assert "\x1b" not in said["error"]
    assert everything(workspace) == before


_REPOSITORY: Final = (
    "cat proof.txt; mkdir -p tree/objects tree/refs tree/work; cd tree; "
    "echo 'ref: refs/heads/m' > HEAD; "
    "printf '[core]\\nrepositoryformatversion=0\\nbare=false\\nworktree=work\\n"
    'fsmonitor="touch ran; false"\\n\' > config; ls'
)


def git_runs_something(folder: Path) -> bool:
    """Whether `git status` in a folder runs what the folder says."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "status"], cwd=folder, env=env, capture_output=True, check=False)
    return any(folder.rglob("ran"))


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what is attacked")
async def test_no_folder_becomes_a_repository_whose_settings_run_commands(
    workspace: Path, tmp_path: Path
) -> None:
    """What `git status` runs in it, later and outside: names that are harmless one by one."""
    outside = tmp_path / "control"
    outside.mkdir()
    await anyio.run_process(["bash", "-c", f"touch proof.txt; {_REPOSITORY}"], cwd=outside)
    assert git_runs_something(outside / "tree"), "the attack works where nothing stops it"

    result = await attacked(workspace, "shell", {"command": _REPOSITORY})
    assert result.content.startswith(f"{PROOF}HEAD\nconfig\nobjects")
    assert "tree/HEAD (git takes a folder" in result.note
    assert (workspace / "tree" / "config").exists()
    assert not (workspace / "tree" / "HEAD").exists()
    assert not git_runs_something(workspace / "tree")
