"""How are attacks run? In a box, with proof that they ran; outside, as a control."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from toolrun.sandbox import Job, Outcome, Sandbox, load_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTACKS = Path(__file__).with_name("attacks.py")


Control = Callable[..., Any]
Survivors = Callable[[str], list[str]]


class Attacked(msgspec.Struct, frozen=True):
    """An attack's outcome, and what it saw, if it lived to tell."""

    outcome: Outcome
    saw: Any
    seconds: float


Attack = Callable[..., Attacked]


@pytest.fixture
def attack() -> Attack:
    """Run an attack in a box: `attack("read", paths=[...])`."""

    def run(
        name: str,
        /,
        *,
        profile: str = "pure",
        workspace: Path | None = None,
        timeout: float = 20,
        change: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Attacked:
        marker = secrets.token_hex(8)
        job = Job(
            file=str(ATTACKS),
            module="attacks",
            qualname="attack",
            arguments=json.dumps({"name": name, "marker": marker, "arguments": arguments}).encode(),
        )
        narrowed = msgspec.structs.replace(load_profile(profile), **(change or {}))

        async def call() -> Attacked:
            async with Sandbox(narrowed, workspace=workspace) as sandbox:
                started = time.monotonic()
                outcome = await sandbox.call(job, timeout=timeout)
                return Attacked(outcome, _saw(outcome, marker), time.monotonic() - started)

        attacked = anyio.run(call)
        assert attacked.outcome.stdout.startswith(marker + "\n"), attacked.outcome
        return attacked

    return run


def _saw(outcome: Outcome, marker: str) -> Any:
    if outcome.value is None:
        return None
    value = msgspec.json.decode(outcome.value)
    if not isinstance(value, dict) or "marker" not in value:
        return value
    assert value["marker"] == marker
    return value["saw"]


@pytest.fixture
def control() -> Control:
    """Run an attack outside: what it sees there shows that the box is what stops it."""

    def run(
        name: str, /, *, prefix: tuple[str, ...] = (), cwd: Path | None = None, **kw: Any
    ) -> Any:
        # Into a file: what an attack leaves behind would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            subprocess.run(
                [*prefix, sys.executable, str(ATTACKS), name, json.dumps(kw)],
                check=True,
                stdout=output,
                timeout=30,
                cwd=cwd,
            )
            output.seek(0)
            return json.loads(output.read().splitlines()[-1])["saw"]

    return run


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder of notes with the secrets that such folders have."""
    folder = tmp_path / "workspace"
    (folder / "sub" / ".git").mkdir(parents=True)
    (folder / "notes.md").write_text("three short words")
    (folder / ".env").write_text("KEY=topsecret")
    (folder / "sub" / ".env.local").write_text("KEY=topsecret")
    (folder / "sub" / ".git" / "config").write_text("topsecret")
    (folder / "sub" / "open.md").write_text("not secret")
    (folder / "alias").symlink_to(folder / ".env")
    outside = tmp_path / "outside.txt"
    outside.write_text("topsecret")
    (folder / "link").symlink_to(outside)
    return folder


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host's for attacks to aim at."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def running(token: str) -> list[str]:
    """The command lines of the host's processes that contain a token."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if token in line:
                found.append(line)
    return found


@pytest.fixture
def survivors() -> Survivors:
    """Look for processes of the host by a token in their command lines."""
    return running
