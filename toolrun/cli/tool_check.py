"""Can every tool be offered, and can its sandbox import it? All problems at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.errors import ToolrunError
from toolrun.tools.where import chosen_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.load_tools import Offered
    from toolrun.config import Config
    from toolrun.sandbox import Sandbox
    from toolrun.tools.definition import Source, Tool
    from toolrun.tools.sandboxes import Sandboxes

_SECONDS: Final = 30.0


class Finding(Struct, frozen=True):
    """What is wrong with one tool, or with one file; no problems: it holds."""

    name: str
    where: str = ""
    problems: tuple[str, ...] = ()


async def findings(config: Config) -> list[Finding]:
    """Look at every tool of the settings, in order; what fails is a finding, never an error."""
    from toolrun.tools.sandboxes import Sandboxes

    found: list[Finding] = []
    names: set[str] = set()
    sandboxes = Sandboxes()
    try:
        for reference in config.tools:
            tools, problem = _loaded(reference, config)
            if problem is not None:
                said = problem.removeprefix(f"tools {reference!r}: ")
                found.append(Finding(reference, problems=(said,)))
            for each in tools:
                finding = await _look(each, config, sandboxes)
                if finding.name in names:
                    twice = "another tool has this name too; rename one"
                    problems = (*finding.problems, twice)
                    finding = Finding(finding.name, finding.where, problems)
                names.add(finding.name)
                found.append(finding)
    finally:
        await sandboxes.aclose()
    return found


def _loaded(reference: str, config: Config) -> tuple[Sequence[Offered], str | None]:
    from toolrun.cli.load_tools import load_tools

    try:
        return load_tools([reference], config), None
    except ToolrunError as error:
        return (), str(error)


async def _look(offered: Offered, config: Config, sandboxes: Sandboxes) -> Finding:
    from toolrun.cli.about import defined, tool_lines
    from toolrun.tools.validation import Validator

    try:
        tool = defined(offered)
    except ToolrunError as error:
        name = getattr(offered, "__name__", repr(offered))
        return Finding(name, problems=(str(error).removeprefix(f"tool {name}: "),))
    where = ""
    try:
        line = tool_lines([tool], config)[0]
        where = f"{line.where}{line.asks}"
        Validator(tool.name, tool.parameters)
        if not tool.options.trusted:
            await _try(tool, config, sandboxes)
    except ToolrunError as error:
        return Finding(tool.name, where, (str(error).removeprefix(f"tool {tool.name}: "),))
    return Finding(tool.name, where)


async def _try(tool: Tool, config: Config, sandboxes: Sandboxes) -> None:
    """Look for what a tool runs in a box of its own, as a call would.

    Raises:
        ToolrunError: the box does not hold, or does not have it.
    """
    workspace = config.workspace.resolve() if config.workspace is not None else None
    chosen = chosen_for(tool, config.profile)
    sandbox = await sandboxes.opened(chosen, workspace, f"of tool {tool.name}", config.backend)
    if tool.source is not None:
        await _import(tool.source, sandbox)
    elif tool.command is not None:
        (program,) = tool.command.argv({})[:1]
        looked = await sandbox.run(["sh", "-c", 'command -v "$0"', program], timeout=_SECONDS)
        if looked.exit != 0:
            raise ToolrunError(f"there is no program {program!r} in the sandbox")


async def _import(source: Source, sandbox: Sandbox) -> None:
    from toolrun.sandbox import Job

    # Its `__repr__` instead of itself: the module is imported and the function found, not run.
    job = Job(file=source.file, module=source.module, qualname=f"{source.qualname}.__repr__")
    outcome = await sandbox.call(job, timeout=_SECONDS)
    if outcome.status != "ok":
        last = (outcome.error or outcome.status).strip()
        raise ToolrunError(f"{Path(source.file).name} cannot be imported in the sandbox: {last}")
