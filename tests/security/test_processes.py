"""Can a tool reach other processes, the network, or more privileges?"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.security.conftest import Attack, Control, Survivors

pytestmark = pytest.mark.security
AS_ROOT = os.geteuid() == 0


def test_the_host_loopback_cannot_be_reached(attack: Attack, control: Control) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert control("connect", port=port) == "done"
        assert attack("connect", port=port).saw == "ECONNREFUSED"


def test_an_abstract_socket_of_the_host_cannot_be_reached(attack: Attack, control: Control) -> None:
    name = f"toolrun-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()

        assert control("connect_abstract", name=name) == "done"
        assert attack("connect_abstract", name=name).saw == "ECONNREFUSED"


def test_there_is_no_interface_but_the_loopback(attack: Attack) -> None:
    assert attack("interfaces").saw == ["lo"]


def test_the_environment_holds_no_secret(
    attack: Attack, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "topsecret")

    assert "topsecret" in control("environments")
    saw = attack("environments").saw
    assert "topsecret" not in saw
    assert "OPENAI_API_KEY" not in saw


def test_no_descriptor_leaks(attack: Attack, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("topsecret")
    leaked = os.open(canary, os.O_RDONLY)
    try:
        os.set_inheritable(leaked, True)  # noqa: FBT003 - positional only
        saw = attack("descriptors").saw
    finally:
        os.close(leaked)

    assert str(canary) not in saw.values()
    assert len(saw) == 4, saw  # 0, 1, 2 and the result's
    assert all(target.startswith(("pipe:", "/memfd:toolrun")) for target in saw.values()), saw


def test_no_process_of_the_host_is_seen(attack: Attack) -> None:
    assert len(attack("processes").saw) <= 3


def test_a_process_of_the_host_cannot_be_killed(
    attack: Attack, control: Control, victim: subprocess.Popen[bytes]
) -> None:
    assert attack("kill", pid=victim.pid).saw == "ESRCH"
    assert victim.poll() is None
    assert control("kill", pid=victim.pid) == "done"
    assert victim.wait(5) == -9


def test_killing_the_first_process_ends_only_the_box(attack: Attack) -> None:
    # The kernel does not deliver it from inside the namespace.
    assert attack("kill_the_first_process").saw in {"done", "EPERM"}


def test_nothing_can_be_traced(
    attack: Attack, control: Control, victim: subprocess.Popen[bytes]
) -> None:
    assert attack("ptrace", pid=victim.pid).saw in {"EPERM", "ESRCH"}
    if AS_ROOT:
        assert control("ptrace", pid=victim.pid) == "done"


def test_nothing_can_be_mounted(attack: Attack, control: Control) -> None:
    assert attack("mount").saw == "EPERM"
    if AS_ROOT:
        assert control("mount", prefix=("unshare", "-m")) == "done"


@pytest.mark.parametrize(
    "flag", [0x10000000, 0x00020000, 0x40000000], ids=["user", "mount", "network"]
)
def test_no_namespace_can_be_made(attack: Attack, control: Control, flag: int) -> None:
    assert control("unshare", flag=flag | 0x10000000) == "done"
    assert attack("unshare", flag=flag).saw in {"EPERM", "ENOSPC"}


def test_there_are_no_privileges(attack: Attack) -> None:
    saw = attack("status").saw

    assert saw["Uid"].split() == ["1000"] * 4
    assert saw["Groups"] in {"", "1000", "65534"}
    assert {saw[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert saw["NoNewPrivs"] == "1"


def _below(process: int) -> Iterator[int]:
    """The children of a process, and theirs."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _below(child)


def test_root_does_not_run_boxes_as_root(attack: Attack) -> None:
    uids: set[int] = set()

    def look() -> None:
        deadline = time.monotonic() + 5
        while len(uids) < 1 and time.monotonic() < deadline:
            for process in _below(os.getpid()):
                folder = Path(f"/proc/{process}")
                with contextlib.suppress(OSError):
                    program, *words = (folder / "cmdline").read_bytes().split(b"\0")
                    # Not those that get there: they begin as root, to become nobody.
                    inside = any(b"toolrun.sandbox.inside.shim" in word for word in words)
                    if inside and Path(program.decode()).name.startswith("python"):
                        uids.add(folder.stat().st_uid)

    watcher = threading.Thread(target=look)
    watcher.start()
    attack("stop_itself", timeout=1)
    watcher.join()
    assert uids == {65_533 if AS_ROOT else os.geteuid()}


def test_limits_cannot_be_raised(attack: Attack) -> None:
    assert set(attack("raise_limits").saw.values()) == {"EPERM"}


def test_the_terminal_cannot_be_typed_into(attack: Attack) -> None:
    saw = attack("type_into_terminal").saw

    assert saw["tty"] == "ENXIO"
    assert saw["stdin"] in {"EPERM", "ENOTTY", "EIO"}


@pytest.mark.parametrize("timeout", [20, 1.5], ids=["after return", "after time-out"])
def test_a_daemon_does_not_survive(attack: Attack, survivors: Survivors, timeout: float) -> None:
    token = secrets.token_hex(8)
    attacked = attack("daemon", token=token, then_sleep=0 if timeout > 2 else 60, timeout=timeout)

    if timeout > 2:
        assert attacked.saw == "alive"
    else:
        assert attacked.outcome.status == "timeout"
        assert attacked.seconds < timeout + 0.5
    assert survivors(token) == []


def test_a_daemon_does_survive_outside(control: Control, survivors: Survivors) -> None:
    token = secrets.token_hex(8)

    assert control("daemon", token=token, then_sleep=0) == "alive"
    left = survivors(token)
    assert left
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and token in (folder / "cmdline").read_text(errors="replace"):
            os.killpg(os.getpgid(int(folder.name)), signal.SIGKILL)
            break


def test_a_stopped_process_is_killed_at_its_time(attack: Attack) -> None:
    attacked = attack("stop_itself", timeout=1)

    assert attacked.outcome.status == "timeout"
    assert attacked.seconds < 1.5
