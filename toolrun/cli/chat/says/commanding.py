"""How does a person run a command from the conversation? In the box that the tool `shell` has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.cli.chat.says.attached import RAN, fenced
from toolrun.sandbox.resolve import label
from toolrun.tools.builtin.filing import writing_need
from toolrun.tools.builtin.shelling import ENV, NAME, argv_of, printed
from toolrun.tools.where import needed

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.sandbox.profile import Chosen

MAX_OUTPUT: Final = 32 * 1024
"""Bytes of what a command prints that go into a message, of head and tail half each."""


class Ran(Struct, frozen=True):
    """A command that ran.

    Attributes:
        command: as it was typed.
        output: what it printed and how it ended.
        ok: whether it ended with 0.
        note: what became of files that it wrote; empty where it wrote none.
        where: the profile of its box.
        seconds: that it took.
    """

    command: str
    output: str
    ok: bool
    note: str
    where: str
    seconds: float

    @property
    def block(self) -> str:
        """What goes into a message."""
        shown = fenced(f"$ {self.command}\n{self.output}")
        return f"{RAN}\n{shown}"


async def run_command(
    command: str,
    profile: Chosen,
    workspace: Path | None,
    *,
    backend: str | None = None,
) -> Ran:
    """Run a command in a sandbox; cancelling kills all of it.

    Its box has the session's profile where that shows the workspace, else `shell`, as the tool of
    that name; without a workspace the session's own. What it changes is kept, and no `undo` takes
    it back: it is the person's own doing.

    Args:
        command: a bash command line.
        profile: the session's.
        workspace: the session's.
        backend: what makes the box; the first that holds where None.

    Raises:
        SandboxUnavailable: there is no box; nothing was run.
        ConfigError: there is no such profile.
    """
    from toolrun.sandbox import Sandbox

    chosen = profile if workspace is None else needed(writing_need(NAME, None), profile)
    async with Sandbox(chosen, workspace=workspace, backend=backend) as sandbox:
        done = await sandbox.run(argv_of(command), env=ENV)
    text, outcome = printed(done, MAX_OUTPUT)
    return Ran(command, text, outcome == "ok", done.kept.note, label(chosen), done.seconds)
