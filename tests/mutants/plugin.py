"""Do the tests kill a mutant? A plugin of pytest: it collects once, then forks for each mutant.

In the child the code of the function is exchanged, wherever it is held by then, and the tests that
run its lines are run until one fails. What reads the module's file reads the mutant, too: so do
the boxes of the sandbox, whose code is sent by this process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from coverage import CoverageData

from tests.mutants.work import Mutant, Verdict, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60
"""What the tests of one mutant may take; more is a hang."""
BUDGET: Final = 12.0
"""Seconds that the tests of one mutant took when they were measured, at most."""
IN_BOXES: Final = {
    "toolrun/sandbox/inside/job.py": (
        "tests/unit/sandbox/test_job.py",
        "tests/unit/sandbox/test_sandbox.py",
        "tests/unit/tools/test_generators.py",
        "tests/unit/tools/test_runners.py",
    ),
    "toolrun/sandbox/inside/values.py": ("tests/unit/sandbox/test_values.py",),
}
"""Modules that run where nothing measures their lines, and the tests for them."""

Key = tuple[str, str, int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the work is."""
    parser.addoption("--work", help="mutants, and where to write what became of them")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Each mutant, in the place of the tests."""
    path = Path(session.config.getoption("--work"))
    work = msgspec.json.decode(path.read_bytes(), type=Work)
    trials = Trials(session, work)
    with Path(work.verdicts).open("ab", buffering=0) as out, _one_mock(session):
        for mutant in work.mutants:
            began = time.monotonic()
            verdict = trials.of(mutant)
            verdict = msgspec.structs.replace(verdict, seconds=round(time.monotonic() - began, 2))
            out.write(msgspec.json.encode(verdict) + b"\n")
    return True


class Trials:
    """The tests, each of which may be run in children as often as it takes."""

    def __init__(self, session: pytest.Session, work: Work) -> None:
        self._items = {item.nodeid: item for item in session.items}
        self._durations = work.durations
        self._sound: dict[str, bool] = {}
        self._held = _held({str(ROOT / mutant.file) for mutant in work.mutants})
        data = CoverageData(work.coverage)
        data.read()
        self._ran = {
            mutant.file: data.contexts_by_lineno(str(ROOT / mutant.file)) for mutant in work.mutants
        }

    def of(self, mutant: Mutant) -> Verdict:
        """Run the tests of a mutant until one fails that does not fail without it."""
        code = _code(mutant)
        functions = self._held[str(ROOT / mutant.file), mutant.function, mutant.whole[0]]
        if code is None or (not functions and mutant.file not in IN_BOXES):
            return Verdict(mutant.name, "invalid")
        while True:
            tests = self._tests(mutant)
            if not tests:
                return Verdict(mutant.name, "untested")
            fate, by = _in_child(tests, lambda: _exchange(mutant, functions, code))
            if fate != "killed" or self._is_sound(by):
                return Verdict(mutant.name, fate, by, len(tests))  # type: ignore[arg-type]

    def _is_sound(self, name: str) -> bool:
        """Whether a test passes in a child where nothing was changed."""
        if name not in self._sound:
            fate, _ = _in_child([self._items[name]], lambda: None)
            self._sound[name] = fate == "survived"
        return self._sound[name]

    def _tests(self, mutant: Mutant) -> list[pytest.Item]:
        """The tests that ran its lines, short ones first."""
        names = self._that_ran(mutant.file, mutant.lines) or self._that_ran(
            mutant.file, mutant.whole
        )
        if files := IN_BOXES.get(mutant.file):
            names |= {name for name in self._items if name.startswith(files)}
        left, tests = BUDGET, []
        for name in sorted(names & set(self._items), key=lambda name: (self._length(name), name)):
            left -= self._length(name)
            if left >= 0 and self._sound.get(name, True):
                tests.append(self._items[name])
        return tests

    def _that_ran(self, file: str, lines: tuple[int, int]) -> set[str]:
        contexts = self._ran[file]
        ran = [name for line in range(lines[0], lines[1] + 1) for name in contexts.get(line, ())]
        return {name.partition("|")[0] for name in ran} - {""}

    def _length(self, name: str) -> float:
        return self._durations.get(name, 0.1)


def _in_child(tests: list[pytest.Item], change: Any) -> tuple[str, str]:
    """How the tests go in a fork, and the name of the one that failed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        os.setpgid(0, 0)
        _silence()
        try:
            change()
            os.write(write, _run(tests).encode())
        except BaseException as error:  # noqa: BLE001 - nothing may get back into pytest's loop
            os.write(write, f"!{error!r}".encode())
        finally:
            os._exit(0)
    os.close(write)
    said = b""
    by = time.monotonic() + SECONDS
    while select.select([read], [], [], max(0, by - time.monotonic()))[0]:
        if not (chunk := os.read(read, 4096)):
            break
        said += chunk
    hung = time.monotonic() >= by
    os.close(read)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    answer = said.decode()
    if hung:
        return "hung", ""
    if answer.startswith("!") or not answer:  # the code doesn't fit, or the child has died
        return ("invalid", answer) if answer else ("killed", tests[0].nodeid)
    return ("survived", "") if answer == "-" else ("killed", answer)


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _run(tests: list[pytest.Item]) -> str:
    """Run tests until one fails: its name, else a dash."""
    session = tests[0].session
    for test, following in zip(tests, [*tests[1:], None], strict=True):
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
        if session.testsfailed:
            return test.nodeid
    return "-"


def _held(files: set[str]) -> dict[Key, list[FunctionType]]:
    """The functions of these modules, wherever they are held."""
    gc.unfreeze()  # what is frozen is not listed
    held: dict[Key, list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in files:
            held[_key(each.__code__)].append(each)
    gc.freeze()
    return held


def _key(code: CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _code(mutant: Mutant) -> CodeType | None:
    """The code of its function, changed."""
    file = str(ROOT / mutant.file)
    try:
        module = compile(mutant.source, file, "exec", dont_inherit=True)
    except SyntaxError:
        return None
    wanted = file, mutant.function, mutant.whole[0]
    return next((each for each in _inner(module) if _key(each) == wanted), None)


def _inner(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _inner(each)


def _exchange(mutant: Mutant, functions: list[FunctionType], code: CodeType) -> None:
    for function in functions:
        function.__code__ = code
    file, read = ROOT / mutant.file, Path.read_text

    def read_text(self: Path, *args: Any, **kwargs: Any) -> str:
        return mutant.source if self == file else read(self, *args, **kwargs)

    Path.read_text = read_text  # type: ignore[method-assign]


@contextlib.contextmanager
def _one_mock(session: pytest.Session) -> Iterator[None]:
    """One mock vLLM for all of the children: each would start one of its own."""
    from tests.rig import leaks
    from tests.rig.mock import MockServer

    with MockServer() as server:
        leaks.KNOWN.add(server.process.pid, server.fds)
        for plugin in session.config.pluginmanager.get_plugins():
            if hasattr(plugin, "mock_server"):
                plugin.MockServer = lambda: contextlib.nullcontext(server)
        yield
