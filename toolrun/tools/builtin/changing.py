"""What would a call of a tool that edits change? Computed outside of any box, for whoever decides.

The files are read, and nothing is written. What a box makes of the call later is computed by the
same code, over the workspace as it is then.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec

from toolrun.tools.builtin.boxed import InBox
from toolrun.tools.builtin.inside.changes import CHANGING, changes
from toolrun.tools.builtin.inside.places import Unfit
from toolrun.tools.builtin.inside.writing import Folder

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.events import ApprovalRequested
    from toolrun.tools.definition import Tool
    from toolrun.values import ToolCall

_CHARACTERS: Final = 1024 * 1024
_LINES: Final = 50_000
_LOOKS: Final = 1_000_000
"""Lines that are gone through, for all the marks of a patch that each look through a file."""


def shows_changes(tool: Tool) -> bool:
    """Whether `change_of` knows what calls of a tool change: it is one of `files()`.

    Args:
        tool: that may be called.
    """
    return isinstance(tool.work, InBox) and tool.name in CHANGING


def change_of(
    call: ToolCall | ApprovalRequested, workspace: Path | str | None
) -> list[tuple[str, str | None, str | None]]:
    """What a call of `edit_file`, `write_file` or `apply_patch` would change.

    Ask it for calls of tools of which `shows_changes` holds: another tool may have that name.

    Args:
        call: whose arguments fit the tool's schema.
        workspace: of the session.

    Returns:
        Path, text before (None: it is new) and text after (None: it is deleted) of each file. None
        at all where the call changes no file, or would be refused (then the model reads why); nor
        where a file is too large to be shown (1 MiB, 50,000 lines, of a patch with more than 20
        marks `@@` a million through their number).
    """
    if call.name not in CHANGING or workspace is None:
        return []
    try:
        given = call.arguments
        arguments = msgspec.json.decode(given) if isinstance(given, str) else given
        marks = str(arguments.get("patch", "")).count("\n@@")
        found = changes(call.name, arguments, _Small(os.path.realpath(workspace), marks))
    except (Unfit, OSError, msgspec.MsgspecError, TypeError, ValueError):
        return []
    return [(each.path, each.before, each.after) for each in found]


class _Small(Folder):
    """A workspace of which small files are read: what bounds a box does not bound this process.

    Args:
        root: see `Folder`.
        marks: how often a patch may have each file looked through.
    """

    def __init__(self, root: str, marks: int) -> None:
        super().__init__(root)
        self._most = min(_LINES, _LOOKS // max(marks, 1))

    def text(self, path: str) -> str:
        """See `Folder.text`."""
        text = super().text(path)
        if len(text) > _CHARACTERS or text.count("\n") > self._most:
            raise Unfit(f"{path}: is too large to be shown")
        return text
