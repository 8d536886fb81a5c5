"""Which backend holds on this machine, and what would fix those that do not?"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from msgspec import Struct

from toolrun.cli import screen as s
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Sandbox, choice
from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID, is_real_root
from toolrun.sandbox.fixes import fix
from toolrun.sandbox.probe import attacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.sandbox import Profile

_SECONDS: Final = 10.0


class Probe(Struct, frozen=True):
    """One attack on a box: what was seen, whether the box held, and what would help if not."""

    name: str
    saw: str
    held: bool
    fix: str | None = None


class Report(Struct, frozen=True, kw_only=True):
    """What one backend gives on this machine.

    Attributes:
        backend: "bubblewrap", ...
        profile: the name of the profile that it was asked for.
        program: what makes the boxes, with its version; "" where there is none.
        user: whom toolrun and the boxes run as.
        refused: why it makes no boxes for the profile; None where it does.
        probes: the attacks; empty where no box came about.
    """

    backend: str
    profile: str
    program: str = ""
    user: str = ""
    refused: str | None = None
    probes: tuple[Probe, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the profile's boxes can be made here, and hold."""
        return self.refused is None and all(probe.held for probe in self.probes)


async def examined(profile: Profile, workspace: Path | None, backend: str | None) -> list[Report]:
    """Try the backends in their order until one holds; what each of them shows.

    Args:
        profile: what they have to hold.
        workspace: the folder that it may show; an empty one where None.
        backend: the only one to try; all where None.

    Raises:
        ConfigError: the workspace is no folder, or there is no such backend.
    """
    reports: list[Report] = []
    with tempfile.TemporaryDirectory(prefix="toolrun-check-") as empty:
        for name in choice.ORDER if backend is None else (backend,):
            reports.append(await _examined(profile, workspace or Path(empty), name))
            if reports[-1].holds:
                break
    return reports


async def _examined(profile: Profile, workspace: Path, backend: str) -> Report:
    program = ""
    try:
        async with contextlib.aclosing(
            Sandbox(profile, workspace=workspace, backend=backend)
        ) as box:
            program = await _program(box.backend.identity())
            choice.check_guarantees(profile, box.backend)
            seen = await attacked(box)
    except SandboxUnavailable as error:
        return Report(
            backend=backend, profile=profile.name, program=program, user=_user(), refused=str(error)
        )
    probes = tuple(Probe(name, saw, held, None if held else fix(name)) for name, saw, held in seen)
    return Report(
        backend=backend, profile=profile.name, program=program, user=_user(), probes=probes
    )


async def _program(identity: str) -> str:
    """A backend's program with the first line of what it says of its version."""
    identity = identity.rstrip(":")
    path = identity.partition(":")[0]
    if not os.access(path, os.X_OK):
        return identity
    try:
        with anyio.fail_after(_SECONDS):
            said = await anyio.run_process(
                [path, "--version"], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False
            )
    except (OSError, TimeoutError):
        return identity
    lines = said.stdout.decode(errors="replace").strip().splitlines()
    return f"{lines[0]}, {identity}" if lines else identity


def _user() -> str:
    if is_real_root():
        return f"toolrun runs as root, its boxes under uid {UNPRIVILEGED_UID}"
    if os.geteuid() == 0:
        return "toolrun runs as root of a user namespace, its boxes under the same uid"
    return f"toolrun and its boxes run under uid {os.geteuid()}, which is not root"


def lines(reports: Sequence[Report]) -> Iterator[tuple[s.Style, str]]:
    """The lines that show the reports."""
    for report in reports:
        program = f" ({report.program})" if report.program else ""
        if report.refused is not None:
            yield s.BAD, f"{report.backend}{program}: {report.refused}"
            continue
        yield (s.GOOD if report.holds else s.BAD), f"{report.backend}{program}"
        yield s.GOOD, f"user: {report.user}"
        for probe in report.probes:
            yield (s.GOOD if probe.held else s.BAD), f"{probe.name}: {probe.saw}"
            if probe.fix is not None:
                yield s.INDENTED, f"Fix: {probe.fix}."
    last = reports[-1]
    if last.holds:
        yield s.NOTE, f"{last.backend} holds what the profile {last.profile} needs"
    else:
        yield s.NOTE, f"nothing here holds what the profile {last.profile} needs: no tool would run"
