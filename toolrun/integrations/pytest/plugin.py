"""What does pytest ask of toolrun? The hooks and fixtures of the plugin, its entry point.

They do nothing where no test is marked, and import the rest when a marked test runs.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from toolrun.integrations.pytest import marks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from toolrun.integrations.pytest.fixtures import OpenSession, RecordedTrace
    from toolrun.integrations.pytest.scene import Scene
    from toolrun.testing.nano_server import NanoServer

MODES: Final = ("replay", "record", "refresh", "live")
_MODE_INI: Final = "toolrun_trace_mode"
_OUTPUT: Final = "toolrun_traces"
_scene: pytest.StashKey[Scene] = pytest.StashKey()
_failed: pytest.StashKey[bool] = pytest.StashKey()
_named: pytest.StashKey[set[Path]] = pytest.StashKey()
_recorded: pytest.StashKey[set[Path]] = pytest.StashKey()
_open: pytest.StashKey[list[Scene]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--trace-mode` and the settings."""
    group = parser.getgroup("toolrun", "traces of agents as tests (toolrun)")
    group.addoption(
        "--trace-mode",
        choices=MODES,
        help=(
            "replay: tests marked with a trace replay it, without a network (the default); "
            "record: missing traces are recorded from the live model; refresh: all are; live: the "
            "live model answers, and no trace is read or written"
        ),
    )
    parser.addini(_MODE_INI, "the default of --trace-mode", default="replay")
    parser.addini(marks.INI, "folder of the traces, from the root on; default: the test's own")


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark."""
    config.addinivalue_line(
        "markers",
        "trace(*files, strictness='strict', tools='trace', volatile=[]): the sessions of the test "
        "replay these traces, in the order in which they are opened; a folder or a pattern runs "
        "the test with each trace there",
    )
    if _mode(config) not in MODES:
        raise pytest.UsageError(f"{_MODE_INI} is one of {', '.join(MODES)}, not {_mode(config)}")
    config.stash[_named] = set()
    config.stash[_recorded] = set()
    config.stash[_open] = []


def _mode(config: pytest.Config) -> str:
    return str(config.getoption("trace_mode") or config.getini(_MODE_INI))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with each trace of the folder or the pattern that its mark names."""
    if found := marks.several(metafunc.definition):
        metafunc.fixturenames.append(marks.PARAMETER)
        ids = [marks.id_of(each, found) for each in found]
        metafunc.parametrize(marks.PARAMETER, found, ids=ids, indirect=True)


@pytest.hookimpl(tryfirst=True)  # before -k and -m take some of them away
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which traces tests name."""
    config.stash[_named].update(marks.every(items))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the scene of a marked test."""
    item.stash[_failed] = False  # a plugin may run it again
    wrong = ""
    try:
        marked = marks.marked(item)
        if marked is not None:
            item.config.stash[_named].update(marked.paths)
            wrong = _set_scene(item, marked)
    except marks.MarkError as error:
        wrong = str(error)
    if wrong:  # not in the handler: pytest would show what is being handled
        pytest.fail(wrong, pytrace=False)


