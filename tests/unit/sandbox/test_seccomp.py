"""Is the filter's program what the policy says? Every number, three ways of asking."""

from __future__ import annotations

import errno
import os
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.rig import bpf, libseccomp
from toolrun.sandbox.bubblewrap import seccomp
from toolrun.sandbox.bubblewrap.seccomp_numbers import GAP, LAST, NUMBERS
from toolrun.sandbox.bubblewrap.seccomp_policy import ALLOW, KILL, POLICY, Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

MACHINES = ("x86_64", "aarch64")
I386, ARM = 0x40000003, 0x40000028
EPERM, ENOSYS = (0x50000 | number for number in (errno.EPERM, errno.ENOSYS))
NEW = {
    "mnt": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
TERMINAL = (0x5412, 0x541C, 0x541D, 0x5423)

# What arguments are tried, of each call whose verdict depends on them.
HIGH = 1 << 32
FLAGS = [*(1 << bit for bit in range(34)), 0, 0x1200011, 0x3D0F00, 0x7FFFFFFF, HIGH | 0x10000000]
ARGUMENTS: dict[str, list[tuple[int, ...]]] = {
    "clone": [(flags,) for flags in FLAGS],
    "unshare": [(flags,) for flags in FLAGS],
    "seccomp": [(1, flags) for flags in FLAGS],
    "ioctl": [(0, code | high) for code in (*TERMINAL, 0x5401, 0x541B) for high in (0, HIGH)],
    "personality": [(value,) for value in (0, 8, 0x20000, 0x40000, 0x400000, 0xFFFFFFFF, HIGH)],
    "socketpair": [(family, 1, 0) for family in range(46)],
    "socket": [
        *product(range(46), (1, 2, 3, 5, 0x80801), (0, 1, 6, 9, 12, 16, 17, 132, 262)),
        *((2 | HIGH, kind, 0) for kind in range(16)),
    ],
}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def program(machine: str) -> list[tuple[int, int, int, int]]:
    return bpf.unpack(seccomp.program(machine))


def expected(verdict: Verdict, arguments: Sequence[int]) -> int:
    while isinstance(verdict, Check):
        given = arguments[verdict.argument] & 0xFFFFFFFF & verdict.mask
        verdict = verdict.found if given in verdict.values else verdict.other
    return verdict


def test_every_number_gets_the_policy_s_verdict(
    machine: str, program: list[tuple[int, int, int, int]]
) -> None:
    token = seccomp.MACHINES[machine][1]
    named = {seccomp.number(name, machine): name for name in POLICY}
    first, last = GAP[machine]
    for number in range(1025):
        name = named.get(number, "")
        for arguments in ARGUMENTS.get(name, [(0,) * 6]):
            said = bpf.verdict(program, token, number, arguments)
            if name:
                wanted = expected(POLICY[name], arguments)
            else:
                wanted = ENOSYS if number > LAST or first <= number <= last else ALLOW
            assert said == wanted, (number, name, arguments)


def test_other_machines_are_killed(machine: str, program: list[tuple[int, int, int, int]]) -> None:
    others = {I386, ARM, *(token for _, token in seccomp.MACHINES.values())}
    for token in others - {seccomp.MACHINES[machine][1]}:
        for number in range(1025):
            assert bpf.verdict(program, token, number, ()) == KILL


def test_x32_is_killed() -> None:
    program = bpf.unpack(seccomp.program("x86_64"))
    token = seccomp.MACHINES["x86_64"][1]
    for number in (*range(1025), 0x3FFFFFFF):
        assert bpf.verdict(program, token, seccomp.X32 | number, ()) == KILL
    # A tracer's way to skip a call, which ptrace and rr use: no call of any machine.
    assert bpf.verdict(program, token, -1, ()) == ENOSYS


def test_what_the_kernel_takes(program: list[tuple[int, int, int, int]]) -> None:
    assert len(program) <= 4096
    for at, (code, true, false, operand) in enumerate(program):
        jumps = (operand,) if code == 0x05 else (true, false) if code in {0x15, 0x35} else ()
        assert all(at + 1 + jump < len(program) for jump in jumps)
    assert program[-1][0] == 0x06


def test_far_jumps() -> None:
    ranges: list[tuple[int, Verdict]] = [(number, 0x50000 | number) for number in range(2000)]
    program = [(0x20, 0, 0, 0), *seccomp._search(ranges)]
    assert any(code == 0x05 for code, *_ in program)

    for number in (*range(2000), 5000):
        assert bpf.verdict(program, 0, number, ()) == 0x50000 | min(number, 1999)


def test_the_machine_of_this_process() -> None:
    name = os.uname().machine
    assert seccomp.machine() == (name if name in MACHINES else None)


def test_the_program_is_made_once() -> None:
    assert seccomp.program("x86_64") is seccomp.program("x86_64")


# Against libseccomp: its numbers, and its programs.


@pytest.fixture(scope="module")
def library() -> Any:
    found = libseccomp.load()
    if found is None:
        pytest.skip("libseccomp.so.2 is not installed (Debian: libseccomp2)")
    if os.uname().machine not in MACHINES:
        pytest.skip(f"no filter for {os.uname().machine}")
    return found


def test_numbers_are_libseccomp_s(library: Any, machine: str) -> None:
    known = 0
    for name in NUMBERS:
        theirs = libseccomp.resolve(library, machine, name)
        if theirs == -1:  # newer than the library
            continue
        known += 1
        ours = seccomp.number(name, machine)
        assert (theirs if theirs >= 0 else None) == ours, name
    assert known > 80


def double_entry() -> list[libseccomp.Rule]:
    """The policy written a second time, as libseccomp wants it."""
    word = 0xFFFFFFFF
    permission = (
        "add_key request_key keyctl bpf perf_event_open userfaultfd lookup_dcookie io_uring_setup "
        "io_uring_enter io_uring_register mount umount2 pivot_root chroot move_mount open_tree "
        "open_tree_attr fsopen fsmount fsconfig fspick mount_setattr setns name_to_handle_at "
        "open_by_handle_at fanotify_init quotactl quotactl_fd swapon swapoff acct ptrace "
        "process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp move_pages "
        "migrate_pages lsm_set_self_attr kexec_load kexec_file_load init_module finit_module "
        "delete_module reboot sethostname setdomainname syslog vhangup iopl ioperm settimeofday "
        "clock_settime adjtimex clock_adjtime modify_ldt"
    )
    absent = (
        "clone3 nfsservctl uselib ustat sysfs _sysctl statmount listmount cachestat memfd_create "
        "memfd_secret shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd "
        "msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr"
    )
    rules: list[libseccomp.Rule] = [
        *((errno.EPERM, name, ()) for name in permission.split()),
        *((errno.ENOSYS, name, ()) for name in absent.split()),
        *((errno.EPERM, "clone", ((0, flag, flag),)) for flag in NEW.values()),
        *((errno.EPERM, "unshare", ((0, flag, flag),)) for flag in (*NEW.values(), 0x80)),
        (errno.EPERM, "seccomp", ((1, 8, 8),)),
        *((errno.EPERM, "ioctl", ((1, word, code),)) for code in TERMINAL),
        *((errno.EPERM, "personality", ((0, word, kind),)) for kind in (8, 0x20000, 0x400000)),
        *((errno.EAFNOSUPPORT, "socketpair", ((0, word, n),)) for n in range(46) if n != 1),
    ]
    rules += [
        (errno.EAFNOSUPPORT, "socket", ((0, word, family),))
        for family in set(range(46)) - {1, 2, 10, 16}
    ]
    rules += [
        (errno.EPROTONOSUPPORT, "socket", ((0, word, 16), (2, word, protocol)))
        for protocol in (1, 6, 9, 12, 16, 17, 132, 262)
    ]
    rules += [
        (errno.EPERM, "socket", ((0, word, family), (1, 15, kind)))
        for family, kind in product((2, 10), set(range(16)) - {1, 2})
    ]
    rules += [
        (errno.EPROTONOSUPPORT, "socket", ((0, word, family), (1, 15, kind), (2, word, protocol)))
        for family, kind, protocol in product((2, 10), (1, 2), (9, 12, 16, 132, 262))
    ]
    return rules


def test_verdicts_are_libseccomp_s(
    library: Any, machine: str, program: list[tuple[int, int, int, int]]
) -> None:
    native = os.uname().machine
    rules = [
        rule
        for rule in double_entry()
        if libseccomp.resolve(library, native, rule[1]) >= 0
        and libseccomp.resolve(library, machine, rule[1]) >= 0
    ]
    theirs = bpf.unpack(libseccomp.compile_rules(library, machine, rules))
    token = seccomp.MACHINES[machine][1]
    named = {seccomp.number(name, machine): name for name in POLICY}
    covered = {name for _, name, _ in rules}
    first, last = GAP[machine]
    compared = 0
    for number in range(LAST + 1):
        name = named.get(number, "")
        if first <= number <= last or (name and name not in covered):
            continue  # a number of no call, or one that this libseccomp does not know
        for arguments in ARGUMENTS.get(name, [(0,) * 6, (2**64 - 1,) * 6]):
            compared += 1
            ours = bpf.verdict(program, token, number, arguments)
            assert bpf.verdict(theirs, token, number, arguments) == ours, (number, name, arguments)
    assert compared > 2500
    assert len(covered) > 80
    for other in (I386, ARM):
        assert bpf.verdict(theirs, other, 0, ()) == bpf.verdict(program, other, 0, ()) == KILL
    if machine == "x86_64":
        for number in (0, 1, 41, 520):
            call = seccomp.X32 | number
            ours = bpf.verdict(program, token, call, ())
            assert bpf.verdict(theirs, token, call, ()) == ours == KILL
