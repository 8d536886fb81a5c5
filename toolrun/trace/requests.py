"""Is a request the recorded one, and if not, which message or setting differs?

A trace holds of a request its digest and the messages that it added to those before. The digest
tells whether a byte differs; which one is found by writing the recorded messages in the wire's form
anew, here, apart from the code that is being checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from toolrun.shortening import RECALL
from toolrun.trace.normal import Normal
from toolrun.trace.shown import NOTHING, Found, first_difference, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request

_AS_IT_IS = Normal()


class RecordedRequests:
    """What the requests of a session held, gathered as they come.

    Args:
        settings: as SessionOpened has them.
        tools: in the form of Chat Completions.
    """

    def __init__(self, settings: Mapping[str, Any], tools: Sequence[dict[str, Any]]) -> None:
        self._settings = settings
        self._tools = tools
        self._messages: list[dict[str, Any]] = []

    def add(self, messages: list[dict[str, Any]], length: int) -> None:
        """Take what a request added; a session whose history was changed sends all of it again.

        Args:
            messages: `RequestSent.adds`.
            length: of the transcript at that request.
        """
        if len(messages) == length:
            self._messages.clear()
        self._messages += messages

    def difference(
        self,
        body: bytes,
        request: Request,
        dialect: Dialect,
        *,
        stream: bool,
        normal: Normal = _AS_IT_IS,
    ) -> Found | None:
        """The first thing in a body that is not as recorded; None where there is none.

        What a request has of its own, beside the session's settings, is taken as it is: the trace
        holds no more of it than the digest.
        """
        seen: dict[str, Any] = normal.value(msgspec.json.decode(body))
        said = seen.pop("messages")
        head = normal.value(self._head(request, stream=stream))
        instructions = self._settings.get("instructions")
        expected = [{"role": "system", "content": instructions}] if instructions else []
        front = len(expected)
        expected += self._wire(dialect)
        if request.nudge is not None:
            expected.append({"role": "user", "content": request.nudge})
        expected = normal.value(expected)
        for index, (before, after) in enumerate(zip(expected, said, strict=False)):
            if msgspec.json.encode(before) != msgspec.json.encode(after):
                return _message(before, after, index - front)
        if len(expected) != len(said):
            return _count(expected, said, front)
        if head != seen:
            return structs.replace(first_difference(head, seen), where="the settings")
        return None

    def unnamed(self, added: int) -> Found:
        """What is said where a body's bytes differ, and nothing in it does.

        Args:
            added: how many messages the request added to those before, which were as recorded.
        """
        count = len(self._messages)
        new = [
            f"message {index + 1} ({self._messages[index]['role']})"
            for index in range(count - added, count)
        ]
        which = f"{', '.join(new)}, which it adds, or line 2" if new else "line 2"
        return Found(
            "the body",
            said="its bytes differ, though its messages, settings and tools are those of the "
            f"trace: the file was changed in {which}; or toolrun writes the body otherwise",
            message=count - 1 if added == 1 else None,
        )

    def _wire(self, dialect: Dialect) -> list[dict[str, Any]]:
        """The recorded messages as the server would get them."""
        roles = [message["role"] for message in self._messages]
        kept = len(roles) - 1 - roles[::-1].index("user") if "user" in roles else 0
        wire: list[dict[str, Any]] = []
        for index, message in enumerate(self._messages):
            plain = dict(message)
            reasoning = plain.pop("reasoning", None)
            if reasoning is not None and index >= kept:
                plain |= dict.fromkeys(dialect.reasoning_out, reasoning)
            if plain["role"] == "tool" and not dialect.tool_name:
                plain.pop("name", None)
            wire.append(plain)
        return wire

    def _head(self, request: Request, *, stream: bool) -> dict[str, Any]:
        settings = self._settings
        head: dict[str, Any] = {"model": settings.get("model")}
        if stream:
            head |= {"stream": True, "stream_options": {"include_usage": True}}
        if self._tools and request.response_format is None:
            own = {tool["function"]["name"] for tool in self._tools}
            recall = [t for t in request.tools if t["function"]["name"] == RECALL not in own]
            head["tools"] = [*self._tools, *recall]
            if settings.get("tool_choice") is not None:
                head["tool_choice"] = settings["tool_choice"]
        if settings.get("effort") is not None:
            head["reasoning_effort"] = settings["effort"]
        head |= settings.get("sampling", {})
        head |= settings.get("extra_body", {})
        head |= {name: value for name, value in request.extra.items() if name not in head}
        if request.response_format is not None:
            head["response_format"] = request.response_format
        return head


def _message(before: dict[str, Any], after: Any, index: int) -> Found:
    found = first_difference(before, after)
    if index < 0:
        return structs.replace(found, where="the instructions (system)")
    where = f"message {index + 1} ({before['role']})"
    return structs.replace(found, where=where, message=index)


def _count(expected: list[Any], seen: list[Any], front: int) -> Found:
    """The first message that only one side has."""
    at = min(len(expected), len(seen))
    before = expected[at] if at < len(expected) else NOTHING
    after = seen[at] if at < len(seen) else NOTHING
    what = f"missing {shown(before)}" if after is NOTHING else f"more by {shown(after)}"
    return Found(
        "messages",
        before,
        after,
        message=at - front,
        said=f"{len(expected)} messages expected, {len(seen)} seen: {what}",
    )
