"""Does the sandbox hold on this machine? Attacked once per process before anything runs in it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.egress.way import variables
from toolrun.sandbox.fixes import fix
from toolrun.sandbox.inside import look
from toolrun.sandbox.job import Job
from toolrun.sandbox.order import ENVIRONMENT

if TYPE_CHECKING:
    from toolrun.sandbox.profile import Guarantee
    from toolrun.sandbox.sandbox import Sandbox

_SECONDS: Final = 20.0
_SHOWS: Final[dict[str, Guarantee]] = {
    "uid": "privileges",
    "capabilities": "privileges",
    "no_new_privs": "privileges",
    "namespaces": "privileges",
    "network": "network",
    "interfaces": "proc",  # as /proc tells them: without a network namespace they are the host's
    "proc": "proc",
    "files": "files",
    "root": "files",
    "environment": "environment",
    "processes": "processes",
    "syscalls": "syscalls",
    "terminal": "terminal",
}
"""Which guarantee each probe is of: what a backend does not promise is not asked of it."""
_held: set[str] = set()


async def probe(sandbox: Sandbox, identity: str) -> None:
    """Run the attacks of `inside.look` in a box and judge what they saw.

    Args:
        sandbox: whose boxes are attacked.
        identity: what the outcome holds for; one that held once is not attacked again.

    Raises:
        SandboxUnavailable: one of them succeeded, or nothing ran; the message says which and what
            would fix it.
    """
    if identity in _held:
        return
    for name, saw, fine in await attacked(sandbox):
        if not fine:
            raise SandboxUnavailable(
                f"sandbox: probe {name!r} of {sandbox.backend.name} failed on this machine: {saw}. "
                f"Nothing was run. {fix(name)}, or run the tools that you trust with "
                "@tool(trusted=True)"
            )
    _held.add(identity)


async def attacked(sandbox: Sandbox) -> list[tuple[str, str, bool]]:
    """Attack a box: each probe, what was seen, and whether it holds or was never promised.

    Raises:
        SandboxUnavailable: nothing ran; the message says what would fix it.
    """
    token = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.NamedTemporaryFile() as canary:
        canary.write(token.encode())
        canary.flush()
        os.fchmod(canary.fileno(), 0o644)
        inputs = {"token": token, "port": server.getsockname()[1], "canary": canary.name}
        job = Job(
            file=look.__file__,
            module="__main__",
            qualname="look",
            arguments=json.dumps(inputs).encode(),
        )
        with sandbox.attacked():
            outcome = await sandbox.call(job, timeout=_SECONDS)
    if outcome.status != "ok" or outcome.value is None:
        raise SandboxUnavailable(
            f"sandbox: the probe did not run: {outcome.error} {outcome.stderr}".strip()
        )
    expected_env = {*ENVIRONMENT, *variables(sandbox.profile), *sandbox.profile.env, "PWD"}
    promised = {None, *sandbox.backend.guarantees}
    judged = judge(msgspec.json.decode(outcome.value), token, expected_env)
    return [each for each in judged if _SHOWS.get(each[0]) in promised]


def judge(seen: dict[str, Any], token: str, env: set[str]) -> list[tuple[str, str, bool]]:
    """Each probe: its name, what was seen, and whether that is as it must be."""
    inherited = sorted(set(seen["env"]) - env)
    return [
        ("marker", f"the job said {seen['marker']!r}", seen["marker"] == token),
        ("uid", f"uid {seen['uid']} inside", seen["uid"] != 0),
        ("capabilities", f"effective {seen['capabilities']}", int(seen["capabilities"], 16) == 0),
        ("no_new_privs", f"NoNewPrivs {seen['no_new_privs']}", seen["no_new_privs"] == "1"),
        ("network", f"connecting to the host: {seen['connect']}", seen["connect"] != "reached"),
        ("interfaces", f"interfaces {seen['interfaces']}", seen["interfaces"] == ["lo"]),
        ("proc", f"writing /proc/sys: {seen['proc_sys']}", seen["proc_sys"] != "opened"),
        ("files", f"a file of the host: {seen['canary']}", seen["canary"] == "ENOENT"),
        ("root", f"writing the root folder: {seen['root']}", seen["root"] != "opened"),
        ("namespaces", f"a user namespace: {seen['userns']}", seen["userns"] != "made"),
        ("environment", f"inherited {', '.join(inherited) or 'nothing'}", not inherited),
        (
            "processes",
            f"the host's processes: {seen['pid_namespace']}",
            seen["pid_namespace"] != own_namespace(),
        ),
        ("syscalls", f"a key for the kernel: {seen['keyring']}", seen["keyring"] == "EPERM"),
        ("terminal", f"opening /dev/tty: {seen['terminal']}", seen["terminal"] != "opened"),
    ]


def own_namespace() -> str:
    """The name of this process's pid namespace."""
    return str(Path("/proc/self/ns/pid").readlink())
