"""A project with an agent and its traces, whose tests pytest runs in this process."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pytest

# Kept between the runs in this process, each of which forgets the modules that it imported first.
import toolrun.integrations.pytest.failures
import toolrun.integrations.pytest.fixtures
import toolrun.integrations.pytest.scene
import toolrun.integrations.pytest.used  # noqa: F401
from toolrun import Session, tool
from toolrun.testing import ScriptedModel, call, say

if TYPE_CHECKING:
    from pathlib import Path

with contextlib.suppress(ImportError):
    import uvloop  # noqa: F401 - as above

# What the plugins of this run cost at each start, the tests of the project do not need.
_WITHOUT: Final = [
    *("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-p", "no:timeout"),
    *("-p", "no:pytest_cov", "--no-header"),
]
AGENT: Final = '''
from toolrun import Runtime, Session, tool
from toolrun.testing import ScriptedModel, call, say


@tool(trusted=True)
def weather(city: str) -> str:
    """Look up the weather."""
    return f"20 C in {city}"


def model():
    """What the live model says; a replay does not ask it."""
    return ScriptedModel(
        call("weather", {"city": "Paris"}, reasoning="I look it up."), "It is warm.", "Bye."
    )


OPTIONS = dict(model=model(), tools=[weather])
'''


@tool(trusted=True)
def weather(city: str) -> str:
    """Look up the weather."""
    return f"20 C in {city}"


class Project:
    """A folder with an agent, in which a test writes tests and traces and runs pytest."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.path: Path = pytester.path
        pytester.makepyfile(agent=AGENT)

    def trace(self, name: str, *said: str) -> Path:
        """Record a trace: a question with a call, and what else the user said."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        model = ScriptedModel(
            call("weather", {"city": "Paris"}, reasoning="I look it up."),
            say("It is warm."),
            say("Bye."),
        )
        with Session.sync(model=model, tools=[weather], trace=path) as session:
            for text in said or ("How warm is Paris?",):
                session.ask(text)
        return path

    def test(self, code: str, name: str = "test_it") -> None:
        """Write a module of tests."""
        head = "import pytest\nfrom agent import *\nfrom toolrun.testing import *\n\n"
        self._pytester.makepyfile(**{name: head + code})

    def run(self, *args: str) -> pytest.RunResult:
        """Run them, in this process."""
        return self._pytester.runpytest_inprocess(*_WITHOUT, *args)

    def run_apart(self, *args: str) -> pytest.RunResult:
        """Run them in a process of their own."""
        return self._pytester.runpytest_subprocess("-p", "no:cacheprovider", *args)

    def files(self) -> set[str]:
        """The files below its folder that are traces, or were left by a recording."""
        every = self.path.rglob("*")
        names = {each.relative_to(self.path).as_posix() for each in every if each.is_file()}
        others = (".py", ".pyc", ".ini", "stdout", "stderr")
        return {n for n in names if not n.endswith(others) and not n.startswith("runpytest-")}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PY_COLORS", "0")
    monkeypatch.setenv("COLUMNS", "100")
    return Project(pytester)


def outcomes(result: Any) -> dict[str, int]:
    """How many passed, failed, ... ; a plain dict."""
    return dict(result.parseoutcomes())
