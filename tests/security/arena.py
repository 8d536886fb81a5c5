"""How is an attack run? In a box, alone or with others; outside, as a control; with its marker.

Nothing counts without the marker: an attack that did not run has shown nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec

from tests.security import in_terminal as terminal
from tests.security.attack import Attacked
from toolrun.sandbox import Job, Sandbox, load_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.security.attack import Attack
    from tests.security.scene import Scene
    from toolrun.sandbox import Outcome

HERE: Final = Path(__file__).parent
BATTERY: Final = HERE / "payloads" / "battery.py"
_SECONDS: Final = 60


class NotRunError(AssertionError):
    """An attack did not show its marker: it has proven nothing."""


def job(function: str, **arguments: Any) -> Job:
    """A call of the code that runs attacks in a box."""
    return Job(
        file=str(BATTERY),
        module="payloads.battery",
        qualname=function,
        arguments=json.dumps(arguments).encode(),
    )


async def call(
    function: str,
    arguments: Mapping[str, Any],
    *,
    profile: str = "pure",
    workspace: Path | None = None,
    timeout: float = 20,  # noqa: ASYNC109 - of the box
    change: Mapping[str, Any] | None = None,
) -> Outcome:
    """What came of one box."""
    narrowed = msgspec.structs.replace(load_profile(profile), **(change or {}))
    async with Sandbox(narrowed, workspace=workspace, backend="bubblewrap") as sandbox:
        return await sandbox.call(job(function, **arguments), timeout=timeout)


def in_box(function: str, arguments: Mapping[str, Any], **more: Any) -> Outcome:
    """The same where no event loop runs."""

    async def run() -> Outcome:
        return await call(function, arguments, **more)

    return anyio.run(run)


def alone(attack: Attack, scene: Scene) -> Attacked:
    """Run an attack in a box of its own.

    Raises:
        NotRunError: its marker was not printed.
    """
    return at_once([attack], scene)[attack.id]


def at_once(attacks: Sequence[Attack], scene: Scene) -> dict[str, Attacked]:
    """Run attacks at the same time, each in a box of its own; by their ids."""
    ended: dict[str, tuple[Outcome, str, float]] = {}

    async def one(attack: Attack, longer: int = 1) -> None:
        marker = secrets.token_hex(8)
        began = time.monotonic()
        outcome = await call(
            "alone",
            {"name": attack.payload, "marker": marker, "arguments": filled(attack, scene)},
            profile=attack.profile,
            workspace=scene.workspace,
            timeout=attack.timeout * longer,
            change=attack.change,
        )
        more = attack.timeout * (longer - 1)
        ended[attack.id] = (outcome, marker, time.monotonic() - began - more)

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for attack in attacks:
                group.start_soon(one, attack)
        for attack in attacks:  # a busy machine may end a box before the attack has begun
            outcome, marker, _ = ended[attack.id]
            if outcome.status == "timeout" and not _ran(outcome, marker):
                await one(attack, longer=5)

    anyio.run(run)
    return {each: judged(*ended[each]) for each in ended}


def judged(outcome: Outcome, marker: str, seconds: float = 0.0) -> Attacked:
    """What an attack saw, once its marker has shown that it ran.

    Raises:
        NotRunError: the marker is not there.
    """
    if not _ran(outcome, marker):
        raise NotRunError(f"the attack did not run: {outcome}")
    try:
        value = None if outcome.value is None else msgspec.json.decode(outcome.value)
    except msgspec.DecodeError:
        value = "no JSON"
    saw = value
    if isinstance(value, dict) and "marker" in value:
        if value["marker"] != marker:
            raise NotRunError(f"another marker: {outcome}")
        saw = value["saw"]
    return Attacked(
        saw=saw,
        status=outcome.status,
        error=outcome.error,
        stdout=outcome.stdout.removeprefix(marker),
        stderr=outcome.stderr,
        seconds=seconds,
    )


def _ran(outcome: Outcome, marker: str) -> bool:
    return outcome.stdout.startswith(marker + "\n")


def together(attacks: Sequence[Attack], scene: Scene) -> dict[str, Attacked]:
    """Run attacks of one profile in one box, each in a process of its own; by their ids."""
    (profile,) = {attack.profile for attack in attacks}
    markers, orders = _orders(attacks, scene, outside=False)
    outcome = in_box(
        "together", {"attacks": orders}, profile=profile, workspace=scene.workspace, timeout=50
    )
    if outcome.status != "ok" or outcome.value is None:
        raise NotRunError(f"the box of several attacks did not hold: {outcome}")
    return _reports(attacks, markers, msgspec.json.decode(outcome.value))


def outside(attacks: Sequence[Attack], scene: Scene) -> dict[str, Attacked]:
    """The same without a box. As root in namespaces of mounts and names, so that none is ours."""
    markers, orders = _orders(attacks, scene, outside=True)
    prefix = ("unshare", "--mount", "--uts") if os.geteuid() == 0 else ()
    # Into a file: what an attack leaves behind would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        subprocess.run(
            [*prefix, sys.executable, "-m", "payloads.battery"],
            input=json.dumps(orders).encode(),
            check=True,
            stdout=output,
            timeout=_SECONDS,
            cwd=HERE,
            close_fds=False,
        )
        output.seek(0)
        return _reports(attacks, markers, json.loads(output.read().splitlines()[-1]))


def in_terminal(attacks: Sequence[Attack], scene: Scene, where: str) -> dict[str, Attacked]:
    """Run attacks by a process that has a terminal: "inside" a box, or "outside"."""
    markers, orders = _orders(attacks, scene, outside=where == "outside")
    return _reports(attacks, markers, terminal.run([where], orders))


def filled(attack: Attack, scene: Scene, *, outside: bool = False) -> dict[str, Any]:
    """An attack's arguments, with what the scene has for the names in braces."""
    given = {**attack.arguments, **(attack.outside if outside else {})}
    return {key: scene.fill(value, attack.id) for key, value in given.items()}


def _orders(
    attacks: Iterable[Attack], scene: Scene, *, outside: bool
) -> tuple[list[str], list[list[Any]]]:
    markers, orders = [], []
    for attack in attacks:
        markers.append(secrets.token_hex(8))
        orders.append([attack.payload, markers[-1], filled(attack, scene, outside=outside)])
    return markers, orders


def _reports(
    attacks: Sequence[Attack], markers: Sequence[str], reports: Any
) -> dict[str, Attacked]:
    found = {}
    if not isinstance(reports, list) or len(reports) != len(attacks):
        raise NotRunError(f"no reports of attacks: {reports}")
    for attack, marker, report in zip(attacks, markers, reports, strict=True):
        if report["marker"] != marker:
            raise NotRunError(f"{attack.id} did not run: {report}")
        status = "ok" if report["status"] == 0 or report["saw"] is not None else "crash"
        found[attack.id] = Attacked(saw=report["saw"], status=status, seconds=report["seconds"])
    return found


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
