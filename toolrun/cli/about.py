"""What is there before the first prompt: which server, which tools, and what may they touch?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from toolrun.errors import ModelNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.config import Config


class ToolLine(Struct, frozen=True):
    """A tool as a person sees it."""

    name: str
    where: str
    description: str
    approve: bool

    def __str__(self) -> str:
        """Its name, where it runs, and whether it asks."""
        return f"{self.name} [{self.where}{', asks for approval' if self.approve else ''}]"


async def server_name(config: Config) -> str:
    """What the server is, such as "vLLM 0.32.0", once it is known to serve the model.

    Raises:
        ServerError: nobody answers, or not like this; the message says what to do.
        ModelNotFound: it has no model of that name.
    """
    from toolrun.models.door import Door
    from toolrun.models.probe import probe

    door = Door(config.base_url, api_key=config.api_key)
    try:
        dialect = await probe(door)
        models = await door.models()
    finally:
        await door.aclose()
    if config.model not in models:
        names = ", ".join(models) or "nothing"
        raise ModelNotFound(
            f"{config.base_url} has no model {config.model!r}; it serves {names}. "
            "Name one with --model",
            models,
        )
    return dialect.name


def tool_lines(tools: Sequence[Callable[..., Any]], config: Config) -> list[ToolLine]:
    """The tools and where each of them runs.

    Raises:
        ToolDefinitionError: one of them cannot be offered.
    """
    from toolrun.tools.definition import define

    lines = []
    for tool in map(define, tools):
        profile = tool.options.profile or config.profile
        where = "TRUSTED, in this process" if tool.options.trusted else f"sandbox {profile}"
        described = tool.description.partition("\n")[0]
        lines.append(ToolLine(tool.name, where, described, tool.options.approve))
    return lines


def may_touch(lines: Sequence[ToolLine], config: Config) -> str:
    """What the sandboxed tools of a session may touch, in one line.

    Raises:
        ConfigError: there is no such profile.
    """
    from toolrun.sandbox.profile import load_profile

    profile = load_profile(config.profile)
    if not any(line.where.startswith("sandbox") for line in lines):
        return f"{profile.name} (no tool runs in it)"
    seen = profile.workspace != "none" and config.workspace is not None
    workspace = f"; workspace {config.workspace}" if seen else ""
    return f"{profile.name}: {profile.description}{workspace}"
