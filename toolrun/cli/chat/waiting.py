"""What does a person see of a call that waits for a decision?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli.chat.view.blocks import Block, diff
from toolrun.cli.screen import visible
from toolrun.events import ApprovalRequested, TurnFinished

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolrun.cli.about import ToolLine
    from toolrun.events import Event

_LINES: Final = 40
_ONE_LINE: Final = 76
_CHARACTERS: Final = 4_000


def is_asked(event: Event) -> bool:
    """Whether an event says what a person is asked next, and need not be told before."""
    parked = isinstance(event, TurnFinished) and event.status == "parked" and not event.reason
    return parked or isinstance(event, ApprovalRequested)


def blocks_of(
    request: ApprovalRequested, tool: ToolLine | None, workspace: Path | None
) -> Sequence[Block]:
    """A call as a person reads it: what it changes where that is known, else its arguments.

    Args:
        request: for a decision.
        tool: what is known of the tool.
        workspace: of the session.
    """
    if tool is not None and tool.edits:
        from toolrun.tools.builtin.changing import change_of

        if changed := change_of(request, workspace):
            return [_change(*each) for each in changed]
    return _arguments(request.arguments)


def _change(path: str, before: str | None, after: str | None) -> Block:
    what = "new file" if before is None else "deleted" if after is None else "changed"
    return diff(before or "", after or "", path, f"{visible(path)}: {what}")


def _arguments(arguments: Mapping[str, Any]) -> list[Block]:
    """The arguments as JSON; texts of several lines as such, below it."""
    texts = {name: value for name, value in arguments.items() if _has_lines(value)}
    rest = {name: value for name, value in arguments.items() if name not in texts}
    blocks = [Block("text", pretty(rest))] if rest or not texts else []
    return blocks + [Block("text", value, f"{visible(name)}:") for name, value in texts.items()]


def _has_lines(value: object) -> bool:
    return isinstance(value, str) and "\n" in value.strip("\n")


def pretty(value: Any) -> str:
    """A value as JSON: on one line where it is short, else indented."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    return text if len(text) <= _ONE_LINE else msgspec.json.format(text, indent=2)


def cut(block: Block) -> tuple[Block, int]:
    """The beginning of a long block, and how many lines of it are missing."""
    lines = block.text.split("\n")
    text = "\n".join(lines[:_LINES])[:_CHARACTERS]
    if len(text) == len(block.text):
        return block, 0
    missing = max(len(lines) - text.count("\n") - 1, 1)
    return msgspec.structs.replace(block, text=text), missing
