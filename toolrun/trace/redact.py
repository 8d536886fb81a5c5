"""What must not reach the disk? Secrets, by value and by pattern, also split over events.

Deltas keep their boundaries, which a replay needs: a secret that is split over pieces is replaced
in the piece that it begins in and removed from the others. A piece that ends in what may be the
beginning of a secret is not held back, for a durable event must not overtake it; that end is
redacted instead, and its continuation, if it comes, too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from toolrun.events import (
    AssistantMessage,
    ReasoningDelta,
    RequestSent,
    TextDelta,
    ToolCallFinished,
    ToolOutput,
)
from toolrun.trace.columns import Deltas, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolrun.events import Event
    from toolrun.trace.columns import Row

MARK = "[redacted]"
MIN_TAIL = 4
"""A shorter beginning of a secret at a forced end is left: it tells nothing."""

_KEYS = (
    re.compile(r"(?<![A-Za-z0-9])(sk-[A-Za-z0-9_-]{16,})"),
    re.compile(r"\bBearer\s+([A-Za-z0-9._~+/=-]{16,})"),
)
_HINTS = ("sk-", "Bearer")
_OPEN_KEY = re.compile(
    r"(?:(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{0,4096}|\bBearer\s+[^\s\"']{0,4096})\Z"
)
_LONGEST_KEY = 4200

_TOKENS = ("prompt_token_ids", "token_ids", "rendered_token_ids", "continues", "logprobs")
_encoder = msgspec.json.Encoder()
_Pieces = list[tuple[int, str]]
_Span = tuple[int, int]


class Redactor:
    """Encodes the events of one session without its secrets.

    Args:
        secrets: values to replace wherever they stand in a string, plain or JSON-escaped; empty
            ones are passed over.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted({form for each in secrets if each for form in _forms(each)}))
        self._looked_for = (*self._secrets, *_HINTS)
        self._needles = tuple(_encoder.encode(text)[1:-1] for text in self._looked_for)
        self._carried: dict[tuple[str, ...], str] = {}
        self._hit = False

    def lines(self, events: Sequence[Event]) -> bytes:
        """Events that follow each other as JSON lines, each with its newline."""
        if (data := self._clean_lines(events)) is not None:
            return data
        found = rows(self._split_secrets(events))
        data = self._encoded(found)
        if data is not None and not self._hit and self._is_clean(data):
            return data
        return b"".join(self._line(row) for row in found)

    def _clean_lines(self, events: Sequence[Event]) -> bytes | None:
        """The lines of a whole step, where nothing in it looks like a secret; None: look closer.

        The pieces of its texts, most of what there is to write, are looked at joined, once.
        """
        if self._hit or self._carried or not events or not events[-1].durable:
            return None
        if self._suspicious(events[-1].session):
            return None
        texts: dict[str, list[str]] = {}
        lines: list[bytes] = []
        others: list[bytes] = []
        for row in rows(events):
            line = self._encoded([row])
            if line is None or type(row) is ToolOutput:
                return None
            lines.append(line)
            if type(row) is Deltas:
                texts.setdefault(row.of, []).extend(row.text)
                continue
            others.append(line)
            if type(row) is TextDelta or type(row) is ReasoningDelta:
                texts.setdefault(type(row).__name__, []).append(row.text)
        if not self._is_clean(b"".join(others)):
            return None
        for pieces in texts.values():
            if self._suspicious("".join(pieces)):
                return None
        return b"".join(lines)

    def _suspicious(self, text: str) -> bool:
        # No generator: this is asked for each line of a trace.
        for each in self._looked_for:  # noqa: SIM110
            if each in text:
                return True
        return False

    def _is_clean(self, lines: bytes) -> bool:
        for each in self._needles:  # noqa: SIM110
            if each in lines:
                return False
        return True

    def _encoded(self, found: Sequence[Row]) -> bytes | None:
        try:
            return _encoder.encode_lines(found)
        except UnicodeEncodeError:  # half a surrogate pair: not JSON, and not worth a session
            return None

    def text(self, text: str) -> str:
        """A string without secrets."""
        return _mask([text], self._spans(text), text, 0)[0]

    def value(self, value: Any) -> Any:
        """JSON values without secrets, in keys, too."""
        match value:
            case str():
                return self.text(value.encode("utf-8", "replace").decode())
            case dict():
                return {self.value(key): self.value(each) for key, each in value.items()}
            case list() | tuple():
                return [self.value(each) for each in value]
            case _:
                return value

    def _line(self, event: Row) -> bytes:
        plain = msgspec.to_builtins(event)
        clean = self.value(plain)
        if event.durable or isinstance(event, RequestSent):
            self._hit = self._hit or clean != plain
        if self._hit and isinstance(event, RequestSent):
            # The digest is of a body that no reader of this trace can make again.
            clean["digest"] = ""
        if self._hit and isinstance(event, AssistantMessage):
            # Tokens would spell out what was redacted.
            for name in _TOKENS:
                clean.pop(name, None)
        return _encoder.encode(clean) + b"\n"

    def _split_secrets(self, events: Sequence[Event]) -> Sequence[Event]:
        """The same events without the secrets that stretch over several pieces of one text."""
        texts: dict[tuple[str, ...], _Pieces] = {}
        ended: set[str] = set()
        for index, event in enumerate(events):
            if isinstance(event, ReasoningDelta | TextDelta):
                texts.setdefault((type(event).__name__,), []).append((index, event.text))
            elif isinstance(event, ToolOutput):
                texts.setdefault((event.call_id, event.stream), []).append((index, event.text))
            elif isinstance(event, ToolCallFinished):
                ended.add(event.call_id)
        step_ended = bool(events) and events[-1].durable
        mended: list[Event] | None = None
        for key, pieces in texts.items():
            is_open = key[0] not in ended if len(key) > 1 else not step_ended
            for index, text in self._mended(key, pieces, is_open=is_open):
                mended = list(events) if mended is None else mended
                mended[index] = structs.replace(mended[index], text=text)
        if step_ended:
            self._forget(ended)
        return events if mended is None else mended

    def _mended(
        self, key: tuple[str, ...], pieces: _Pieces, *, is_open: bool
    ) -> Iterator[tuple[int, str]]:
        """The pieces of one text that must change."""
        carried = self._carried.pop(key, "")
        text = carried + "".join(piece for _, piece in pieces)
        spans = self._spans(text)
        if is_open and (begin := self._open_tail(text)) is not None:
            self._carried[key] = text[begin:]
            if len(text) - begin >= MIN_TAIL:
                spans = _merged([*spans, (begin, len(text))])
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

    def _spans(self, text: str) -> list[_Span]:
        """Where secrets stand in a text: apart, in order."""
        spans: list[_Span] = []
        for secret in self._secrets:
            at = text.find(secret)
            while at >= 0:
                spans.append((at, at + len(secret)))
                at = text.find(secret, at + 1)
        if any(hint in text for hint in _HINTS):
            spans += [found.span(1) for key in _KEYS for found in key.finditer(text)]
        return _merged(spans)

    def _open_tail(self, text: str) -> int | None:
        """Where the end of a text begins that more text could make a secret, or a longer one."""
        begins = [
            len(text) - length
            for secret in (*self._secrets, *_HINTS)
            for length in range(min(len(secret) - 1, len(text)), 0, -1)
            if text.endswith(secret[:length])
        ]
        offset = max(0, len(text) - _LONGEST_KEY)
        if (found := _OPEN_KEY.search(text, offset)) is not None:
            begins.append(found.start())
        return min(begins, default=None)


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as it stands in JSON inside of a string."""
    return {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}


def _merged(spans: list[_Span]) -> list[_Span]:
    merged: list[_Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _mask(pieces: list[str], spans: list[_Span], text: str, offset: int) -> list[str]:
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
