"""Which servers does a test ask for? Pytest fixtures; `pytest_plugins = ["tests.rig.fixtures"]`.

- `vllm`: a running server; the test runs once for each version of `RELEASES`, or of
  `TOOLRUN_VLLM_VERSIONS` (separated by commas or blanks).
- `vllm32`: the running server of the latest version, for what does not differ by version.
- `nano_vllm`, `nano_vllm32`: the same with the embedded model, sampled and not scripted. They run
  for the tests of a module: no run is to hold four servers to its end.
- `inside`: a process that has toolrun and that version's vLLM, its engines started.
- `clients`: the environments of other frameworks, in which scripts run. `litellm_proxy`: LiteLLM's
  proxy in front of `vllm32`.
- `browser`: a Chromium that runs for the tests of a module, which are not async then.
- `oracle`: the oracle of `vllm`'s version. `oracle32`: that of `vllm32`.

A test that asks for one is marked `vllm`, and its time-out begins when the servers run. Servers
start when the first test asks for one, all that the collected tests need at once, and run
until the end of the test run. Tests share them: tell apart what you count.

`TOOLRUN_VLLM_URLS="0.32.0=http://127.0.0.1:8000"` names servers that run already (`make vllm`):
they are taken instead. `nano-0.32.0=...` names one that serves the embedded model.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.rig import chromium, leaks
from tests.rig.clients import Clients, LiteLlmProxy, install_clients
from tests.rig.inside import Inside
from tests.rig.oracle import Oracle
from tests.rig.server import ServerFailedError, VllmServer
from tests.rig.versions import LATEST, OLDEST, RELEASES, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser

_SERVERS: Final = frozenset({"vllm_version", "vllm32", "nano_vllm32", "oracle32", "clients"})
_NANO: Final = frozenset({"nano_vllm", "nano_vllm32"})
_RUNNING_NANO: Final = "nano-"
_LATEST: Final = frozenset({"vllm32", "oracle32"})
_OWN: Final = ("tests/integration/test_own_server", "tests/integration/test_prefix_cache")
_needed: Final[set[str]] = set()


def wanted_versions() -> tuple[str, ...]:
    """List the versions that tests run with.

    Raises:
        ValueError: the environment names one that the rig does not serve.
    """
    names = re.split(r"[\s,]+", os.environ.get("TOOLRUN_VLLM_VERSIONS", "").strip(" ,"))
    return tuple(release(name).vllm for name in names if name) or tuple(RELEASES)


def running_servers(*, nano: bool = False) -> dict[str, str]:
    """The servers of this machine that run already, as the environment names them: their roots.

    Args:
        nano: those that serve the embedded model, not the scripted one.

    Raises:
        ValueError: the environment names a version that the rig does not serve.
    """
    names = os.environ.get("TOOLRUN_VLLM_URLS", "").split()
    pairs = [name.partition("=") for name in names]
    return {
        release(name.removeprefix(_RUNNING_NANO)).vllm: root.rstrip("/")
        for name, _, root in pairs
        if name.startswith(_RUNNING_NANO) is nano
    }


@pytest.hookimpl(tryfirst=True)  # before `-m` deselects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that ask for a server."""
    seconds = float(config.getini("timeout") or 0)
    for item in items:
        if _SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            continue
        item.add_marker(pytest.mark.vllm)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds, func_only=True))
    _leave_out(config, items, [item for item in items if _trio_with_another_version(item)])


def _trio_with_another_version(item: pytest.Item) -> bool:
    """Whether it asks a second time what trio does on a real server: no version is a loop's own."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    return given.get("anyio_backend") == "trio" and given.get("vllm_version", LATEST) != LATEST


def _leave_out(config: pytest.Config, items: list[pytest.Item], out: list[pytest.Item]) -> None:
    if out:
        config.hook.pytest_deselected(items=out)
        gone = set(out)
        items[:] = [item for item in items if item not in gone]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which servers the collected tests need, so that they start together."""
    _needed.clear()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # collects all tests, and runs those of one version
    _needed.update(version for item in session.items if (version := _version_of(item)))


