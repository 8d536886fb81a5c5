"""What becomes of what a person says, before the model hears it? Files go in, commands run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio

from toolrun.cli.screen import WARNING
from toolrun.errors import ToolrunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.face import Face
    from toolrun.cli.chat.says.candidates import Candidates
    from toolrun.cli.log import Mask
    from toolrun.config import Config

SHELL = "!"
"""Begins a command for the sandbox."""


class Talking(Protocol):
    """The conversation that something is said in: see `Conversation`."""

    face: Face
    config: Config
    mask: Mask


class Says:
    """What the messages of one conversation may refer to.

    Args:
        talk: the conversation; its settings are asked for anew each time.

    Attributes:
        last: what `@!` stands for; "" before the first command.
    """

    def __init__(self, talk: Talking) -> None:
        self.last: str = ""
        self._talk = talk
        self._candidates: tuple[Path, Candidates] | None = None
        self._scope: anyio.CancelScope | None = None

    @property
    def running(self) -> bool:
        """Whether a command runs."""
        return self._scope is not None

    def stop(self) -> bool:
        """Stop the command that runs; False where there is none."""
        if self._scope is None:
            return False
        self._scope.cancel()
        return True

    async def message(self, typed: str) -> str | None:
        """The message that is meant, with its files; None where nothing is to be sent.

        What cannot be sent stands where the next message is written.
        """
        if typed.startswith(SHELL):
            await self._run(typed.removeprefix(SHELL).strip())
            return None
        if "@" not in typed:
            return typed
        from toolrun.cli.chat.says.attached import with_files

        face = self._talk.face
        said = await anyio.to_thread.run_sync(with_files, typed, self._folder, self.last)
        for each in (*said.problems, *(["nothing was sent"] if said.problems else [])):
            face.say(self._talk.mask.text(each), WARNING)
        if said.problems:
            face.prefill(typed)
            return None
        for each in said.notes:
            face.say(self._talk.mask.text(each))
        return said.text

    def complete(self, typed: str) -> Sequence[tuple[str, str]]:
        """What may stand in place of the last word, where that begins with `@`."""
        word = typed.rpartition(" ")[2].rpartition("\n")[2]
        if not word.startswith("@") or typed.startswith("/"):
            return []
        from toolrun.cli.chat.says.candidates import Candidates

        folder = self._folder
        if self._candidates is None or self._candidates[0] != folder:
            self._candidates = folder, Candidates(folder)
        return self._candidates[1].of(word)

    async def _run(self, command: str) -> None:
        """Run a command, and show what it printed."""
        face, config = self._talk.face, self._talk.config
        if not command:
            face.say("!COMMAND runs one in the sandbox, such as !ls", WARNING)
            return
        from toolrun.cli.chat.says.commanding import run_command
        from toolrun.cli.chat.view.blocks import Block

        with anyio.CancelScope() as scope, face.turning(self.stop):
            self._scope = scope
            try:
                ran = await run_command(
                    command, config.profile, config.workspace, backend=config.backend
                )
            except ToolrunError as error:
                face.say(self._talk.mask.text(str(error)), WARNING)
                return
            finally:
                self._scope = None
        if scope.cancelled_caught:
            face.say("stopped; nothing that it wrote was kept", WARNING)
            return
        self.last = ran.block
        text = f"$ {command}\n{ran.output}\n{ran.note}".rstrip()
        face.put(Block("output" if ran.ok else "failed", self._talk.mask.text(text), fold=True))
        face.say(f"sandbox {ran.where}, {ran.seconds:.1f} s; @! puts it into your next message")

    @property
    def _folder(self) -> Path:
        """Where paths begin."""
        return self._talk.config.workspace or Path.cwd()
