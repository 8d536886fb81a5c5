"""What holds for every test: both event loops, a mock vLLM at hand, and nothing left behind."""

from __future__ import annotations

import functools
import gc
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sniffio
from hypothesis import settings
from hypothesis.strategies import text

from tests.rig import leaks
from tests.rig.examples import examples
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

# Machines are shared: a slow example is no finding. In CI the examples are the same each time.
settings.register_profile(
    "toolrun", deadline=None, derandomize=bool(os.environ.get("CI")), max_examples=examples()
)
settings.load_profile("toolrun")

pytest_plugins = [
    name
    for name in ("pytester", "tests.rig.fixtures", "tests.rig.postgres")
    if name == "pytester" or importlib.util.find_spec(name) is not None
]

# mkdocstrings raises it for the whole process; what is too deep is judged by Python's own.
RECURSION_LIMIT: Final = sys.getrecursionlimit()

TRIO_WITH_THE_LOADS: Final = (
    "chaos/",
    "integration/test_bad_calls.py",
    "integration/test_bad_input.py",
    "integration/test_bad_tools.py",
    "integration/test_doctor.py",
    "integration/test_drain.py",
    "integration/test_fault_load.py",
    "integration/test_faults.py",
    "integration/test_fleet.py",
    "integration/test_fleet_load.py",
    "integration/test_other_servers.py",
    "integration/test_replay.py",
    "integration/test_replay_caught.py",
    "integration/test_replay_stopped.py",
    "integration/test_resume.py",
    "integration/test_service_bounds.py",
    "integration/test_warm_call.py",
    "integration/test_workspace.py",
    "unit/context/",
    "unit/models/harmony/test_completions.py",
    "unit/models/nano/",
    "unit/models/test_any_bytes.py",
    "unit/models/test_fleet.py",
    "unit/models/test_mock_faults.py",
    "unit/otel/",
    "unit/sandbox/test_egress_proxy.py",
    "unit/serve/test_embedded.py",
    "unit/sandbox/test_pool.py",
    "unit/sandbox/test_sandbox.py",
    "unit/sandbox/test_shortage.py",
    "unit/serve/test_restore.py",
    "unit/store/",
    "unit/test_approvals.py",
    "unit/test_journal.py",
    "unit/test_journal_sinks.py",
    "unit/test_resume.py",
    "unit/test_resume_trace.py",
    "unit/test_session_profiles.py",
    "unit/test_stored.py",
    "unit/test_turn_alone.py",
    "unit/testing/test_stage_modes.py",
    "unit/testing/test_stage_of_traces.py",
    "unit/tools/builtin/",
    "unit/tools/test_generators.py",
    "unit/tools/test_manifest.py",
    "unit/tools/test_runners.py",
    "unit/tools/test_sandboxed.py",
    "unit/tools/test_sandboxes.py",
    "unit/tools/test_sandboxes_open.py",
    "unit/tools/test_secrets.py",
    "unit/trace/test_files_of_sessions.py",
    "unit/trace/test_migration.py",
    "unit/trace/test_minimize.py",
    "unit/trace/test_secrets.py",
)
"""Tests that take long and of which few depend on the loop: on trio they run in `make test-all`.

What does depend on it is tested on both in `make test`: transports, streams, turns, cancellation.
"""


@pytest.hookimpl(tryfirst=True)  # before `-m` deselects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on trio with the loads."""
    concerned = tuple(str(Path(__file__).parent / each) for each in TRIO_WITH_THE_LOADS)
    for item in items:
        spec = getattr(item, "callspec", None)
        given = {} if spec is None else spec.params
        on_trio = given.get("anyio_backend", given.get("backend")) == "trio"
        if on_trio and str(item.path).startswith(concerned):
            item.add_marker(pytest.mark.load)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep what all of them need: what Hypothesis knows of Unicode, and what was collected.

    Thousands of tests are half a gigabyte that no collection of garbage need look through again.
    """
    if session.config.option.collectonly:
        text().validate()  # leaves a file for the processes of the tests, each of which takes 2 s
    else:
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: each time, thousands of tests would be looked through."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even import a module of which `-m` leaves everything out."""
    chosen, name = config.option.markexpr, collection_path.name
    if "not vllm" in chosen and name.endswith("_vllm.py"):
        return True
    if "not load" in chosen and name.startswith("test_") and name.endswith(".py"):
        return _LOADS.search(collection_path.read_bytes()) is not None or None
    return None


_LOADS: Final = re.compile(rb"^pytestmark = .*\bmark\.load\b", re.MULTILINE)


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Async tests run on both."""
    backend: str = request.param
    return backend


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Every async test is anyio's, without a marker; this is before anyio's plugin looks."""
    inner = obj.hypothesis.inner_test if hasattr(obj, "hypothesis") else obj
    if isinstance(collector, pytest.Module | pytest.Class) and iscoroutinefunction(inner):
        pytest.mark.anyio(obj)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Have each test begin with the recursion limit that it has by itself."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Have async tests look for tasks while their loop still runs: its end would cancel them."""
    if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
        item.obj = _without_tasks_left(item.obj)


def _without_tasks_left(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def guarded(*args: Any, **kwargs: Any) -> None:
        if sniffio.current_async_library() != "asyncio":
            await test(*args, **kwargs)
            return
        before = leaks.tasks()
        await test(*args, **kwargs)
        if left := await leaks.tasks_left_since(before):
            pytest.fail("The test left behind:\n  " + "\n  ".join(left), pytrace=False)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder() -> Iterator[None]:
    """A folder of this run's own, open as `/tmp` is: other runs' files are not our leaks."""
    folder = tempfile.mkdtemp(prefix="tests-of-")
    Path(folder).chmod(0o1777)
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"], tempfile.tempdir = folder, folder
    yield
    tempfile.tempdir = None
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_left_behind(_own_temporary_folder: None) -> Iterator[None]:
    before = leaks.snapshot()
    yield
    if left := leaks.wait_until_clean(before):
        pytest.fail("The test left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(scope="session")
def mock_server() -> Iterator[MockServer]:
    """The mock vLLM of this run."""
    with MockServer() as server:
        leaks.KNOWN.add(server.process.pid, server.fds)
        yield server


@pytest.fixture
def mock(mock_server: MockServer) -> MockServer:
    """The mock vLLM, without what earlier tests told it."""
    mock_server.reset()
    return mock_server
