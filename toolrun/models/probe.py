"""What is this server? Asked once, before the first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from toolrun.errors import MalformedOutput, ServerStatus
from toolrun.models.dialects import GENERIC, Dialect, vllm

if TYPE_CHECKING:
    from toolrun.models.door import Door


class _Version(Struct):
    version: str


async def probe(door: Door) -> Dialect:
    """The dialect of the server behind a door: vLLM tells its version at `/version`.

    Raises:
        ServerUnreachable, ServerTimeout: nobody answers.
    """
    try:
        body = await door.get(f"{door.root}/version")
        return vllm(msgspec.json.decode(body, type=_Version).version)
    except (
        *(ServerStatus, MalformedOutput),
        *(msgspec.MsgspecError, UnicodeDecodeError, RecursionError),
    ):
        return GENERIC
