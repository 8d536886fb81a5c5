"""How does the kernel learn which system calls a box may make? By a program of BPF, made here.

Classic BPF, eight bytes an instruction: kill unless the machine is the expected one, then search
the call's number, then compare its arguments. It is built once for a process and given to
bubblewrap, which loads it just before the box's program starts: all in the box inherit it, and
nothing can take it off.
"""

from __future__ import annotations

import os
import struct
import sys
from functools import cache
from typing import Final

from toolrun.sandbox.bubblewrap.seccomp_numbers import GAP, LAST, NUMBERS
from toolrun.sandbox.bubblewrap.seccomp_policy import (
    ALLOW,
    KILL,
    POLICY,
    UNKNOWN,
    Check,
    Verdict,
)

# Which numbers of the tables are a machine's, and how the kernel names it (linux/audit.h).
MACHINES: Final = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}
X32: Final = 0x4000_0000
"""The bit that marks a call of x32, x86_64's third set of numbers, which nothing uses."""

_LOAD, _AND, _JUMP, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x06
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_FARTHEST: Final = 255  # of a conditional jump
_NONE: Final = 0xFFFF_FFFF  # number -1: what a tracer sets to skip a call

_Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def machine() -> str | None:
    """The machine that this process runs on, if there is a filter for it: "x86_64", ..."""
    name = os.uname().machine
    # A 32-bit interpreter on a 64-bit kernel makes another machine's calls.
    return name if name in MACHINES and sys.maxsize > 1 << 32 else None


def number(name: str, of: str) -> int | None:
    """The number of a call that the policy names, on a machine; None where it has no such call."""
    return NUMBERS[name][MACHINES[of][0]]


@cache
def program(of: str) -> bytes:
    """The filter for a machine, as an array of `struct sock_filter`."""
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, MACHINES[of][1]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_search(_ranges(of)),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _ranges(of: str) -> list[tuple[int, Verdict]]:
    """The verdicts of all numbers: where each range of equal ones begins."""
    first, last = GAP[of]
    verdicts: dict[int, Verdict] = dict.fromkeys(range(LAST + 1), ALLOW)
    verdicts |= dict.fromkeys(range(first, last + 1), UNKNOWN)
    for name, verdict in POLICY.items():
        if (found := number(name, of)) is not None:
            verdicts[found] = verdict
    verdicts[LAST + 1] = UNKNOWN
    if of == "x86_64":
        verdicts |= {X32: KILL, _NONE: UNKNOWN}
    ranges: list[tuple[int, Verdict]] = []
    for start, verdict in sorted(verdicts.items()):
        if not ranges or ranges[-1][1] != verdict:
            ranges.append((start, verdict))
    return ranges


def _search(ranges: list[tuple[int, Verdict]]) -> list[_Instruction]:
    """Find the range of the loaded number by halves."""
    if len(ranges) == 1:
        return _decide(ranges[0][1])
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    start = ranges[middle][0]
    if len(below) <= _FARTHEST:
        return [(_AT_LEAST, len(below), 0, start), *below, *above]
    return [(_AT_LEAST, 0, 1, start), (_JUMP, 0, 0, len(below)), *below, *above]


def _decide(verdict: Verdict) -> list[_Instruction]:
    if isinstance(verdict, int):
        return [(_RETURN, 0, 0, verdict)]
    found, other = _decide(verdict.found), _decide(verdict.other)
    return [*_compare(verdict, len(other)), *other, *found]


def _compare(check: Check, skip: int) -> list[_Instruction]:
    """Load an argument's lower half; jump over `skip` instructions where it is one of the values.

    Both machines are little-endian: the lower half comes first.
    """
    count = len(check.values)
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * check.argument),
        (_AND, 0, 0, check.mask),
        *(
            (_EQUAL, count - 1 - position + skip, 0, value)
            for position, value in enumerate(check.values)
        ),
    ]
