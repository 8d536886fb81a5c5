"""How are attacks run? In a box, with proof that they ran; outside, as a control."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.security import arena, attack_page
from tests.security.attack import Attack, Attacked, sees
from tests.security.scene import workspace_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Attacks = Callable[..., Attacked]
Control = Callable[..., Any]
Survivors = Callable[[str], list[str]]


@pytest.fixture
def attack() -> Attacks:
    """Run an attack in a box of its own: `attack("files.read", paths=[...])`."""

    def run(
        payload: str,
        /,
        *,
        profile: str = "pure",
        workspace: Path | None = None,
        timeout: float = 20,
        change: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Attacked:
        marker = secrets.token_hex(8)
        given = {"name": payload, "marker": marker, "arguments": arguments}
        began = time.monotonic()
        outcome = arena.in_box(
            "alone", given, profile=profile, workspace=workspace, timeout=timeout, change=change
        )
        return arena.judged(outcome, marker, time.monotonic() - began)

    return run


@pytest.fixture
def control() -> Control:
    """Run an attack outside: what it sees there shows that the box is what stops it."""

    def run(payload: str, /, **arguments: Any) -> Any:
        attack = Attack(
            name=payload, family="", payload=payload, held=sees(None), arguments=arguments
        )
        return arena.outside([attack], _NoScene())[attack.id].saw  # type: ignore[arg-type]

    return run


class _NoScene:
    """Nothing is filled in."""

    def fill(self, value: Any, attack: str) -> Any:
        return value


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder of notes with the secrets that such folders have."""
    (tmp_path / "outside.txt").write_text("topsecret")
    return workspace_of(tmp_path / "workspace", tmp_path / "outside.txt")


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host's for attacks to aim at."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def survivors() -> Survivors:
    """Look for processes of the host by a token in their command lines."""
    return arena.running


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep for the page what came of each test of an attack."""
    if attack_page.WRITES and (report.when == "call" or report.outcome == "skipped"):
        file, _, name = report.nodeid.rpartition("/")[2].partition("::")
        test, _, parameters = name.rstrip("]").partition("[")
        attack_page.keep_test(file, test, parameters, report.outcome)


def pytest_sessionfinish() -> None:
    """Write the page where that is asked for."""
    if attack_page.WRITES:
        attack_page.finish()
