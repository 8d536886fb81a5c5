"""Which system calls can a tool make? Each that is refused is really tried, inside and outside."""

from __future__ import annotations

import errno
import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Job, Outcome, Sandbox, cgroup, load_profile, watch
from toolrun.sandbox.bubblewrap import arguments, proc, seccomp
from toolrun.sandbox.bubblewrap.seccomp_policy import ALLOW, POLICY, Check, Verdict

pytestmark = [
    pytest.mark.security,
    pytest.mark.skipif(
        seccomp.machine() is None, reason=f"there is no filter for {os.uname().machine}"
    ),
]
PAYLOAD = Path(__file__).with_name("syscalls.py")
AS_ROOT = os.geteuid() == 0
X86 = os.uname().machine == "x86_64"
# movl $20, %eax; int $0x80; ret: getpid as a 32-bit program asks for it
I386_GETPID = "b814000000cd80c3"
# movl $0x40000027, %eax; syscall; ret: getpid of x32
X32_GETPID = "b8270000400f05c3"


def outcome_of(name: str, /, *, change: dict[str, Any] | None = None, **arguments: Any) -> Outcome:
    """How a function of the payload ends in a box."""
    marker = secrets.token_hex(8)
    job = Job(
        file=str(PAYLOAD),
        module="syscalls",
        qualname="run",
        arguments=json.dumps({"name": name, "marker": marker, "arguments": arguments}).encode(),
    )
    profile = msgspec.structs.replace(load_profile("pure"), **(change or {}))

    async def call() -> Outcome:
        async with Sandbox(profile) as sandbox:
            return await sandbox.call(job, timeout=30)

    outcome = anyio.run(call)
    assert outcome.stdout.startswith(marker + "\n"), outcome
    return outcome


def inside(name: str, /, **arguments: Any) -> Any:
    """What a function of the payload sees in a box."""
    outcome = outcome_of(name, **arguments)
    assert outcome.value is not None, outcome
    return msgspec.json.decode(outcome.value)


def outside(name: str, **arguments: Any) -> Any:
    done = subprocess.run(
        [sys.executable, str(PAYLOAD), name, json.dumps(arguments)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return json.loads(done.stdout.splitlines()[-1])


def numbers() -> dict[str, int]:
    machine = seccomp.machine()
    assert machine is not None
    found = {name: seccomp.number(name, machine) for name in POLICY}
    return {name: number for name, number in found.items() if number is not None}


def said(verdict: Verdict) -> str | None:
    """What a call with arguments of -1 says; None if it is the kernel that answers."""
    while isinstance(verdict, Check):
        given = verdict.mask & 0xFFFFFFFF
        verdict = verdict.found if given in verdict.values else verdict.other
    return None if verdict == ALLOW else errno.errorcode[verdict & 0xFFFF]


def test_every_call_of_the_policy_is_refused() -> None:
    wanted = {name: said(POLICY[name]) for name in numbers()}
    saw = inside("try_each", numbers=numbers())

    differ = {name: saw[name] for name in saw if wanted[name] not in {None, saw[name]}}
    assert not differ
    assert sum(each is not None for each in wanted.values()) > 80


def test_outside_the_same_calls_reach_the_kernel() -> None:
    harmless = {name: number for name, number in numbers().items() if name != "vhangup"}
    kernel = outside("try_each", numbers=harmless)
    reached = {name for name in kernel if kernel[name] != said(POLICY[name])}

    # What is left: checks of privileges that come first, calls that this kernel has not got.
    assert len(reached) > (70 if AS_ROOT else 40)


def test_calls_that_do_something() -> None:
    calls = numbers()
    free = outside("real_ones", numbers=calls)

    assert inside("real_ones", numbers=calls) == {
        **dict.fromkeys(("add_key", "keyctl", "io_uring_setup", "kcmp", "namespace"), "EPERM"),
        "memfd_create": "ENOSYS",
        "process by clone3": "ENOSYS",
        "process": "done",
    }
    assert free["add_key"] == free["memfd_create"] == free["kcmp"] == free["process"] == "done"
    assert free["process by clone3"] != "ENOSYS"


def test_sockets_are_those_of_programs() -> None:
    saw = inside("sockets")

    fine = {f"family {family}" for family in (1, 2, 10, 16)} | {"tcp", "udp over 6", "routes"}
    assert {name for name in saw if saw[name] == "done"} == fine
    refused = {saw[f"family {family}"] for family in range(46) if family not in {1, 2, 10, 16}}
    assert refused == {"EAFNOSUPPORT"}
    names = ("netfilter", "generic", "sctp", "mptcp")
    assert [saw[name] for name in names] == ["EPROTONOSUPPORT"] * 4
    assert saw["raw"] == saw["sctp packets"] == "EPERM"
    assert outside("sockets")["netfilter" if AS_ROOT else "generic"] == "done"


def test_no_terminal_can_be_typed_into() -> None:
    saw = inside("terminal")

    assert saw.pop("size") == "done"
    assert set(saw.values()) == {"EPERM"}
    if AS_ROOT:
        assert "EPERM" not in outside("terminal").values()


@pytest.mark.skipif(not X86, reason="other machines have no second set of numbers to try")
@pytest.mark.parametrize("code", [I386_GETPID, X32_GETPID], ids=["i386", "x32"])
def test_calls_of_other_machines_kill(code: str) -> None:
    status = inside("foreign", code=code)

    assert os.waitstatus_to_exitcode(status) == -signal.SIGSYS
    assert os.waitstatus_to_exitcode(outside("foreign", code=code)) in {0, -signal.SIGSEGV}


def test_ordinary_work_is_not_disturbed() -> None:
    work = inside("ordinary_work")

    assert work == {
        "ssl": True,
        "threads": [0, 1, 2, 3, 4],
        "subprocess": "bin\n",
        "sqlite": 42,
        "multiprocessing": [0, 1, 4, 9, "hello", 25],
        "asyncio": "here9",
        "network": ["x", ["lo"], 1],
    }


def test_without_a_filter_for_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "machine", lambda: None)
    assert "syscalls" not in arguments.guarantees()
    from toolrun.sandbox.bubblewrap.backend import Bubblewrap

    monkeypatch.setattr(Bubblewrap, "guarantees", arguments.guarantees())

    async def call() -> None:
        async with Sandbox(load_profile("pure")):
            pytest.fail("opened")

    with pytest.raises(SandboxUnavailable, match="needs syscalls, which bubblewrap does not give"):
        anyio.run(call)


def test_limits_of_the_kernel_s_memory() -> None:
    saw = inside("limits")

    # Hard ones; one that was lower already stays.
    assert saw["CORE"] <= 1
    assert saw["MSGQUEUE"] == saw["RTPRIO"] == 0
    assert saw["MEMLOCK"] <= 65_536
    assert saw["SIGPENDING"] <= 1_024


def test_what_proc_tells_of_the_host_is_hidden() -> None:
    saw = inside("read", paths=["/proc/cmdline", "/proc/keys", "/proc/sched_debug", "/proc/stat"])
    symbols = inside("addresses")

    assert saw.pop("/proc/stat").endswith("bytes")
    assert set(saw.values()) <= {"EACCES", "ENOENT"}
    assert set(symbols) <= {"0" * 16}
    assert outside("read", paths=["/proc/cmdline"])["/proc/cmdline"].endswith("bytes")


@pytest.mark.parametrize(
    ("restricted", "paranoid", "shown"), [(0, 1, True), (0, 2, False), (1, -1, False)]
)
def test_addresses_are_hidden_where_the_kernel_shows_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restricted: int, paranoid: int, *, shown: bool
) -> None:
    (tmp_path / "kptr_restrict").write_text(f"{restricted}\n")
    (tmp_path / "perf_event_paranoid").write_text(f"{paranoid}\n")
    monkeypatch.setattr(proc, "_SETTINGS", str(tmp_path))

    proc.hidden.cache_clear()
    try:
        assert ("/proc/kallsyms" in proc.hidden()) is shown
    finally:
        proc.hidden.cache_clear()