def _version_of(item: pytest.Item) -> str | None:
    """The version of the shared server that a test needs; None where it starts its own."""
    names = set(getattr(item, "fixturenames", ()))
    if names & _NANO and "vllm" not in names:
        return None
    if (spec := getattr(item, "callspec", None)) is not None and "vllm_version" in spec.params:
        return str(spec.params["vllm_version"])
    return None if _LATEST.isdisjoint(names) else LATEST


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Have `-n 2 --dist loadscope` give the tests of one version to one worker."""
    return _ByVersion(config, log) if config.getvalue("dist") == "loadscope" else None


class _ByVersion(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Tests by the version in their name; those that start servers of their own go with the first.

    xdist's own groups need a pytest before 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        old = f"[{OLDEST}" in nodeid or nodeid.startswith(_OWN)
        return OLDEST if old else LATEST


class Servers:
    """The servers of a test run, by version; started together, stopped together."""

    def __init__(self, versions: Sequence[str], report: pytest.TerminalReporter | None) -> None:
        """Prepare the servers of these versions; others can be had as well, one by one."""
        self._versions = versions
        self._report = report
        self._launched: dict[str, VllmServer] = {}
        self._ready: dict[str, VllmServer | ServerFailedError] = {}

    def get(self, version: str) -> VllmServer:
        """Give the running server of a version, waiting for it.

        Raises:
            InstallError: it could not be installed.
            ServerFailedError: it did not start; it is not tried again.
        """
        for each, root in running_servers().items():
            self._ready.setdefault(each, VllmServer(each, port=int(root.rpartition(":")[2])))
        wanted = {version, *self._versions} - self._launched.keys() - self._ready.keys()
        for each in sorted(wanted):
            self._launched[each] = VllmServer(each, progress=self._say)
            self._launched[each].launch()
        if version not in self._ready:
            try:
                self._ready[version] = self._launched[version].wait()
            except ServerFailedError as error:
                self._ready[version] = error
        if isinstance(ready := self._ready[version], ServerFailedError):
            raise ready
        return ready

    def stop(self) -> None:
        for server in self._launched.values():
            server.stop()

    def _say(self, line: str) -> None:
        if self._report is not None:
            self._report.ensure_newline()
            self._report.write_line(f"[rig] {line}")


@pytest.fixture(scope="session")
def vllm_servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    report: pytest.TerminalReporter | None = pytestconfig.pluginmanager.get_plugin(
        "terminalreporter"
    )
    servers = Servers(sorted(_needed), report)
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="session", params=wanted_versions())
def vllm_version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def vllm(vllm_servers: Servers, vllm_version: str) -> VllmServer:
    return vllm_servers.get(vllm_version)


@pytest.fixture(scope="session")
def vllm32(vllm_servers: Servers) -> VllmServer:
    return vllm_servers.get(LATEST)


@pytest.fixture(scope="module")
def nano_servers(pytestconfig: pytest.Config) -> Iterator[Callable[[str], VllmServer]]:
    """Gives the server of the embedded model by vLLM's version; starts it when first asked."""
    report = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    with ExitStack() as stack:

        @cache
        def get(version: str) -> VllmServer:
            if root := running_servers(nano=True).get(version):
                return VllmServer(version, nano=True, port=int(root.rpartition(":")[2]))
            said = report and (lambda line: report.write_line(f"[rig] {line}"))
            server = VllmServer(version, nano=True, progress=said or (lambda _: None))
            return stack.enter_context(server)

        yield get


@pytest.fixture(scope="module")
def nano_vllm(nano_servers: Callable[[str], VllmServer], vllm_version: str) -> VllmServer:
    return nano_servers(vllm_version)


@pytest.fixture(scope="module")
def nano_vllm32(nano_servers: Callable[[str], VllmServer]) -> VllmServer:
    return nano_servers(LATEST)


@pytest.fixture(scope="session")
def clients(pytestconfig: pytest.Config) -> Clients:
    report = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    return install_clients(lambda line: report and report.write_line(f"[rig] {line}"))


@pytest.fixture(scope="session")
def litellm_proxy(clients: Clients, vllm32: VllmServer) -> Iterator[LiteLlmProxy]:
    with LiteLlmProxy(clients, vllm32.url, vllm32.model, "hosted_vllm") as proxy:
        leaks.KNOWN.add(proxy.pid, proxy.fds)
        yield proxy


@pytest.fixture(scope="session")
def oracle(vllm_version: str) -> Iterator[Oracle]:
    with Oracle(vllm_version) as oracle:
        yield oracle


@pytest.fixture(scope="session")
def oracle32() -> Iterator[Oracle]:
    with Oracle(LATEST) as oracle:
        yield oracle


@pytest.fixture(scope="session")
def inside(vllm_version: str) -> Iterator[Inside]:
    with Inside(vllm_version) as inside:
        leaks.KNOWN.add(inside.pid, inside.fds)
        inside.call("tests.rig.inside_worker:start")
        yield inside


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with chromium.started() as browser:
        yield browser
