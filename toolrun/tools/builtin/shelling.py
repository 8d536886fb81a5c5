"""How does the model run commands? `shell()`: bash in a box, in the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.sandbox.resolve import load_profile
from toolrun.tools.builtin.code import not_called
from toolrun.tools.builtin.filing import writing_need
from toolrun.tools.context import KEY_VARIABLE
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, check_options
from toolrun.tools.listener import heard_by
from toolrun.tools.results import cut, failure
from toolrun.values import Outcome, ToolResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.sandbox import Completed
    from toolrun.sandbox.profile import Chosen
    from toolrun.tools.work import Need, Serving
    from toolrun.values import Json

NAME: Final = "shell"
_OWN: Final = "shell"
ENV: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Nobody wants to read of a `__pycache__` that a test left, or take it back."""
_RUN: Final = 'exec 2>&1; eval "$1"'


def shell(
    *,
    profile: Chosen | None = None,
    approve: bool | Callable[[dict[str, Json]], bool] | None = None,
    timeout: float = 120.0,
    max_output: int = 16 * 1024,
) -> Tool:
    """A tool that runs a command line: `bash -lc`, in a sandbox, in the workspace.

    Where the session's profile shows the workspace, it holds: under `workspace-ro` a command
    changes nothing. Else it is the profile `shell`: the workspace may be written to (without .git
    and .env*), there is no network. What a command changes is kept once it has ended by itself, and
    `session.undo()` takes it back.

    Args:
        profile: `shell` by default, which a table narrows. Given, it holds whatever the session's
            is.
        approve: see `toolrun.tool`. By default it asks wherever it can change something, or reach a
            network.
        timeout: seconds that a command may take; the profile's own limit holds as well.
        max_output: bytes of a result that the model reads, of head and tail half each.

    Raises:
        ToolDefinitionError, ConfigError: an option is none that can be.
    """
    need = writing_need(_OWN, profile)
    options = Options(
        name=NAME,
        timeout=timeout,
        profile=need.profile,
        approve=True if approve is None else approve,
        max_output=max_output,
    )
    check_options(NAME, options)
    return Tool(
        name=NAME,
        description=_described(need, timeout, max_output),
        parameters={
            "type": "object",
            "properties": {
                "command": {"type": "string", "minLength": 1, "description": "A bash command line."}
            },
            "required": ["command"],
            "additionalProperties": False,
        },
        options=options,
        function=not_called,
        build=dict,
        source=None,
        work=_Shell(need),
        asks_to_change=approve is None,
    )


def argv_of(command: str) -> tuple[str, ...]:
    """The words that run a command line, errors in their place among what it prints."""
    return ("bash", "-lc", _RUN, "bash", command)


def printed(done: Completed, limit: int) -> tuple[str, Outcome]:
    """What a command printed and how it ended, as the model reads it.

    Args:
        done: the command.
        limit: bytes of what it printed.
    """
    said = done.stdout.decode(errors="replace").rstrip("\n")
    said = "\n".join(part for part in (said, done.stderr.decode(errors="replace").strip()) if part)
    if done.status != "ok":
        kind: Outcome = "timeout" if done.status == "timeout" else "crash"
        why = failure(NAME, kind, done.error or done.status)
        return (f"{cut(said, limit)}\n{why}" if said else why), kind
    if done.exit:
        return cut(said, limit) + f"\n[exit code {done.exit}]", "error"
    return cut(said, limit) or "[It printed nothing; exit code 0]", "ok"


class _Shell:
    """Each command in a box of its own."""

    def __init__(self, need: Need) -> None:
        self.needs = (need,)

    async def run(self, serving: Serving) -> ToolResult:
        """See `Work.run`."""
        sandbox = await serving.sandbox(self.needs[0])
        options = serving.tool.options
        done = await sandbox.run(
            argv_of(serving.arguments["command"]),
            timeout=options.timeout,
            env={**ENV, KEY_VARIABLE: serving.context.idempotency_key},
            tenant=serving.tenant,
            **heard_by(serving.listener),
        )
        text, outcome = printed(done, options.max_output)
        return ToolResult(text.lstrip("\n"), outcome, round(done.seconds, 6), done.kept.note)


def _described(need: Need, timeout: float, max_output: int) -> str:
    seconds = min(timeout, load_profile(need.profile).wall_seconds)
    return (
        "Runs a bash command line in a sandbox, in the workspace folder, and gives what it prints, "
        "errors included. Each call is a shell of its own: `cd`, variables and what runs in the "
        "background are gone after it; files that it may write are kept. There is no terminal to "
        "ask on, no network unless the user allowed hosts, no .git. It may take "
        f"{seconds:g} s; of what it prints you get the first and the last "
        f"{max_output // 2048} KiB: for more, redirect it to a file. To read and change files use "
        "the tools for files, where there are some."
    )