def test_files_in_memory_count_as_memory() -> None:
    held = {"folders": ["/tmp", "/dev/shm"], "mebibytes": 40}
    outcome = outcome_of("hold", change={"memory_bytes": 64 << 20}, **held)

    assert outcome.status == "memory_limit"
    assert outcome.error == "used more than 64 MiB of memory"
    assert outcome.seconds < 15


def test_the_kernel_s_own_memory_counts_where_a_group_can_be_had() -> None:
    if cgroup.place() is None:
        pytest.skip("no control group of memory can be made by this user on this machine")
    outcome = outcome_of("fill_sockets", change={"memory_bytes": 96 << 20}, mebibytes=100)

    assert outcome.status == "memory_limit", outcome
    assert outcome.error == "used more than 96 MiB of memory"
    assert outcome.seconds < 15
    place = cgroup.place()
    assert place is not None
    assert not list(Path(place.folder).glob(f"toolrun-{os.getpid()}-*"))


def test_a_call_whose_child_ran_out_of_memory_has_failed_and_the_next_has_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if cgroup.place() is not None:
        monkeypatch.setattr(watch, "INTERVAL", 10.0)  # the kernel alone bounds it
    profile = msgspec.structs.replace(load_profile("pure"), memory_bytes=96 << 20)

    def job(name: str, **arguments: Any) -> Job:
        inputs = {"name": name, "marker": "ran", "arguments": arguments}
        content = json.dumps(inputs).encode()
        return Job(file=str(PAYLOAD), module="syscalls", qualname="run", arguments=content)

    async def call() -> tuple[Outcome, Outcome]:
        async with Sandbox(profile) as sandbox:
            greedy = job("let_a_child_take", mebibytes=400)
            first = await sandbox.call(greedy, timeout=30, tenant="one")
            modest = job("let_a_child_take", mebibytes=4)
            return first, await sandbox.call(modest, timeout=30, tenant="one")

    first, second = anyio.run(call)
    assert first.stdout == second.stdout == "ran\n"
    assert (first.status, first.error) == ("memory_limit", "used more than 96 MiB of memory")
    assert second.status == "ok", second
