"""What stands above the first message: who answers, which tools there are, what may they touch?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.screen import NOTE, TRUSTED, WIDER
from toolrun.embedded import is_embedded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.about import ToolLine
    from toolrun.cli.screen import Style
    from toolrun.config import Config

_QUIET: Final = {
    "workspace read-only": "workspace read-only",
    "workspace scratch": "a folder of its own, empty at first; not the workspace",
}
"""What a tool may touch beside the session's profile, and nothing outside of its box changes."""


def welcome(config: Config, server: str, tools: Sequence[ToolLine]) -> list[tuple[Style, str]]:
    """The lines, each with how it is shown; secrets are still in them.

    Args:
        config: the settings of the session.
        server: what it is, such as "vLLM 0.32.0".
        tools: what the model may call.

    Raises:
        ConfigError: there is no such profile.
    """
    from toolrun.cli.about import may_touch

    boxed = [each for each in tools if each.profile is not None and not each.more]
    trusted = [each for each in tools if each.profile is None]
    lines = [(NOTE, answering(config, server))]
    if boxed or not tools:
        lines.append((NOTE, f"tools: {_named(boxed) or 'none; --tools python gives one'}"))
    lines.append((NOTE, f"sandbox {may_touch(tools, config)}"))
    lines += _wider([each for each in tools if each.profile is not None and each.more])
    if config.workspace is not None and any(_in_workspace(each) for each in tools):
        lines.append((NOTE, f"workspace: {config.workspace}"))
    if trusted:
        lines.append((TRUSTED, f"TRUSTED, in no sandbox: {_named(trusted)}"))
    lines.append((NOTE, "/help lists the commands; Ctrl-C stops a turn, Ctrl-D leaves"))
    return lines


def answering(config: Config, server: str) -> str:
    """Who answers, and where.

    Args:
        config: the settings of the session.
        server: what it is, such as "vLLM 0.32.0".
    """
    if is_embedded(config.base_url):
        return f"{server}: it runs in this process, calls tools, and knows nothing"
    return f"{config.model} on {', '.join(config.base_urls)} ({server})"


def _wider(tools: Sequence[ToolLine]) -> list[tuple[Style, str]]:
    """A line for those that share a profile; a warning where they can do more than read."""
    groups: dict[tuple[str | None, tuple[str, ...]], list[ToolLine]] = {}
    for each in tools:
        groups.setdefault((each.profile, each.more), []).append(each)
    lines: list[tuple[Style, str]] = []
    for (profile, more), those in groups.items():
        head = f"{_named(those)} in {profile}"
        if all(each in _QUIET for each in more):
            lines.append((NOTE, f"{head}: {'; '.join(_QUIET[each] for each in more)}"))
        else:
            lines.append((WIDER, f"WIDER: {head}: {'; '.join(more)}"))
    return lines


def _in_workspace(tool: ToolLine) -> bool:
    return any(each in tool.more for each in ("workspace read-only", "workspace writable"))


def _named(tools: Sequence[ToolLine]) -> str:
    names = [each.name for each in tools]
    if len(tools) > 1 and all(each.approve for each in tools):
        return f"{', '.join(names)} (ask first)"
    return ", ".join(f"{each.name}{_asks(each)}" for each in tools)


def _asks(tool: ToolLine) -> str:
    return " (asks first)" if tool.approve else ""
