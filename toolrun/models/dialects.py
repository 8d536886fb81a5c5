"""How does one kind of server depart from the common wire format? As data, by version.

The facts about vLLM were read from its releases 0.10.1 to 0.33.0: the reasoning of a reply stands
in `reasoning_content` (to 0.11.0), in both fields (#27752, 0.11.1 to 0.15), in `reasoning` alone
(#33402, from 0.16). Sent back, it was ignored (to 0.12, #27653), taken from either field (#28729,
0.13 to 0.15), from `reasoning` alone (0.16 to 0.21, #38488), and from either again (#42664, 0.22).
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

Field = Literal["reasoning", "reasoning_content"]


class Dialect(Struct, frozen=True):
    """What one kind of server sends, takes and rejects.

    Attributes:
        name: of the server, with its version where that matters.
        reasoning_out: the fields under which reasoning is sent back, all with the same text.
        takes_reasoning: whether the server puts it into the prompt; None where unknown.
        tool_name: whether a tool message may carry the function's `name`.
    """

    name: str
    reasoning_out: tuple[Field, ...] = ("reasoning",)
    takes_reasoning: bool | None = None
    tool_name: bool = True


BOTH: tuple[Field, ...] = ("reasoning", "reasoning_content")
GENERIC = Dialect("generic")


def vllm(version: str) -> Dialect:
    """The dialect of a vLLM, by its version text ("0.32.0", "0.11.2.dev3+gabc")."""
    number = _number(version)
    if number is None:
        return Dialect(f"vLLM {version}", BOTH, None)
    return Dialect(f"vLLM {version}", BOTH, number >= (0, 13))


def named(name: str) -> Dialect:
    """The dialect that a trace names."""
    return vllm(name.removeprefix("vLLM ")) if name.startswith("vLLM ") else GENERIC


def _number(version: str) -> tuple[int, int] | None:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None
