"""Which backend makes the boxes, and what is said where none does?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from structlog.testing import capture_logs

from tests.unit.tools import box_tools
from toolrun import Session
from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.events import Durable, Event, Warned
from toolrun.sandbox import Sandbox, choice, load_profile, probe
from toolrun.sandbox.bubblewrap.backend import Bubblewrap
from toolrun.sandbox.container.backend import Container

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.sandbox.backend import Backend

PURE = load_profile("pure")


class Absent(Bubblewrap):
    """A backend that is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def identity(self) -> str:
        raise SandboxUnavailable(f"sandbox: {self.name} is not installed. Install it")


class Weak(Bubblewrap):
    """A backend that promises next to nothing."""

    name = "weak"
    guarantees = frozenset({"environment"})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have other backends made in the place of those of the order."""

    def replace(**backends: Backend) -> None:
        monkeypatch.setattr(choice, "ORDER", tuple(backends))
        monkeypatch.setattr(choice, "_made", backends.__getitem__)
        monkeypatch.setattr(choice, "check", lambda _: None)

    return replace


def opened(**options: Any) -> Sandbox:
    async def open_() -> Sandbox:
        async with Sandbox(PURE, **options) as sandbox:
            return sandbox

    return anyio.run(open_)


def test_bubblewrap_is_the_first() -> None:
    sandbox = opened()

    assert sandbox.backend.name == "bubblewrap"
    assert sandbox.fallback is None


@pytest.mark.parametrize(
    ("name", "kind", "runtime"),
    [
        ("container", None, None),
        ("podman", "podman", None),
        ("docker:runsc", "docker", "runsc"),
        ("podman:/usr/bin/crun", "podman", "/usr/bin/crun"),
    ],
)
def test_a_container_is_chosen_with_its_runtime(
    name: str, kind: str | None, runtime: str | None
) -> None:
    (backend,) = choice.backends(name)

    assert isinstance(backend, Container)
    assert (backend._wanted, backend._runtime) == (kind, runtime)


@pytest.mark.parametrize("name", ["", "bwrap", "podman:", "bubblewrap:runc", "container:runc"])
def test_a_name_that_no_backend_has(name: str) -> None:
    with pytest.raises(ConfigError, match="choose bubblewrap"):
        Sandbox(PURE, backend=name)


def test_the_next_one_that_holds_is_used_and_that_is_said(made: Callable[..., None]) -> None:
    made(absent=Absent("absent"), weak=Weak(), bubblewrap=Bubblewrap())
    with capture_logs() as logs:
        sandbox = opened()

    assert sandbox.backend.name == "bubblewrap"
    (log,) = [log for log in logs if log["event"] == "another sandbox backend is used"]
    assert log["backend"] == "bubblewrap"
    assert list(log["refused"]) == ["absent", "weak"]
    assert "network" in log["refused"]["weak"]
    assert sandbox.fallback is not None
    assert "absent is not installed" in sandbox.fallback


def test_where_none_holds_the_reasons_of_all_are_said(made: Callable[..., None]) -> None:
    made(one=Absent("one"), weak=Weak(), two=Absent("two"))
    with pytest.raises(SandboxUnavailable) as raised:
        opened()

    said = str(raised.value)
    assert "one is not installed. Install it" in said
    assert "two is not installed. Install it" in said
    assert "weak does not give" in said
    assert "nothing was run" in said


def test_a_backend_that_is_named_is_the_only_one_tried(made: Callable[..., None]) -> None:
    made(bubblewrap=Bubblewrap(), absent=Absent("absent"))
    with pytest.raises(SandboxUnavailable, match=r"^sandbox: absent is not installed"):
        opened(backend="absent")


def test_a_probe_that_fails_leads_to_the_next(
    made: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def attacked(sandbox: Sandbox, _: str) -> None:
        tried.append(sandbox.backend.name)
        if len(tried) == 1:
            raise SandboxUnavailable("sandbox: probe 'files' failed")

    monkeypatch.setattr(probe, "probe", attacked)
    made(bubblewrap=Bubblewrap(), container=Container())

    assert opened().backend.name == "container"
    assert tried == ["bubblewrap", "container"]


def test_a_writable_workspace_needs_a_backend_that_can_undo_it() -> None:
    profile = msgspec.structs.replace(PURE, workspace="writable")
    with pytest.raises(SandboxUnavailable, match="writable workspace"):
        choice.check_guarantees(profile, Container())
    choice.check_guarantees(profile, Bubblewrap())


def test_what_a_backend_does_not_promise_is_not_asked_of_it() -> None:
    assert set(probe._SHOWS.values()) <= Bubblewrap.guarantees


def test_a_session_is_warned_of_it(made: Callable[..., None]) -> None:
    made(absent=Absent("absent"), bubblewrap=Bubblewrap())
    heard: list[Event] = []

    class Ear:
        observes = True

        def observe(self, event: Event) -> None:
            heard.append(event)

        async def record(self, event: Durable) -> None:
            heard.append(event)

    async def open_() -> None:
        async with Session(tools=[box_tools.add], sinks=[Ear()]):
            pass

    anyio.run(open_)
    (warned,) = [event for event in heard if isinstance(event, Warned)]
    assert warned.code == "another-backend"
    assert "absent is not installed" in warned.message


def test_the_backend_of_a_session_is_in_its_journal() -> None:
    settings = Session(backend="bubblewrap", tools=[])._parts.settings

    assert settings.as_dict()["backend"] == "bubblewrap"
