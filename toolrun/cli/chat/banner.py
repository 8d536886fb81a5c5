"""What stands above the first message: who answers, which tools there are, what may they touch?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.cli.screen import NOTE, TRUSTED, WIDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.about import ToolLine
    from toolrun.cli.screen import Style
    from toolrun.config import Config


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
    wider = [each for each in tools if each.profile is not None and each.more]
    trusted = [each for each in tools if each.profile is None]
    lines = [(NOTE, f"{config.model} on {', '.join(config.base_urls)} ({server})")]
    if boxed or not tools:
        lines.append((NOTE, f"tools: {_named(boxed) or 'none; --tools python gives one'}"))
    lines.append((NOTE, f"sandbox {may_touch(tools, config)}"))
    lines += [
        (WIDER, f"WIDER: {each.name}{_asks(each)} in {each.profile}: {'; '.join(each.more)}")
        for each in wider
    ]
    if trusted:
        lines.append((TRUSTED, f"TRUSTED, in no sandbox: {_named(trusted)}"))
    lines.append((NOTE, "/help lists the commands; Ctrl-C stops a turn, Ctrl-D leaves"))
    return lines


def _named(tools: Sequence[ToolLine]) -> str:
    return ", ".join(f"{each.name}{_asks(each)}" for each in tools)


def _asks(tool: ToolLine) -> str:
    return " (asks first)" if tool.approve else ""
