"""What would libseccomp make of a policy? The library by ctypes, where it is installed."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MASKED_EQUAL: Final = 7
TOKENS: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NATIVE, _BAD_MACHINE = 0, 2
_ALLOW, _KILL = 0x7FFF0000, 0x80000000


class _Compare(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


Rule = tuple[int, str, tuple[tuple[int, int, int], ...]]
"""An errno, a call, and the arguments that it is refused with: (position, mask, value) each."""


def load() -> Any:
    """The library; None where there is none."""
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def resolve(library: Any, machine: str, name: str) -> int:
    """The number of a call; -1 for one that the library does not know, below that: not there."""
    found = library.seccomp_syscall_resolve_name_arch(
        ctypes.c_uint32(TOKENS[machine]), name.encode()
    )
    return int(found)


def compile_rules(library: Any, machine: str, rules: Iterable[Rule]) -> bytes:
    """A filter that allows all but the rules' calls, as libseccomp makes it."""
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    try:
        _check(library.seccomp_attr_set(context, _BAD_MACHINE, ctypes.c_uint32(_KILL)))
        if library.seccomp_arch_native() != ctypes.c_int32(TOKENS[machine]).value:
            _check(library.seccomp_arch_add(context, ctypes.c_uint32(TOKENS[machine])))
            _check(library.seccomp_arch_remove(context, _NATIVE))
        for number, name, arguments in rules:
            _add(library, context, 0x50000 | number, name, arguments)
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _add(
    library: Any, context: Any, action: int, name: str, arguments: tuple[tuple[int, int, int], ...]
) -> None:
    compares = (_Compare * len(arguments))(
        *(_Compare(position, MASKED_EQUAL, mask, value) for position, mask, value in arguments)
    )
    # By the number of this machine: the library translates it.
    call = library.seccomp_syscall_resolve_name(name.encode())
    add = library.seccomp_rule_add_array
    _check(add(context, ctypes.c_uint32(action), call, len(arguments), compares))


def _export(library: Any, context: Any) -> bytes:
    descriptor = os.memfd_create("libseccomp")
    try:
        _check(library.seccomp_export_bpf(context, descriptor))
        return os.pread(descriptor, 1 << 20, 0)
    finally:
        os.close(descriptor)


def _check(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
