"""Is a box a box, whichever backend makes it? The same calls and attacks for all of them.

A backend that cannot run here is skipped, and so is what it does not promise: both say why.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from anyio.from_thread import start_blocking_portal

from tests.rig import leaks
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Completed, Job, Outcome, Sandbox, choice, load_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyio.from_thread import BlockingPortal

    from toolrun.sandbox.profile import Guarantee

pytestmark = pytest.mark.security

PAYLOADS = Path(__file__).with_name("contract_payloads.py")
NAMES = {
    "bubblewrap": ("bubblewrap",),
    "sandlock": ("sandlock",),
    "container": ("container", "podman:runc", "podman:crun"),
}
"""Which names to try for each backend: an engine's default runtime may not run here."""
SLACK = 0.25  # seconds: five times the 50 ms within which a tree must be gone
TRIES = 5  # a busy machine may give what was killed no time to end: one of them has to be quick


class Boxes:
    """The boxes of one backend, on an event loop of their own."""

    def __init__(self, portal: BlockingPortal, sandbox: Sandbox) -> None:
        self.portal = portal
        self.sandbox = sandbox

    def holds(self, guarantee: Guarantee) -> None:
        """Skip what the backend does not promise."""
        backend = self.sandbox.backend
        if guarantee not in backend.guarantees:
            pytest.skip(f"{backend.name} does not promise {guarantee!r}")

    def call(
        self,
        name: str,
        /,
        *,
        timeout: float = 20,
        env: dict[str, str] | None = None,
        **arguments: Any,
    ) -> Outcome:
        """Call a payload in a warm box, and see by its marker that it ran."""
        marker = secrets.token_hex(8)
        job = self.job(name, marker=marker, **arguments)

        async def call() -> Outcome:
            return await self.sandbox.call(job, timeout=timeout, env=env, tenant="contract")

        outcome = self.portal.call(call)
        assert outcome.stdout.startswith(marker + "\n"), outcome
        return outcome

    def saw(self, name: str, /, **arguments: Any) -> Any:
        """What a payload returned."""
        outcome = self.call(name, **arguments)
        assert outcome.value is not None, outcome
        return msgspec.json.decode(outcome.value)

    def job(self, name: str, /, **arguments: Any) -> Job:
        """A call of a payload."""
        return Job(
            file=str(PAYLOADS),
            module="contract_payloads",
            qualname=name,
            arguments=json.dumps(arguments).encode(),
        )

    def run(self, argv: list[str], **options: Any) -> Completed:
        """Run a command."""

        async def run() -> Completed:
            return await self.sandbox.run(argv, timeout=20, **options)

        return self.portal.call(run)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:
    """Boxes are kept from test to test here: `boxes` looks when all of a backend are done."""


@pytest.fixture(
    scope="module",
    params=[
        "bubblewrap",
        pytest.param("sandlock", marks=pytest.mark.load),
        pytest.param("container", marks=pytest.mark.load),
    ],
)
def boxes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boxes]:
    """Boxes of each backend that holds here, of what `workspace-ro` becomes under it."""
    folder = tmp_path_factory.mktemp("workspace")
    folder.chmod(0o755)
    (folder / "notes.md").write_text("three short words")
    (folder / ".env").write_text("KEY=topsecret")
    (folder / "sub" / ".git").mkdir(parents=True)
    (folder / "sub" / ".git" / "config").write_text("topsecret")
    before = leaks.snapshot()
    with start_blocking_portal() as portal:
        refusals = []
        for name in NAMES[request.param]:
            sandbox = made(name, folder)
            try:
                portal.call(sandbox.open)
            except SandboxUnavailable as error:
                refusals.append(f"{name}: {str(error)[:150]}")
                continue
            yield Boxes(portal, sandbox)
            portal.call(sandbox.aclose)
            break
        else:
            pytest.skip("; ".join(refusals))
    if left := leaks.wait_until_clean(before):
        pytest.fail("The boxes left behind:\n  " + "\n  ".join(left), pytrace=False)


def made(name: str, workspace: Path) -> Sandbox:
    """A sandbox whose profile asks for what the backend promises, and no more."""
    profile = load_profile("workspace-ro")
    promised = next(choice.backends(name)).guarantees
    kept = tuple(each for each in profile.guarantees if each in promised)
    narrowed = msgspec.structs.replace(profile, guarantees=kept)
    return Sandbox(narrowed, workspace=workspace, backend=name)


