"""Does anything of a tool run where no sandbox holds, by whatever way it is asked for?

Each way is tried with a sandbox first: the tool must be seen to run, else its not running is
nothing.
"""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING, Final

import anyio
import pytest

from tests.rig.mock import Call, Step
from toolrun import Session
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Job, Sandbox, choice, load_profile, probe
from toolrun.sandbox.bubblewrap import arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer
    from tests.unit.cli.conftest import Typed

TOOL: Final = '''
from toolrun import tool

@tool
def leave() -> str:
    """Leave a file behind, if it can."""
    try:
        open({trace!r}, "w").close()
    except OSError:
        return "it ran, " + "and left nothing"
    return "it ran, " + "and left a file"
'''
RAN: Final = "it ran, and left nothing"
NAME: Final = "traceable_tool"


class Trial:
    """Ways to ask for one tool; each gives what is known of it afterwards."""

    def __init__(self, typed: Typed, mock: MockServer) -> None:
        self.typed = typed
        self.mock = mock
        self.trace = typed.folder / "trace"
        self.file = typed.folder / f"{NAME}.py"
        self.file.write_text(TOOL.format(trace=str(self.trace)))

    def words(self, *words: str) -> str:
        done = self.typed(*words)
        return f"{done.stdout}{done.stderr}"

    def job(self) -> Job:
        return Job(file=str(self.file), module=NAME, qualname="leave")

    def call(self) -> str:
        async def call() -> str:
            async with Sandbox(load_profile("pure")) as sandbox:
                outcome = await sandbox.call(self.job(), timeout=10)
                return f"{bytes(outcome.value or b'')!r} {outcome.error}"

        return anyio.run(call)

    def run(self) -> str:
        code = f"open({str(self.trace)!r}, 'w')"
        shown = f"try:\n  {code}\nexcept OSError:\n  print({RAN!r})"

        async def run() -> str:
            async with Sandbox(load_profile("pure")) as sandbox:
                done = await sandbox.run(shown, timeout=10)
                return done.stdout.decode()

        return anyio.run(run)

    def ask(self) -> str:
        self.mock.script(Step("Now.", tool_calls=(Call("leave", "{}"),)), Step("So.", "Done."))

        async def ask() -> str:
            sys.path.insert(0, str(self.typed.folder))
            sys.modules.pop(NAME, None)
            leave = __import__(NAME).leave
            async with Session(
                model=self.mock.model, base_url=self.mock.url, tools=[leave]
            ) as session:
                answer = await session.ask("Leave.")
                return repr([each.result for each in answer.tool_calls])

        return anyio.run(ask)

    def command_run(self) -> str:
        self.mock.script(Step("Now.", tool_calls=(Call("leave", "{}"),)), Step("So.", "Done."))
        return self.words("run", "--tools", self.file.name, "--json", "Leave.")

    def command_call(self) -> str:
        return self.words("tools", "call", "--tools", self.file.name, "leave")

    def command_sandbox(self) -> str:
        code = f"try: open('{self.trace}', 'w')\nexcept OSError: print('{RAN}')"
        return self.words("sandbox", "run", "pure", "python3", "-c", code)


WAYS: Final[dict[str, Callable[[Trial], str]]] = {
    "Sandbox.call": Trial.call,
    "Sandbox.run": Trial.run,
    "Session.ask": Trial.ask,
    "toolrun run": Trial.command_run,
    "toolrun tools call": Trial.command_call,
    "toolrun sandbox run": Trial.command_sandbox,
}


@pytest.fixture
def trial(typed: Typed, mock: MockServer) -> Iterator[Trial]:
    yield Trial(typed, mock)
    sys.modules.pop(NAME, None)


@pytest.fixture(params=["no program", "no namespaces", "a failing probe"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A machine where no backend holds; what is said of it."""
    monkeypatch.setattr(choice, "ORDER", ("bubblewrap",))
    monkeypatch.setattr(probe, "_held", set())
    if request.param == "no program":
        missing = SandboxUnavailable("sandbox: bubblewrap is not installed. pip install it")

        def none() -> str:
            raise missing

        monkeypatch.setattr(arguments, "program", none)
        return "not installed"
    said, script = {
        "no namespaces": (
            "new namespace failed",
            "echo 'bwrap: Creating new namespace failed: Operation not permitted' >&2; exit 1",
        ),
        # It runs what it is given, without any box.
        "a failing probe": ("probe", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'),
    }[request.param]
    folder = tmp_path / "fake"
    folder.mkdir(mode=0o755)
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    monkeypatch.setattr(arguments, "program", lambda: str(program))
    return said


@pytest.mark.parametrize("way", WAYS)
def test_with_a_sandbox_the_tool_runs(trial: Trial, way: str) -> None:
    assert RAN in WAYS[way](trial)
    assert not trial.trace.exists()


@pytest.mark.parametrize("way", WAYS)
def test_without_one_nothing_runs(trial: Trial, way: str, broken: str) -> None:
    try:
        said = WAYS[way](trial)
    except SandboxUnavailable as error:
        said = str(error)

    assert broken in said
    assert "it ran, and" not in said
    assert not trial.trace.exists()


def test_a_sandbox_that_was_not_opened_runs_nothing_either(trial: Trial, broken: str) -> None:
    async def call() -> None:
        sandbox = Sandbox(load_profile("pure"))
        try:
            await sandbox.call(trial.job(), timeout=10)
        finally:
            await sandbox.aclose()

    with pytest.raises(SandboxUnavailable):
        anyio.run(call)
    assert not trial.trace.exists()


def test_without_the_sandbox_the_tool_would_leave_a_file(trial: Trial) -> None:
    sys.path.insert(0, str(trial.typed.folder))
    said = __import__(NAME).leave()

    assert said == "it ran, and left a file"
    assert trial.trace.exists()
