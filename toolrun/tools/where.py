"""Under which profile does a sandboxed tool run in a session, and can it change anything there?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.sandbox.resolve import load_profile, over

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.sandbox.profile import Chosen
    from toolrun.tools.definition import Tool
    from toolrun.tools.work import Need


def chosen_for(tool: Tool, session: Chosen) -> Chosen:
    """The profile of a tool, as it is told: of a built-in one that of its last box.

    Args:
        tool: that is not trusted.
        session: the session's profile.

    Raises:
        ConfigError: there is no such profile.
    """
    if tool.work is not None and tool.work.needs and tool.work.needs[-1].yields:
        return needed(tool.work.needs[-1], session)
    return over(session, tool.options.profile)


def needed(need: Need, session: Chosen) -> Chosen:
    """The profile of a box that a built-in tool needs.

    Raises:
        ConfigError: there is no such profile.
    """
    if need.yields and shows_workspace(session):
        return session
    return over(session, need.profile)


def shows_workspace(chosen: Chosen) -> bool:
    """Whether the boxes of a profile see the workspace.

    Raises:
        ConfigError: there is no such profile.
    """
    return load_profile(chosen).workspace in ("read-only", "writable")


def hides_workspace(tools: Iterable[Tool], session: Chosen) -> bool:
    """Whether tools run in boxes, and not one of these sees the workspace.

    Raises:
        ConfigError: a profile that does not exist.
    """
    boxed = [tool for tool in tools if not tool.options.trusted]
    return bool(boxed) and not any(shows_workspace(chosen_for(each, session)) for each in boxed)


def changes_nothing(tool: Tool, session: Chosen) -> bool:
    """Whether no box of a tool has a network, or a workspace that keeps what it writes.

    Raises:
        ConfigError: a profile that does not exist.
    """
    if tool.work is not None and not tool.work.needs:  # its work is done in this process
        return False
    if tool.work is None:
        chosen = [over(session, tool.options.profile)]
    else:
        chosen = [needed(each, session) for each in tool.work.needs]
    profiles = [load_profile(each) for each in chosen]
    return all(
        profile.network == "none" and profile.workspace in ("none", "read-only", "scratch")
        for profile in profiles
    )
