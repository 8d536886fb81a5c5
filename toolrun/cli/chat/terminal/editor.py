"""How is a text changed in a person's own editor?"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.errors import ToolrunError

if TYPE_CHECKING:
    from collections.abc import Mapping

_USUAL: Final = ("editor", "nano", "vim", "vi", "emacs")


class EditorFailed(ToolrunError):
    """No editor could be used; the message says which one, and what to do."""


def editor_of(env: Mapping[str, str] = os.environ) -> list[str]:
    """The command of the editor: $VISUAL, $EDITOR, or what is usually there.

    Raises:
        EditorFailed: there is none.
    """
    for name in ("VISUAL", "EDITOR"):
        if env.get(name, "").strip():
            try:
                words = shlex.split(env[name])
            except ValueError as error:
                raise EditorFailed(f"${name} is no command: {error}") from error
            if shutil.which(words[0]) is None:
                raise EditorFailed(f"${name} names {words[0]}, which is not there; set another")
            return words
    for usual in _USUAL:
        if shutil.which(usual) is not None:
            return [usual]
    raise EditorFailed("no editor is there: set $VISUAL or $EDITOR to the command of one")


async def edited(text: str, suffix: str, env: Mapping[str, str] = os.environ) -> str | None:
    """The text, once the person has left the editor; None where it is as it was.

    The terminal has to be the editor's meanwhile.

    Args:
        text: to change.
        suffix: of the file's name: it tells the editor what the text is.
        env: where the editor is named.

    Raises:
        EditorFailed: there is no editor, it ended with an error, or its file is no text.
    """
    words = editor_of(env)
    # Only this person may read what is being written: `mkdtemp` sees to that.
    folder = Path(tempfile.mkdtemp(prefix="toolrun-"))
    file = folder / f"message{suffix}"
    try:
        file.write_text(text, encoding="utf-8")
        try:
            process = await asyncio.create_subprocess_exec(*words, str(file))
        except OSError as error:
            raise EditorFailed(f"{words[0]} cannot be started: {error.strerror}") from error
        code = await process.wait()
        if code:
            raise EditorFailed(f"{words[0]} ended with {code}; the text is left as it was")
        after = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EditorFailed(f"what {words[0]} has left cannot be read: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # Editors end a file with a newline, which nobody typed.
    after = after if text.endswith("\n") else after.removesuffix("\n")
    return None if after == text else after
