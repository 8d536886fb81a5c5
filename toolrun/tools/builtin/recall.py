"""How does the model read a result again that was trimmed? `recall_result`, page by page.

Toolrun offers it by itself, from the first trimmed result of a session on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from toolrun.shortening import RECALL
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool
from toolrun.transcript import ToolMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.state import State
    from toolrun.transcript import Message

PAGE: Final = 8192
"""Characters that one call gives back."""
_MOST: Final = 5 * PAGE
"""Bytes of a result: a page in any script, and a word on the next one."""


async def _recalled(transcript: Sequence[Message], call_id: str, offset: int = 0) -> str:
    """A page of the result of a call.

    Raises:
        ValueError: there is none; the model reads why.
    """
    text = next(
        (
            each.content
            for each in reversed(transcript)
            if isinstance(each, ToolMessage) and each.call_id == call_id
        ),
        None,
    )
    if text is None:
        raise ValueError(f"no call {call_id!r} has a result; take the call_id from its line")
    if not 0 <= offset < max(len(text), 1):
        raise ValueError(f"offset must be from 0 to {len(text) - 1}: it has {len(text)} characters")
    end = offset + PAGE
    if end >= len(text):
        return text[offset:]
    return f"{text[offset:end]}\n\n[{end} of {len(text)} characters; go on with offset={end}]"


async def _unserved(**_: Any) -> str:
    raise AssertionError("it is served from a session's state")


RECALLING: Final = Tool(
    name=RECALL,
    description=(
        "Reads the result of an earlier tool call again, where a line says that it was taken out "
        f"to save room: {PAGE} characters from `offset` on. Call it only for what you need."
    ),
    parameters={
        "type": "object",
        "properties": {
            "call_id": {"type": "string", "description": "As the line says it."},
            "offset": {"type": "integer", "description": "Where to begin.", "default": 0},
        },
        "required": ["call_id"],
        "additionalProperties": False,
    },
    options=Options(trusted=True, max_output=_MOST, on_crash="rerun"),
    function=_unserved,
    build=dict,
    source=None,
    is_async=True,
)


def recalling(state: State) -> Tool:
    """The tool, over what a session was told so far."""
    return structs.replace(RECALLING, function=partial(_recalled, state.transcript))
