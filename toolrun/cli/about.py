"""What is there before the first prompt: which server, which tools, and what may they touch?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import ModelNotFound, ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.load_tools import Offered
    from toolrun.config import Config
    from toolrun.tools.definition import Tool


class ToolLine(Struct, frozen=True, omit_defaults=True):
    """A tool as a person sees it.

    `profile` is that of its sandbox; None where it is trusted. `edits`: what a call changes can be
    shown, see `toolrun.tools.builtin.changing.change_of`. `more`: what its sandbox may touch, and
    the session's may not.
    """

    name: str
    profile: str | None
    description: str
    approve: bool
    edits: bool = False
    more: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Where it runs."""
        return "TRUSTED, in this process" if self.profile is None else f"sandbox {self.profile}"

    @property
    def asks(self) -> str:
        """Whether it asks for approval, in words."""
        return ", asks for approval" if self.approve else ""

    def __str__(self) -> str:
        """Its name, where it runs, and whether it asks."""
        return f"{self.name} [{self.where}{self.asks}]"


async def server_name(config: Config) -> str:
    """What the server is, such as "vLLM 0.32.0", once it is known to serve the model.

    Of several servers it is enough that one does.

    Raises:
        ServerError: nobody answers, or not like this; the message says what to do.
        ModelNotFound: it has no model of that name.
    """
    from toolrun.cli.reaching import unreached
    from toolrun.embedded import WHAT, is_embedded

    if is_embedded(config.base_url):
        _check_embedded(config.model)
        return WHAT
    names, failed = list[str](), list[tuple[str, ServerError]]()
    for url in config.base_urls:
        try:
            names.append(await _name(url, config))
        except ServerError as error:
            failed.append((url, error))
    if not names:
        raise unreached(failed, config)
    return ", ".join(names + [f"{error.code}!" for _, error in failed])


def _check_embedded(model: str) -> None:
    """Refuse a name that is not the embedded model's.

    Raises:
        ModelNotFound: it is none.
        MissingExtra: what it needs is not installed.
    """
    from toolrun.models.nano.sampler import check_name, check_there

    check_there()
    check_name(model)


async def _name(url: str, config: Config) -> str:
    from toolrun.models.door import Door
    from toolrun.models.probe import probe

    door = Door(url, api_key=config.api_key)
    try:
        dialect = await probe(door)
        models = await door.models()
    finally:
        await door.aclose()
    if config.model not in models:
        names = ", ".join(models) or "nothing"
        raise ModelNotFound(
            f"{url} has no model {config.model!r}; it serves {names}. Name one with --model",
            models,
        )
    return dialect.name


def tool_lines(tools: Sequence[Offered], config: Config) -> list[ToolLine]:
    """The tools and where each of them runs.

    Raises:
        ToolDefinitionError: one of them cannot be offered.
    """
    from toolrun.cli.places import more_than
    from toolrun.sandbox.resolve import label
    from toolrun.tools.builtin.changing import shows_changes
    from toolrun.tools.where import changes_nothing, chosen_for

    lines = []
    for tool in map(defined, tools):
        options = tool.options
        chosen = None if options.trusted else chosen_for(tool, config.profile)
        profile = None if chosen is None else label(chosen)
        more = () if chosen is None else more_than(chosen, config.profile)
        described = tool.description.partition("\n")[0]
        asks = bool(options.approve) and not (
            tool.asks_to_change and changes_nothing(tool, config.profile)
        )
        edits = shows_changes(tool)
        lines.append(ToolLine(tool.name, profile, described, asks, edits, more))
    return lines


def defined(tool: Offered) -> Tool:
    """What the model gets to see of a tool.

    Raises:
        ToolDefinitionError: it cannot be offered.
    """
    from toolrun.tools.definition import Tool, define

    return tool if isinstance(tool, Tool) else define(tool)


def may_touch(lines: Sequence[ToolLine], config: Config) -> str:
    """What the sandboxed tools of a session may touch, in one line.

    Raises:
        ConfigError: there is no such profile.
    """
    from toolrun.sandbox import load_profile

    profile = load_profile(config.profile)
    if all(line.profile is None or line.more for line in lines):
        return f"{profile.name} (no tool runs in it)"
    seen = profile.workspace != "none" and config.workspace is not None
    workspace = f"; workspace {config.workspace}" if seen else ""
    return f"{profile.name}: {profile.description}{workspace}"