def _set_scene(item: pytest.Item, marked: marks.Marked) -> str:
    """Set the scene of a test; why it can't be, "" where it is."""
    mode = _mode(item.config)
    if mode == "live":
        return ""
    from toolrun.errors import ToolrunError
    from toolrun.integrations.pytest.scene import MissingTraceError, Scene

    try:
        scene = Scene(marked, mode, item.nodeid)  # type: ignore[arg-type]  # one of MODES
    except (MissingTraceError, ToolrunError, ValueError) as error:
        return str(error)
    item.stash[_scene] = scene
    item.config.stash[_open].append(scene)
    for path in scene.unfinished:
        warnings.warn_explicit(
            pytest.PytestWarning(
                f"{_shown(path, item.config)} ends in the middle of a turn, and the test sees no "
                f"more of it. To record it again: pytest --trace-mode=refresh '{item.nodeid}'"
            ),
            category=None,
            filename=str(item.path),
            lineno=(item.location[1] or 0) + 1,
        )
    return ""


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """See that a test which passes has used its traces to their ends."""
    __tracebackhide__ = True
    result = yield
    if (scene := item.stash.get(_scene, None)) is not None:
        scene.finish()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Keep what a test that passed has recorded, once its fixtures are gone."""
    passed = False
    try:
        result = yield
        passed = not item.stash.get(_failed, False)
        return result
    finally:
        if (scene := item.stash.get(_scene, None)) is not None:
            item.config.stash[_recorded].update(scene.close(keep=passed))
            item.config.stash[_open].remove(scene)
            del item.stash[_scene]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have failures that have to do with an agent say so, without the inside of toolrun."""
    report = yield
    if call.excinfo is None:
        return report
    item.stash[_failed] = True
    if report.failed and "toolrun.errors" in sys.modules:
        from toolrun.integrations.pytest.failures import attempts, explained

        scene = item.stash.get(_scene, None)
        place = (str(item.path), (item.location[1] or 0) + 1)
        shown = explained(call.excinfo.value, scene, item.config.rootpath, item.nodeid, place)
        if shown is not None:
            report.longrepr = shown
        if tried := attempts(scene):
            report.sections.append(("Tried to reach, and refused", tried))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing of a test that was interrupted; hand over what a worker of xdist knows."""
    for scene in session.config.stash[_open]:
        scene.close(keep=False)
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        stash = session.config.stash
        output[_OUTPUT] = [sorted(map(str, each)) for each in (stash[_named], stash[_recorded])]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of xdist hands over."""
    named, recorded = getattr(node, "workeroutput", {}).get(_OUTPUT, ([], []))
    node.config.stash[_named].update(map(Path, named))
    node.config.stash[_recorded].update(map(Path, recorded))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was recorded, and which traces no test uses."""
    if recorded := config.stash[_recorded]:
        terminalreporter.section("traces recorded")
        for each in sorted(recorded):
            terminalreporter.line(str(_shown(each, config)))
    named: set[Path] = config.stash[_named]
    errors = terminalreporter.stats.get("error", ())
    if not named or any(isinstance(each, pytest.CollectReport) for each in errors):
        return  # what else is named is not known
    from toolrun.integrations.pytest.used import runs_all, unused

    if runs_all(config) and (found := unused(named, config)):
        terminalreporter.section("traces that no test uses", yellow=True)
        for each in found:
            terminalreporter.line(str(_shown(each, config)))
        terminalreporter.line("Mark a test with them, or take them away.")


def _shown(path: Path, config: pytest.Config) -> Path:
    return path.relative_to(config.rootpath) if path.is_relative_to(config.rootpath) else path


@pytest.fixture(name=marks.PARAMETER)
def _chosen_trace(request: pytest.FixtureRequest) -> Path:
    """The trace of this run of a test that is run with several."""
    chosen: Path = request.param
    return chosen


@pytest.fixture
def toolrun_session(request: pytest.FixtureRequest) -> OpenSession:
    """Makes sessions: `toolrun_session(**options)`, `toolrun_session.sync(**options)`."""
    from toolrun.integrations.pytest.fixtures import OpenSession

    _marked_or_fail(request)
    return OpenSession()


@pytest.fixture(scope="session")
def nano_server() -> Iterator[NanoServer]:
    """A server of the embedded model, for clients in any language: its `url` is a base URL."""
    from toolrun.testing.nano_server import NanoServer

    with NanoServer() as server:
        yield server


@pytest.fixture
def toolrun_trace(request: pytest.FixtureRequest) -> RecordedTrace:
    """The first trace of the test: its `path`, and what the user `said` in it."""
    from toolrun.integrations.pytest.fixtures import RecordedTrace

    return RecordedTrace(_marked_or_fail(request).paths[0])


def _marked_or_fail(request: pytest.FixtureRequest) -> marks.Marked:
    found = marks.marked(request.node)
    if found is None:
        pytest.fail(
            f"{request.fixturename} needs a trace: mark the test with "
            '@pytest.mark.trace("file.jsonl")',
            pytrace=False,
        )
    return found
