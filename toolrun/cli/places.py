"""Where would a call run: in a box of this session, in one that may touch more, or in no box?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.screen import SANDBOXED, TRUSTED, WIDER

if TYPE_CHECKING:
    from toolrun.cli.about import ToolLine
    from toolrun.cli.screen import Style
    from toolrun.sandbox.profile import Chosen

_RIGHTS: Final = ("workspace", "network", "guarantees")
_OF_NETWORK: Final = ("hosts", "private_hosts", "methods")
"""They give nothing where there is no network."""


def more_than(chosen: Chosen, session: Chosen) -> tuple[str, ...]:
    """What a profile lets a tool touch that the session's does not: "network allow-list".

    How much it may take (time, memory, processes) is not asked: only what it may touch.

    Raises:
        ConfigError: there is no such profile.
    """
    from toolrun.sandbox.narrow import is_within
    from toolrun.sandbox.resolve import load_profile

    profile, bound = load_profile(chosen), load_profile(session)
    keys = _RIGHTS if profile.network == "none" else _RIGHTS + _OF_NETWORK
    return tuple(
        _said(key, getattr(profile, key))
        for key in keys
        if not is_within(key, getattr(profile, key), getattr(bound, key))
    )


def place_of(tool: ToolLine | None, session: str) -> tuple[Style, str]:
    """How it is shown where a call of a tool would run, and in which words.

    Args:
        tool: None where nothing is known of it.
        session: what the session's profile is called.
    """
    if tool is None:
        return TRUSTED, "nobody knows where: the tool is not one of those that were loaded"
    if tool.profile is None:
        return TRUSTED, "TRUSTED: in no sandbox, with all that you may do"
    if tool.more:
        given = "; ".join(tool.more)
        return WIDER, f"in sandbox {tool.profile}, WIDER than this session's {session}: {given}"
    return SANDBOXED, f"sandboxed: {tool.profile}"


def _said(key: str, value: object) -> str:
    if key == "guarantees":
        return "fewer guarantees"
    words = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{key.replace('_', ' ')} {words}"