def running(token: str) -> bool:
    """Whether a process of the host has a token in its command line."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if token.encode() in (folder / "cmdline").read_bytes():
                    return True
            except OSError:
                continue
    return False


# What a box is for


def test_a_function_returns_and_its_streams_are_told_apart(boxes: Boxes) -> None:
    outcome = boxes.call("returns", value=21)

    assert outcome.status == "ok"
    assert outcome.value is not None
    assert msgspec.json.decode(outcome.value) == {"twice": 42}
    assert outcome.stderr == "to stderr\n"


def test_an_exception_is_told(boxes: Boxes) -> None:
    outcome = boxes.call("raises")

    assert (outcome.status, outcome.error) == ("exception", "ValueError: as meant")
    assert "contract_payloads.py" in (outcome.traceback or "")


def test_a_command_reads_its_input_and_its_status_is_told(boxes: Boxes) -> None:
    done = boxes.run(["/bin/sh", "-c", "cat; echo said >&2; exit 3"], input=b"given")

    assert (done.status, done.exit) == ("ok", 3)
    assert (done.stdout, done.stderr) == (b"given", b"said\n")


def test_a_signal_is_told_as_a_shell_would(boxes: Boxes) -> None:
    done = boxes.run(["/bin/sh", "-c", "echo begun; kill -9 $$"])

    assert done.stdout == b"begun\n"
    assert done.exit == 128 + 9


def test_a_program_that_is_not_there(boxes: Boxes) -> None:
    assert boxes.run(["/no/such/program"]).exit == 127


def test_the_workspace_is_read(boxes: Boxes) -> None:
    assert boxes.saw("read", paths=["notes.md"]) == {"notes.md": "three short words"}


# What it holds


def test_the_environment_is_what_was_given(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes.holds("environment")
    monkeypatch.setenv("OPENAI_API_KEY", "topsecret")
    saw = boxes.saw("environment", env={"TOOLRUN_GIVEN": "yes"})

    assert saw["TOOLRUN_GIVEN"] == "yes"
    assert "topsecret" not in json.dumps(saw)
    assert {"container", "HOSTNAME", "TERM"}.isdisjoint(saw)


def test_secrets_in_the_workspace_and_files_outside_are_not_seen(
    boxes: Boxes, tmp_path: Path
) -> None:
    boxes.holds("files")
    outside = tmp_path / "outside"
    outside.write_text("topsecret")
    paths = [".env", "sub/.git/config", str(outside), "/etc/shadow"]
    saw = boxes.saw("read", paths=paths)

    assert outside.read_text() == "topsecret"
    assert "topsecret" not in saw.values()
    assert saw[str(outside)] == saw["/etc/shadow"] == "ENOENT"


def test_nothing_but_the_boxes_own_can_be_written(boxes: Boxes) -> None:
    boxes.holds("files")
    saw = boxes.saw("write", paths=["notes.md", "new.md", "/new", "/etc/new", "/run/new", "/tmp/x"])

    assert saw.pop("/tmp/x") == "done"
    assert set(saw.values()) <= {"EROFS", "EACCES", "ENOENT"}, saw


def test_the_host_is_not_reached_by_the_network(boxes: Boxes) -> None:
    boxes.holds("network")
    name = f"toolrun-{secrets.token_hex(8)}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind("\0" + name)
        unix.listen()
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 1).close()  # as a control
        saw = boxes.saw("connect", port=port, name=name)

    assert "done" not in saw.values()


def test_processes_of_the_host_are_not_seen(boxes: Boxes) -> None:
    boxes.holds("processes")
    with subprocess.Popen(["sleep", "30"]) as victim:
        saw = boxes.saw("processes", victim=victim.pid)
        alive = victim.poll() is None
        victim.kill()

    assert alive
    assert saw["count"] <= 4
    assert saw["kill"] == "ESRCH"


def test_there_are_no_privileges(boxes: Boxes) -> None:
    boxes.holds("privileges")
    saw = boxes.saw("status")

    assert set(saw["Uid"].split()) != {"0"}
    assert {saw[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert saw["NoNewPrivs"] == "1"


def test_proc_of_the_host_is_not_written(boxes: Boxes) -> None:
    boxes.holds("proc")
    saw = boxes.saw("write", paths=["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"])

    assert "done" not in saw.values(), saw


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the payload has x86_64's numbers")
def test_dangerous_system_calls_are_refused(boxes: Boxes) -> None:
    boxes.holds("syscalls")
    saw = boxes.saw("calls")

    assert saw.pop("unshare") == "refused"
    assert set(saw.values()) <= {"EPERM", "ENOSYS"}, saw


def test_limits_cannot_be_raised(boxes: Boxes) -> None:
    boxes.holds("limits")

    assert set(boxes.saw("raise_limits")) == {"refused"}


def test_there_is_no_terminal(boxes: Boxes) -> None:
    boxes.holds("terminal")

    assert boxes.saw("terminal") in {"ENXIO", "ENOENT", "EACCES"}


def test_no_descriptor_leaks(boxes: Boxes, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("topsecret")
    with canary.open() as file:
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - positional only
        saw = boxes.saw("descriptors")

    assert len(saw) <= 5
    assert all(target.startswith(("pipe:", "/memfd:toolrun")) for target in saw), saw


@pytest.mark.parametrize("how", ["return", "time-out", "cancel"])
def test_a_daemon_does_not_survive(boxes: Boxes, how: str) -> None:
    boxes.holds("tree-kill")
    token = secrets.token_hex(8)
    if how == "return":
        assert boxes.saw("daemon", token=token, then_sleep=0) == "alive"
    elif how == "time-out":
        outcome = boxes.call("daemon", token=token, then_sleep=60, timeout=2)
        assert (outcome.status, "alive" in outcome.stdout) == ("timeout", True)
    else:
        quick(lambda: boxes.portal.call(cancelled, boxes))
    assert not running(token)


async def cancelled(boxes: Boxes) -> float:
    """Cancel a call whose daemon is alive; seconds until nothing of it was left."""
    token = secrets.token_hex(8)
    job = boxes.job("daemon", marker="it ran", token=token, then_sleep=60)
    alive = anyio.Event()

    def on_output(_: str, text: str) -> None:
        if "alive" in text:
            alive.set()

    async with anyio.create_task_group() as tasks:

        async def call() -> None:
            await boxes.sandbox.call(job, timeout=20, on_output=on_output, tenant="contract")

        tasks.start_soon(call)
        await alive.wait()
        # A program's descriptors are closed before its command line can be read.
        with anyio.fail_after(5):
            while not running(token):  # noqa: ASYNC110 - no event says so
                await anyio.sleep(0.005)
        began = time.monotonic()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            while running(token):
                assert time.monotonic() < began + 5
                await anyio.sleep(0.005)
        ended = time.monotonic()
    return ended - began


def test_a_fork_bomb_is_bounded(boxes: Boxes) -> None:
    boxes.holds("limits")
    saw = boxes.saw("fork_bomb", limit=500)

    assert saw["why"] == "EAGAIN"
    assert saw["started"] < 100


def test_memory_is_bounded(boxes: Boxes) -> None:
    boxes.holds("resident-memory")

    assert boxes.call("take_memory", mebibytes=800).status == "memory_limit"


def test_the_disk_is_bounded(boxes: Boxes) -> None:
    boxes.holds("disk")
    saw = boxes.saw("fill", mebibytes=100)

    assert saw["why"] == "ENOSPC"
    assert saw["written"] <= 64 << 20


def test_files_are_counted(boxes: Boxes) -> None:
    boxes.holds("disk")

    assert boxes.call("many_files", count=20_000).status == "disk_limit"


def test_a_flood_of_output_ends_the_call(boxes: Boxes) -> None:
    outcome = boxes.call("flood")

    assert outcome.status == "output_limit"
    assert len(outcome.stdout) == 1 << 20


def test_a_forged_result_is_a_crash(boxes: Boxes) -> None:
    assert boxes.call("forge").status == "crash"


def test_a_warm_box_is_as_clean_as_a_new_one(boxes: Boxes) -> None:
    boxes.holds("files")
    boxes.saw("leave", name="first")

    assert "first" not in boxes.saw("leave", name="second")


def test_nothing_is_left_of_a_backend(boxes: Boxes) -> None:
    """Last: boxes that wait are killed when the sandbox is closed, whatever made them."""
    sandbox = made(choice_name(boxes), Path(str(boxes.sandbox._workspace)))
    token = secrets.token_hex(8)

    async def call() -> bytes:
        async with sandbox:
            done = await sandbox.run(["/bin/sh", "-c", f"echo {token}"], timeout=20)
            return done.stdout

    assert boxes.portal.call(call) == f"{token}\n".encode()
    assert not running(token)


ENDED = """
import sys
import anyio
import msgspec
from toolrun.sandbox import Sandbox, choice, load_profile

