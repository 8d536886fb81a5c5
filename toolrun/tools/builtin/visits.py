"""Which pages has a session seen? Those whose heads stand in its transcript, by their cursors.

So the browser has no state of its own that a fork, an undo, a resume or a replay could miss: what
is kept of pages beside is only what can be read again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from toolrun.events import AssistantMessage
from toolrun.transcript import ToolMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.transcript import Message
    from toolrun.values import ToolCall

SEARCH: Final = "browser_search"
OPEN: Final = "browser_open"
FIND: Final = "browser_find"
NAMES: Final = (SEARCH, OPEN, FIND)
SOURCE: Final = "view-source:"
"""Begins the URL of a page that is shown as it is written."""
_HEAD: Final = re.compile(
    r"\[(\d{1,9})\] ([^\n]*)\n\*\*viewing lines \[\d+ - (\d{1,9})\] of (\d{1,9})\*\*\n"
)
_URL: Final = re.compile(r"(.*) \((\S+)\)")


class Visit(Struct, frozen=True):
    """One display of a page.

    Attributes:
        name: the tool that showed it.
        arguments: of that call.
        url: of the page; "" of a page of results.
        last: the number of the page's last line.
        latest: the cursor that was the latest when the call was made; -1 where there was none.
    """

    cursor: int
    name: str
    arguments: dict[str, Any]
    title: str
    url: str
    last: int
    latest: int


def visits(transcript: Iterable[Message]) -> dict[int, Visit]:
    """The pages that a transcript shows, by cursor."""
    seen: dict[int, Visit] = {}
    calls: dict[str, ToolCall] = {}
    latest = -1
    for message in transcript:
        if isinstance(message, AssistantMessage):
            calls = {call.id: call for call in message.tool_calls}
            latest = max(seen, default=-1)
        elif isinstance(message, ToolMessage) and message.name in NAMES:
            if (head := _HEAD.match(message.content)) is None or message.call_id not in calls:
                continue
            arguments = _arguments(calls[message.call_id])
            title, url = head[2], ""
            named = None if message.name == SEARCH else _URL.fullmatch(title)
            if named is not None:
                title, url = named[1], named[2]
            cursor = int(head[1])
            seen[cursor] = Visit(cursor, message.name, arguments, title, url, int(head[4]), latest)
    return seen


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
