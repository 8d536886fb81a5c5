"""Which system calls may a box make, and why not the others?

A deny-list with a closed end: what is listed is refused, and so is every number that is newer than
the tables. An allow-list would break tools for calls that are harmless; what makes the difference
is how much of the kernel can be reached, and these are the parts where its holes have been.
"""

from __future__ import annotations

import errno
from typing import Final

import msgspec

ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000
_ERRNO: Final = 0x0005_0000

_WORD: Final = 0xFFFF_FFFF
_NEW_NAMESPACES: Final = 0x7E02_0000
_NEW_TIME: Final = 0x80  # for `clone` that bit is part of the signal's number
_TERMINAL: Final = (0x5412, 0x541C, 0x541D, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _DATAGRAM = 1, 2
_PROTOCOLS: Final = (0, 1, 6, 17, 58)  # default, ICMP (ping), TCP, UDP, ICMPv6
_PERSONALITIES: Final = (0, 0x40000, _WORD)  # Linux's own, ADDR_NO_RANDOMIZE, and a question
_NEW_LISTENER: Final = 0x8


class Check(msgspec.Struct, frozen=True):
    """A verdict that depends on an argument.

    Only the lower 32 bits are looked at: they are all that the kernel looks at in these.

    Attributes:
        argument: its position.
        mask: the bits of it that count.
        values: what it is compared with.
        found: the verdict if it is one of them.
        other: the verdict if it is not.
    """

    argument: int
    mask: int
    values: tuple[int, ...]
    found: Verdict
    other: Verdict


Verdict = int | Check


def refuse(number: int) -> int:
    """The verdict that makes a call fail with this errno."""
    return _ERRNO | number


_PERMISSION: Final = refuse(errno.EPERM)
_ABSENT: Final = refuse(errno.ENOSYS)

UNKNOWN: Final = _ABSENT
"""For a number that is newer than the tables: programs take an older kernel for granted."""

# Each family: the calls, and what they get.
_FAMILIES: Final[tuple[tuple[str, Verdict], ...]] = (
    # Keyrings are not namespaced: keys of the host's user can be reached by their numbers.
    ("add_key request_key keyctl", _PERMISSION),
    # Programs for the kernel to run, and counters of it: where most of its recent holes were.
    ("bpf perf_event_open userfaultfd lookup_dcookie", _PERMISSION),
    # A second way to make system calls, which no filter sees.
    ("io_uring_setup io_uring_enter io_uring_register", _PERMISSION),
    # What mounts and enters: no capability is left for it, but the code before that check is large.
    ("mount umount2 pivot_root chroot", _PERMISSION),
    ("move_mount open_tree open_tree_attr fsopen fsmount fsconfig fspick", _PERMISSION),
    ("mount_setattr setns name_to_handle_at open_by_handle_at", _PERMISSION),
    ("fanotify_init quotactl quotactl_fd swapon swapoff acct", _PERMISSION),
    # glibc falls back to `clone`, whose flags can be read here; those of `clone3` are in memory.
    ("clone3", _ABSENT),
    ("clone", Check(0, _NEW_NAMESPACES, (0,), ALLOW, _PERMISSION)),
    ("unshare", Check(0, _NEW_NAMESPACES | _NEW_TIME, (0,), ALLOW, _PERMISSION)),
    # Other processes' memory and descriptors: a job has no business with its neighbours.
    ("ptrace process_vm_readv process_vm_writev process_madvise", _PERMISSION),
    ("pidfd_getfd kcmp move_pages migrate_pages", _PERMISSION),
    # One may filter oneself further, but not answer the calls of others.
    ("seccomp", Check(1, _NEW_LISTENER, (0,), ALLOW, _PERMISSION)),
    ("lsm_set_self_attr", _PERMISSION),
    # The machine itself.
    ("kexec_load kexec_file_load init_module finit_module delete_module", _PERMISSION),
    ("reboot sethostname setdomainname syslog vhangup iopl ioperm", _PERMISSION),
    ("settimeofday clock_settime adjtimex clock_adjtime", _PERMISSION),
    ("personality", Check(0, _WORD, _PERSONALITIES, ALLOW, _PERMISSION)),
    # Segments of 16 bits, for Wine and DOS programs alone.
    ("modify_ldt", _PERMISSION),
    # Obsolete: no program of today calls them.
    ("nfsservctl uselib ustat sysfs _sysctl", _ABSENT),
    # What the host has mounted, and which of its files others read.
    ("statmount listmount cachestat", _ABSENT),
    # Memory that belongs to no process, so that no watchdog can count it. `multiprocessing` and
    # POSIX shared memory use /dev/shm, which is sized.
    ("memfd_create memfd_secret", _ABSENT),
    ("shmget shmat shmctl shmdt semget semop semctl semtimedop", _ABSENT),
    ("msgget msgsnd msgrcv msgctl", _ABSENT),
    ("mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr", _ABSENT),
    # Typing into a terminal, taking over a console, and line disciplines, which load modules.
    ("ioctl", Check(1, _WORD, _TERMINAL, _PERMISSION, ALLOW)),
    ("socketpair", Check(0, _WORD, (_UNIX,), ALLOW, refuse(errno.EAFNOSUPPORT))),
)

# Every family and protocol is a module of the kernel that a socket loads and talks to.
_INTERNET: Final = Check(
    1,
    0xF,  # the rest of a type is flags
    (_STREAM, _DATAGRAM),
    Check(2, _WORD, _PROTOCOLS, ALLOW, refuse(errno.EPROTONOSUPPORT)),
    _PERMISSION,
)
# `if_nameindex` and `getaddrinfo` ask for addresses by it.
_ROUTING: Final = Check(2, _WORD, (0,), ALLOW, refuse(errno.EPROTONOSUPPORT))
_SOCKET: Final = Check(
    0,
    _WORD,
    (_UNIX,),
    ALLOW,
    Check(
        0,
        _WORD,
        (_INET, _INET6),
        _INTERNET,
        Check(0, _WORD, (_NETLINK,), _ROUTING, refuse(errno.EAFNOSUPPORT)),
    ),
)

POLICY: Final[dict[str, Verdict]] = {
    **{name: verdict for names, verdict in _FAMILIES for name in names.split()},
    "socket": _SOCKET,
}
"""The verdict for each call that has one of its own; the others are allowed."""