async def main(name, token):
    profile = load_profile("pure")
    promised = next(choice.backends(name)).guarantees
    kept = tuple(each for each in profile.guarantees if each in promised)
    async with Sandbox(msgspec.structs.replace(profile, guarantees=kept), backend=name) as sandbox:
        await sandbox.run(["/bin/sh", "-c", f"(setsid sleep 47 &); sleep 47 # {token}"], timeout=60)

anyio.run(main, *sys.argv[1:])
"""


def test_nothing_survives_the_process_that_made_the_box(boxes: Boxes) -> None:
    quick(lambda: orphaned(boxes))


def orphaned(boxes: Boxes) -> float:
    """Kill a process whose box runs; seconds until nothing of it was left."""
    token = secrets.token_hex(8)
    script = [sys.executable, "-c", ENDED, choice_name(boxes), token]
    with subprocess.Popen(script, cwd=Path(__file__).parents[2]) as toolrun:
        within(20, lambda: running(f"# {token}"))
        toolrun.kill()
    began = time.monotonic()
    within(5, lambda: not running(f"# {token}"))
    return time.monotonic() - began


def quick(seconds: Callable[[], float]) -> None:
    """See that something takes no longer than it may where the machine lets it."""
    taken: list[float] = []
    while not taken or min(taken) >= SLACK:
        assert len(taken) < TRIES, taken
        taken.append(seconds())


def within(seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def choice_name(boxes: Boxes) -> str:
    """The name by which the backend under test was chosen."""
    name = boxes.sandbox._wanted
    assert name is not None
    return name
