"""What does a program of classic BPF say to a system call? An interpreter, as the kernel's is."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def unpack(program: bytes) -> list[tuple[int, int, int, int]]:
    """Its instructions: code, jump if true, jump if false, operand."""
    return list(struct.iter_unpack("=HBBI", program))


def verdict(
    program: list[tuple[int, int, int, int]], machine: int, number: int, arguments: Sequence[int]
) -> int:
    """Run it on one call; fails on whatever the kernel would refuse to load."""
    padded = [*arguments, *[0] * 6][:6]
    data = struct.pack("=IIQ6Q", number & 0xFFFF_FFFF, machine, 0, *padded)
    at = value = 0
    while True:
        code, true, false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                assert operand % 4 == 0
                (value,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                value &= operand
            case 0x05:
                at += operand
            case 0x15:
                at += true if value == operand else false
            case 0x25:
                at += true if value > operand else false
            case 0x35:
                at += true if value >= operand else false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"instruction {code:#x} at {at - 1}")
