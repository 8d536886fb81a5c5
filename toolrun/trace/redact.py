"""What must not reach the disk? Secrets, by value and by pattern, also split over events.

Deltas keep their boundaries, which a replay needs: a secret that is split over pieces is replaced
in the piece that it begins in and removed from the others. A piece that ends in what may be the
beginning of a secret is held back until more has come, but not from a durable event, which must not
overtake it; then that end is redacted, and its continuation, if it comes, too.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_origin

import msgspec
from msgspec import Struct, structs

from toolrun.events import (
    AssistantMessage,
    ReasoningDelta,
    RequestSent,
    TextDelta,
    ToolCallFinished,
    ToolOutput,
)
from toolrun.runs import Run
from toolrun.trace.finding import Finder, merged
from toolrun.trace.rows import Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolrun.events import Event
    from toolrun.known import Known
    from toolrun.trace.finding import Span
    from toolrun.trace.recording import Find
    from toolrun.trace.rows import Row
    from toolrun.trace.runs import Recorded

MARK = "[redacted]"
MIN_TAIL = 4
"""A shorter beginning of a secret at a forced end is left: it tells nothing."""
MOST_HELD = 1000
"""Events that are held back at most for what may be the beginning of a secret."""
MOST_ASKED = 20_000
"""The same where only a whole text tells whether there is one in it."""

_NO_TOKENS: dict[str, Any] = {
    "prompt_token_ids": None,
    "token_ids": None,
    "rendered_token_ids": None,
    "continues": 0,
    "logprobs": None,
}
_encode = msgspec.json.Encoder().encode
_Key = tuple[str, ...]
_Pieces = list[tuple[int, str]]


class Redactor:
    """Takes the secrets out of the events of one session.

    Args:
        secrets: values to replace wherever they stand in a string, plain or JSON-escaped; empty
            ones are passed over.
        known: further ones, of which more may become known in time.
        patterns: see `Recording`.
        find: see `Recording`. What it raises, everything here raises.
        resumed: whether something may have been redacted in what was written before.
    """

    def __init__(
        self,
        secrets: Iterable[str] = (),
        *,
        known: Sequence[Known] = (),
        patterns: Iterable[str] = (),
        find: Find | None = None,
        resumed: bool = False,
    ) -> None:
        self._finder = Finder(secrets, known=known, patterns=patterns, find=find)
        self._carried: dict[_Key, str] = {}
        self._cut = False
        self._hit = resumed

    def passes(self, lines: bytes, rows: Sequence[Row]) -> bool:
        """Whether nothing in the lines of these rows looks like a secret.

        A secret may be split over pieces, so they are looked at joined, too: but for what the
        message behind them says again, whose line is among those that were looked at.
        """
        finder = self._finder
        finder.refresh()
        if self._carried or self._cut or finder.asks or finder.is_in(lines):
            return False
        texts: dict[type, list[str]] = {}
        said: list[str | None] = []
        for row in rows:
            if isinstance(row, Pieces):
                before = texts.get(type(row))
                texts[type(row)] = row.text if before is None else before + row.text
            elif isinstance(row, AssistantMessage):
                said += (row.reasoning, row.content)
            elif isinstance(row, ToolOutput):  # it may end in the beginning of a secret
                return False
        for pieces in texts.values():
            text = "".join(pieces)
            if text not in said and finder.is_in_text(text):
                return False
        return True

    def clean(self, events: Sequence[Event]) -> list[Event]:
        """Events that follow those before, without secrets."""
        return [self._cleaned(event) for event in self._split_secrets(events)]

    def muted(self, events: Sequence[Recorded]) -> Sequence[Recorded]:
        """The same without what would tell of something that was redacted before."""
        if not self._hit:
            return events
        return [event if isinstance(event, Run) else _mute(event) for event in events]

    def settled(self, events: Sequence[Event]) -> int:
        """How many of the events can be written while more of their texts are to come.

        The end of a text that may be the beginning of a secret is held back, and what follows it.
        """
        self._finder.refresh()
        texts = _texts(events)
        if self._finder.asks:  # whole texts alone tell
            most, settled = MOST_ASKED, _first(texts.values(), len(events))
        else:
            most, settled = MOST_HELD, self._before_open_ends(texts, len(events))
        if len(events) - settled < most:
            return settled
        self._cut = True
        return len(events)

    def cut(self) -> None:
        """Say that what is written next ends in the middle of texts."""
        self._cut = True

    def _before_open_ends(self, texts: dict[_Key, _Pieces], settled: int) -> int:
        """The number of the first event that has to wait."""
        held: list[tuple[int, int]] = []
        for key, pieces in texts.items():
            carried = self._carried.get(key, "")
            text = carried + "".join(piece for _, piece in pieces)
            if (begin := self._finder.open_tail(text)) is not None:
                settled = min(settled, _index(pieces, begin - len(carried)))
            if self._finder.is_in_text(text):
                held += [
                    (_index(pieces, begin - len(carried)), _index(pieces, end - 1 - len(carried)))
                    for begin, end in self._finder.spans(text)
                ]
        # What waits must not begin in the middle of a secret.
        for first, last in sorted(held, key=lambda each: each[1], reverse=True):
            if first < settled <= last:
                settled = first
        return settled

    def text(self, text: str) -> str:
        """A string without secrets."""
        return _mask([text], self._finder.spans(text), text, 0)[0]

    def value(self, value: Any, *, written: bool = False) -> Any:
        """Data without secrets, in keys, too; words of the format (`Literal`) are left.

        Args:
            value: the data.
            written: whether a model wrote them: a PIN may be a number there.
        """
        match value:
            case str():
                return self.text(value.encode("utf-8", "replace").decode())
            case dict():
                return {
                    self.value(key): self.value(each, written=written)
                    for key, each in value.items()
                }
            case list() | tuple():
                return type(value)([self.value(each, written=written) for each in value])
            case Struct():
                free = {
                    name: self.value(getattr(value, name), written=name == "arguments")
                    for name in _free(type(value))
                }
                return structs.replace(value, **free)
            case int() | float() if written and not isinstance(value, bool):
                text = json.dumps(value)
                clean = self.text(text)
                return value if clean == text else clean
            case _:
                return value

    def line(self, row: Struct) -> bytes:
        """Something that is no event, as a line without secrets."""
        try:
            line = _encode(row)
        except UnicodeEncodeError:  # half a surrogate pair: `value` replaces it
            line = b""
        if not line or self._finder.asks or self._finder.is_in(line):
            line = _encode(self.value(row))
        return line + b"\n"

    def _cleaned(self, event: Event) -> Event:
        clean: Event = self.value(event)
        if event.durable or isinstance(event, RequestSent):
            self._hit = self._hit or clean != event
        return _mute(clean) if self._hit else clean

    def _split_secrets(self, events: Sequence[Event]) -> Sequence[Event]:
        """The same events without the secrets that stretch over several pieces of one text."""
        ended = {event.call_id for event in events if isinstance(event, ToolCallFinished)}
        step_ended = bool(events) and events[-1].durable
        mended: list[Event] | None = None
        for key, pieces in _texts(events).items():
            is_open = key[0] not in ended if len(key) > 1 else not step_ended
            for index, text in self._mended(key, pieces, is_open=is_open):
                mended = list(events) if mended is None else mended
                mended[index] = structs.replace(mended[index], text=text)
        self._cut = False
        if step_ended:
            self._forget(ended)
        return events if mended is None else mended

    def _mended(self, key: _Key, pieces: _Pieces, *, is_open: bool) -> Iterator[tuple[int, str]]:
        """The pieces of one text that must change."""
        carried = self._carried.pop(key, "")
        text = carried + "".join(piece for _, piece in pieces)
        spans = self._finder.spans(text)
        if is_open and (begin := self._finder.open_tail(text)) is not None:
            self._carried[key] = text[begin:]
            if len(text) - begin >= MIN_TAIL:
                spans = merged([*spans, (begin, len(text))])
        if not spans:
            return
        masked = _mask([piece for _, piece in pieces], spans, text, len(carried))
        for (index, before), after in zip(pieces, masked, strict=True):
            if before != after:
                yield index, after

    def _forget(self, ended: set[str]) -> None:
        """Let go of the open ends of texts that have ended."""
        for key in [key for key in self._carried if len(key) == 1 or key[0] in ended]:
            del self._carried[key]


def _texts(events: Sequence[Event]) -> dict[_Key, _Pieces]:
    """The texts that come in pieces, with the number of the event of each piece."""
    texts: dict[_Key, _Pieces] = {}
    for index, event in enumerate(events):
        if isinstance(event, ReasoningDelta | TextDelta):
            texts.setdefault((type(event).__name__,), []).append((index, event.text))
        elif isinstance(event, ToolOutput):
            texts.setdefault((event.call_id, event.stream), []).append((index, event.text))
    return texts


def _first(texts: Iterable[_Pieces], settled: int) -> int:
    """The number of the first event that has a piece of a text."""
    return min((pieces[0][0] for pieces in texts), default=settled)


def _index(pieces: _Pieces, offset: int) -> int:
    """The number of the event with the piece that a character of the text stands in."""
    for index, piece in pieces:
        offset -= len(piece)
        if offset < 0:
            return index
    return pieces[-1][0]


def _mute(event: Event) -> Event:
    """An event without what tells of something that was redacted before."""
    if isinstance(event, RequestSent):
        # The digest is of a body that no reader of this trace can make again.
        return structs.replace(event, digest="")
    if isinstance(event, AssistantMessage):
        # Tokens would spell out what was redacted.
        return structs.replace(event, **_NO_TOKENS)
    return event


@cache
def _free(kind: type[Struct]) -> tuple[str, ...]:
    """The fields that may hold any text."""
    return tuple(each.name for each in structs.fields(kind) if get_origin(each.type) is not Literal)


def _mask(pieces: list[str], spans: list[Span], text: str, offset: int) -> list[str]:
    """Pieces of a text, the first of which begins at `offset`, without what stands in the spans."""
    masked: list[str] = []
    start = offset
    for piece in pieces:
        at, end = start, start + len(piece)
        kept: list[str] = []
        for begin, stop in spans:
            if stop <= start or begin >= end:
                continue
            kept.append(text[at : max(begin, start)])
            if begin >= start or not masked:
                kept.append(MARK)
            at = min(stop, end)
        kept.append(text[at:end])
        masked.append("".join(kept))
        start = end
    return masked
