"""Is a request the recorded one, and if not, which message or setting differs?

A trace holds of a request its digest and the messages that it added to those before. The digest
tells whether a byte differs; which one is found by writing the recorded messages in the wire's form
anew, here, apart from the code that is being checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.trace.comparison import difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request

_UNNAMED = (
    "the body's bytes differ, though its messages, settings and tools are those of the trace: "
    "either it is written otherwise, or line 2 was changed"
)


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
        self, body: bytes, request: Request, dialect: Dialect, *, stream: bool
    ) -> str | None:
        """The first thing in a body that is not as recorded; None where there is none.

        What a request has of its own, beside the session's settings, is taken as it is: the trace
        holds no more of it than the digest.
        """
        seen: dict[str, Any] = msgspec.json.decode(body)
        said = seen.pop("messages")
        head = self._head(request, stream=stream)
        instructions = self._settings.get("instructions")
        expected = [{"role": "system", "content": instructions}] if instructions else []
        front = len(expected)
        expected += self._wire(dialect)
        if request.nudge is not None:
            expected.append({"role": "user", "content": request.nudge})
        for index, (before, after) in enumerate(zip(expected, said, strict=False)):
            if msgspec.json.encode(before) != msgspec.json.encode(after):
                name = "the instructions" if index < front else f"message {index - front + 1}"
                return f"{name} ({before['role']}): {_said(before, after)}"
        if len(expected) != len(said):
            return f"{len(expected)} messages expected, {len(said)} seen: {_last(expected, said)}"
        if head != seen:
            return f"the settings: {_said(head, seen)}"
        return None

    def named(self, body: bytes, request: Request, dialect: Dialect, *, stream: bool) -> str:
        """As `difference`, where the digest says that there is one."""
        return self.difference(body, request, dialect, stream=stream) or _UNNAMED

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
            head["tools"] = list(self._tools)
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


def _said(expected: dict[str, Any], seen: Any) -> str:
    where, before, after = difference(expected, seen)
    return f"{where}: expected {before}, seen {after}"


def _last(expected: list[dict[str, Any]], seen: list[dict[str, Any]]) -> str:
    """The first message that only one side has."""
    if len(expected) > len(seen):
        return f"missing {_short(expected[len(seen)])}"
    return f"more by {_short(seen[len(expected)])}"


def _short(message: dict[str, Any]) -> str:
    _, text, _ = difference(message, None)
    return text
