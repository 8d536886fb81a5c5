"""`toolrun tools`: which tools are there, do they hold, and what does one of them do?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from toolrun.cli.options import Common, ToolOptions, settings
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.load_tools import Offered
    from toolrun.cli.tool_check import Finding
    from toolrun.config import Config

app: Final = App(
    name="tools",
    help="List, check, call and show the tools of a session.",
    default_parameter=Parameter(show_default=False, negative=()),
)
_Json = Annotated[bool, Parameter(name="--json", help="As JSON, for programs.")]
_Common = Annotated[Any, Parameter(parse=False)]
_NONE: Final = (
    'there are no tools: give some with --tools FILE, or tools = ["FILE"] in toolrun.toml'
)


@app.command(name="list")
def show(
    *, options: ToolOptions | None = None, as_json: _Json = False, common: _Common = None
) -> int:
    """List the tools: where each of them runs, what it does, whether it asks for approval.

    Args:
        options: Of the tools.
        as_json: An array of objects.
        common: What every command has.
    """
    from toolrun.cli import screen as s
    from toolrun.cli.about import tool_lines

    config, tools = _tools(options, common, listing=True)
    lines = tool_lines(tools, config)
    if as_json:
        _print_json(lines)
        return 0
    screen = s.Screen.of(sys.stdout)
    for line in lines:
        screen.line(s.NAME, str(line))
        if line.description:
            screen.line(s.INDENTED, line.description)
    return 0


@app.command
def check(
    *, options: ToolOptions | None = None, as_json: _Json = False, common: _Common = None
) -> int:
    """Check every tool: its definition, its schema, and that its sandbox can import it.

    Ends with 1 where there is a problem; all of them are named.

    Args:
        options: Of the tools.
        as_json: An array of objects.
        common: What every command has.
    """
    import anyio

    from toolrun.cli import screen as s
    from toolrun.cli.tool_check import findings

    config = _config(options, common)
    found: list[Finding] = anyio.run(findings, config)
    if as_json:
        _print_json(found)
    else:
        screen = s.Screen.of(sys.stdout)
        for each in found:
            for problem in each.problems:
                screen.line(s.BAD, f"{each.name}: {problem}")
            if not each.problems:
                screen.line(s.GOOD, f"{each.name} [{each.where}]")
    return 1 if any(each.problems for each in found) else 0


@app.command
def call(
    name: str,
    /,
    *arguments: str,
    options: ToolOptions | None = None,
    as_json: Annotated[
        bool, Parameter(name="--json", help="The events of the call, one JSON a line.")
    ] = False,
    common: _Common = None,
) -> int:
    """Call a tool as a session would: its result on stdout, what it prints on stderr.

    Ends with 1 where the call fails. A tool that asks for approval runs: whoever types this has
    decided.

    Args:
        name: Of the tool.
        arguments: A JSON object, KEY=VALUE pairs, or - for a JSON object on stdin.
        options: Of the tools.
        as_json: Events instead of the result.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.about import defined
    from toolrun.cli.tool_call import called, given

    config, tools = _tools(options, common)
    tool = _named(tools, name)
    made = defined(tool)
    return anyio.run(called, config, tool, made.name, given(arguments, made.parameters), as_json)


@app.command
def schema(
    name: str | None = None,
    /,
    *,
    options: ToolOptions | None = None,
    as_json: Annotated[bool, Parameter(name="--json", help="In one line.")] = False,
    common: _Common = None,
) -> int:
    """Show the JSON that is sent to the model for the tools.

    Args:
        name: Of one tool; all by default.
        options: Of the tools.
        as_json: Compact.
        common: What every command has.
    """
    from toolrun.cli.about import defined

    _, tools = _tools(options, common, listing=True)
    chosen = tools if name is None else [_named(tools, name)]
    text = msgspec.json.encode([defined(each).to_openai() for each in chosen])
    print((text if as_json else msgspec.json.format(text)).decode())
    return 0


def _config(options: ToolOptions | None, common: Common | None) -> Config:
    config, _ = settings(options or ToolOptions(), common or Common())
    if not config.tools:
        raise ConfigError(_NONE)
    return config


def _tools(
    options: ToolOptions | None, common: Common | None, *, listing: bool = False
) -> tuple[Config, list[Offered]]:
    from toolrun.cli.load_tools import load_tools

    config = _config(options, common)
    return config, load_tools(config.tools, config, listing=listing)


def _named(tools: Sequence[Offered], name: str) -> Offered:
    """The tool that the model calls by this name."""
    import difflib

    from toolrun.cli.about import defined

    by_name = {defined(each).name: each for each in tools}
    if (found := by_name.get(name)) is not None:
        return found
    near = difflib.get_close_matches(name, by_name, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(by_name)}"
    raise ConfigError(f"there is no tool {name!r}; {hint}")


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value)).decode())
