"""Is what a session asks of the model what it asked when it was recorded?

Strictly: the same bytes. Semantically: the same messages and calls, and the same tools by name; the
system prompt, the descriptions of tools and how the model is sampled may be others.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from msgspec import structs

from toolrun.events import RequestSent
from toolrun.models import dialects
from toolrun.models.chat_body import encode_body
from toolrun.models.sent import added_messages
from toolrun.models.ways import encoder
from toolrun.shortening import RECALL
from toolrun.trace.calls import exact
from toolrun.trace.requests import RecordedRequests
from toolrun.trace.shown import NOTHING, Found, first_difference, shown
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import SessionOpened
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request
    from toolrun.trace.normal import Normal
    from toolrun.transcript import Message

Strictness: TypeAlias = Literal["strict", "semantic", "loose"]


class Asked:
    """Compares the requests of one session with the recorded ones, in their order.

    Args:
        opened: what the recorded session began with.
        strictness: what has to be the same.
        normal: takes out of both sides what is not compared.
    """

    def __init__(
        self, opened: SessionOpened, normal: Normal, strictness: Strictness = "strict"
    ) -> None:
        self._tools = opened.tools
        self._beside = {RECALL} - {tool["function"]["name"] for tool in opened.tools}
        self._normal = normal
        self._strictness = strictness
        self._recorded = RecordedRequests(opened.settings, opened.tools)
        self._dialects: dict[str, Dialect] = {}

    @property
    def by_digest(self) -> bool:
        """Whether the digest of a request tells, where there is one."""
        return self._strictness == "strict"

    def sent(
        self, request: Request, event: RequestSent, length: int
    ) -> tuple[RequestSent, Found | None]:
        """The event of a request, made anew; and what differs from the recorded one, strictly.

        The recorded event stands for one that differs only in what is not compared.

        Args:
            request: of the session.
            event: of the recorded request.
            length: of the recorded transcript at that request.
        """
        dialect = self._dialect(event.dialect)
        body = encoder(event.via)(request, dialect)
        added = added_messages(request)
        self._recorded.add(event.adds, length)
        digest = hashlib.sha256(body).hexdigest()
        if digest == event.digest or self._strictness != "strict":
            made = RequestSent(digest, len(body), added, dialect.name, request.streams, event.via)
            return made, None
        return event, self._named(body, request, dialect, event)

    def said(self, request: Request, recorded: Sequence[Message]) -> Found | None:
        """What differs in the messages of a request, and in the tools by name.

        Args:
            request: of the session.
            recorded: the messages of the recorded one.
        """
        if self._strictness == "loose":
            return None
        for index, (before, after) in enumerate(zip(recorded, request.messages, strict=False)):
            old, new = self._meant(before), self._meant(after)
            if exact(old) != exact(new):
                where = f"message {index + 1} ({old['role']})"
                return structs.replace(first_difference(old, new), where=where, message=index)
        if len(recorded) != len(request.messages):
            return self._count(recorded, request.messages)
        return self._tools_differ(request.tools)

    def _named(
        self, body: bytes, request: Request, dialect: Dialect, event: RequestSent
    ) -> Found | None:
        """What differs where the digests do."""
        if event.via:  # compared in the form of Chat Completions, in which the trace has it
            dialect = dialects.GENERIC
            body = encode_body(request, dialect)
        stream = event.stream
        found = self._recorded.difference(
            body, request, dialect, stream=stream, normal=self._normal
        )
        if found is not None or not event.digest:
            return found
        # No difference that counts; is there one that does not, or are the bytes only others?
        exact = self._recorded.difference(body, request, dialect, stream=stream)
        return self._recorded.unnamed(len(event.adds)) if exact is None else None

    def _dialect(self, name: str) -> Dialect:
        known = self._dialects.get(name)
        if known is None:
            known = self._dialects[name] = dialects.named(name)
        return known

    def _meant(self, message: Message) -> dict[str, Any]:
        """A message as it is compared: arguments are JSON values, not their text."""
        plain = message_to_openai(message)
        for call in plain.get("tool_calls", ()):
            call["function"]["arguments"] = _parsed(call["function"]["arguments"])
        meant: dict[str, Any] = self._normal.value(plain)
        return meant

    def _count(self, recorded: Sequence[Message], seen: Sequence[Message]) -> Found:
        at = min(len(recorded), len(seen))
        before = self._meant(recorded[at]) if at < len(recorded) else NOTHING
        after = self._meant(seen[at]) if at < len(seen) else NOTHING
        what = f"missing {shown(before)}" if after is NOTHING else f"more by {shown(after)}"
        said = f"{len(recorded)} messages expected, {len(seen)} seen: {what}"
        return Found("messages", before, after, message=at, said=said)

    def _tools_differ(self, tools: Sequence[dict[str, Any]]) -> Found | None:
        if self._strictness == "strict":  # no digest tells
            tools = [tool for tool in tools if tool["function"]["name"] not in self._beside]
            if not tools or msgspec.json.encode(self._tools) == msgspec.json.encode(tools):
                return None
            return structs.replace(first_difference(self._tools, tools), where="the tools")
        before, after = _names(self._tools), _names(tools)
        if not tools or before == after:  # an answer that is said once more has none
            return None
        return Found("tools", before, after)


def _names(tools: Sequence[dict[str, Any]]) -> list[str]:
    names = {tool["function"]["name"] for tool in tools}
    return sorted(names - {RECALL})  # it comes with what was trimmed, which is compared


def _parsed(arguments: str) -> Any:
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return arguments
