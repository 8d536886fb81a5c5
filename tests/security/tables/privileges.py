"""Escapes and signals: what a process may do to the machine, and to other processes."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attacked, either, ended, of, refused, sees

_NO: Final = refused("EPERM", "EACCES", "ENOSYS")
_NO_SPACE: Final = refused("EPERM", "EACCES", "ENOSYS", "ENOSPC")
"""`--disable-userns` is a limit on the number of namespaces."""
_AWAY: Final = refused("ESRCH", "EPERM", "ENOSYS")
_ROOT: Final = "outside, as root"


_escape = of("escape", "escape", _NO)


def _unprivileged(attacked: Attacked) -> bool:
    saw = attacked.saw
    none = {saw[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    return (
        saw["Uid"].split() == ["1000"] * 4
        and saw["Groups"] in {"", "1000", "65534"}
        and none == {"0" * 16}
        and saw["NoNewPrivs"] == "1"
    )


ESCAPE: Final = (
    _escape(
        "mount a file system",
        "mount_tmpfs",
        arguments={"path": "/tmp"},
        outside={"path": "/mnt"},
        control=_ROOT,
    ),
    _escape(
        "make a read-only mount writable",
        "remount",
        arguments={"path": "/usr/lib"},
        outside={"path": "/tmp"},
    ),
    _escape(
        "mount a folder over another",
        "bind",
        arguments={"source": "/tmp", "target": "/usr/lib"},
        outside={"source": "/usr", "target": "/mnt"},
        control=_ROOT,
    ),
    _escape(
        "take a mount away",
        "unmount",
        arguments={"path": "/proc"},
        outside={"path": "/proc"},
    ),
    _escape("the newer calls that mount", "new_mount_api", control=_ROOT),
    _escape("copy a tree of mounts", "clone_tree", arguments={"path": "/usr"}, control=_ROOT),
    _escape(
        "a user namespace of its own",
        "unshare",
        _NO_SPACE,
        arguments={"flag": 0x10000000},
        control="outside",
    ),
    _escape(
        "a mount namespace of its own",
        "unshare",
        _NO_SPACE,
        arguments={"flag": 0x00020000},
        outside={"flag": 0x10020000},
        control="outside",
    ),
    _escape(
        "a network namespace of its own",
        "unshare",
        _NO_SPACE,
        arguments={"flag": 0x40000000},
        outside={"flag": 0x50000000},
        control="outside",
    ),
    _escape("a user namespace by clone", "clone_user", _NO_SPACE, control="outside"),
    _escape(
        "enter the first process's mount namespace",
        "join_namespace",
        arguments={"pid": 1, "kind": "mnt"},
    ),
    _escape(
        "enter a user namespace again",
        "join_namespace",
        refused("EPERM", "EINVAL", "EACCES"),
        arguments={"pid": 1, "kind": "user"},
    ),
    _escape(
        "enter the network namespace of a process of the host",
        "join_namespace",
        refused("ENOENT"),
        arguments={"pid": "{victim}", "kind": "net"},
        control=_ROOT,
    ),
    _escape("another root folder", "change_root", control=_ROOT),
    _escape(
        "leave a root by a folder above it",
        "chroot_and_climb",
        arguments={"canary": "{canary}"},
        control=_ROOT,
    ),
    _escape("pivot the root", "pivot"),
    _escape(
        "climb above the root by ..",
        "climb",
        refused("ENOENT"),
        arguments={"canary": "{canary}"},
        control="outside",
    ),
    _escape(
        "open a file of the host by its handle",
        "by_handle",
        refused("EPERM", "EACCES", "ENOSYS", "EOPNOTSUPP", "EOVERFLOW"),
        arguments={"path": "/usr/bin/env"},
        control=_ROOT,
    ),
    _escape("become root", "become", refused("EPERM", "EINVAL"), arguments={"uid": 0}),
    _escape(
        "become the service's user", "become", refused("EPERM", "EINVAL"), arguments={"uid": 65_533}
    ),
    _escape(
        "join another group",
        "become_group",
        refused("EPERM", "EINVAL"),
        arguments={"gid": 4},
        control=_ROOT,
    ),
    _escape("gain capabilities", "gain_capabilities", control=_ROOT),
    _escape(
        "what privileges it has",
        "status",
        _unprivileged,
        control="outside",
        works=lambda each: not _unprivileged(each),
    ),
    _escape("undo no_new_privs", "undo_no_new_privs", refused("EINVAL", "EPERM", "EACCES")),
    _escape(
        "a file system where set-uid programs count",
        "set_uid_mounts",
        sees([]),
        control="outside",
        works=lambda attacked: bool(attacked.saw),
    ),
    _escape(
        "make a block device",
        "device_node",
        arguments={"path": "/tmp/disk"},
        outside={"path": "{folder}/disk"},
        control=_ROOT,
    ),
    _escape(
        "open the machine's devices",
        "open_devices",
        refused("ENOENT", "EACCES"),
        arguments={
            "paths": ["/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm", "/dev/sda", "/dev/net/tun"]
        },
        outside={"paths": ["/dev/kmsg"]},
        control=_ROOT,
    ),
    _escape(
        "restart the machine",
        "reboot",
        control=_ROOT,
        works=refused("EINVAL"),  # no such command: it got past the check
    ),
    _escape("load a kernel module", "load_module"),
    _escape("turn swap off", "swap_off", control=_ROOT, works=refused("ENOENT")),
    _escape("name the machine", "host_name", control=_ROOT),
    _escape("read the kernel's log", "kernel_log", control=_ROOT),
    _escape(
        "trace a process of the host", "ptrace", _AWAY, arguments={"pid": "{victim}"}, control=_ROOT
    ),
    _escape("trace the first process", "ptrace", _NO, arguments={"pid": 1}),
    _escape(
        "read the memory of a process of the host",
        "read_memory",
        refused("ESRCH", "EPERM", "ENOSYS", "EFAULT"),
        arguments={"pid": "{victim}"},
        control=_ROOT,
    ),
    _escape(
        "take a descriptor of another process",
        "take_descriptor",
        refused("ESRCH", "EPERM", "ENOSYS", "EINVAL"),
        arguments={"pid": "{victim}"},
        control=_ROOT,
    ),
    _escape(
        "shared memory of the host",
        "shared_segment",
        refused("ENOENT", "ENOSYS", "EPERM"),
        arguments={"key": "{segment}"},
        control="outside",
    ),
)


_signal = of("signals", "signals", _AWAY)


_VICTIM: Final = {"arguments": {"pid": "{victim}"}, "control": "outside"}
SIGNALS: Final = (
    _signal("signal a process of the host", "kill", **_VICTIM),
    _signal("signal it by a descriptor", "kill_by_descriptor", **_VICTIM),
    _signal("signal a thread of the host", "kill_thread", **_VICTIM),
    _signal("signal it with a value", "queue", **_VICTIM),
    _signal("signal its group", "kill_group", arguments={"pid": "{victim}"}),
    _signal("have the kernel signal it", "own_signals_of_descriptor", **_VICTIM),
    _signal(
        "kill everything that there is",
        "kill_everything",
        either(ended("crash"), sees("done")),
        alone=True,
    ),
    _signal(
        "kill the first process",
        "kill_the_first_process",
        either(refused("EPERM"), sees("done")),  # the kernel does not deliver it
        alone=True,
    ),
    _signal("kill itself", "kill_itself", ended("crash", "SIGKILL", 10), alone=True),
    _signal(
        "stop itself",
        "stop_itself",
        ended("timeout", within=25),
        alone=True,
        timeout=0.6,
        sleeps=True,
    ),
    _signal(
        "stop everything",
        "stop_the_session",
        ended("timeout", within=25),
        alone=True,
        timeout=0.6,
        sleeps=True,
    ),
    _signal(
        "deaf to every signal",
        "deaf",
        ended("timeout", within=25),
        alone=True,
        timeout=0.6,
        sleeps=True,
    ),
    _signal("end by a fault of memory", "segfault", ended("crash", "SIGSEGV", 10), alone=True),
)
