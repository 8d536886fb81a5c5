"""Which tools has a session that is taken up again, where none were named?

Those of the built-in ones that it had: they are known by their names, and work on the workspace
that the session keeps. What a file of somebody's holds is not run before they name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import StoreError

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.config import Config
    from toolrun.state import State

_KNOWN: Final = ("files", "python", "shell")
"""What needs nothing but a workspace; which hosts a browser may open stands in the settings."""


async def with_its_tools(
    talk: Conversation,
    id: str,  # noqa: A002 - as sessions have
    options: dict[str, Any],
) -> dict[str, Any]:
    """The options that a session is taken up with, its built-in tools among them.

    Args:
        talk: where.
        id: of the session, or the beginning of it.
        options: the ones that it would get.

    Raises:
        ConfigError: there is no such session.
    """
    from toolrun.cli.chat.sessions.taking_up import settled, whole
    from toolrun.cli.load_tools import load_tools
    from toolrun.state import fold

    if talk.config.tools:
        return options
    try:
        state = fold(await talk.keeping.read(await whole(talk, id)))
    except StoreError:  # whoever takes it up asks what is to be done
        return options
    config = settled(talk.config, state)
    return {**options, "tools": load_tools(named(state, config), config)}


def named(state: State, config: Config) -> list[str]:
    """The built-in tools of which a session had every one."""
    from toolrun.cli.about import defined
    from toolrun.cli.load_tools import load_tools

    had = {tool["function"]["name"] for tool in state.tools}
    return [
        name
        for name in _KNOWN
        if (config.workspace is not None or name == "python")
        and had.issuperset(defined(each).name for each in load_tools([name], listing=True))
    ]
