"""How does a durable event become a row, and a row that event again?

The body is the event as JSON, the same names as everywhere. What a file held before a call changed
it goes to `blobs` where it is large. A checksum stands over session, number, type and body.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import structs

from toolrun.errors import StoreError
from toolrun.events import (
    AnyEvent,
    AssistantMessage,
    Durable,
    FileChanged,
    SessionOpened,
    SettingsChanged,
    UserMessage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LARGE = 16 * 1024
"""Bytes of a file's content before a change; more than that goes to `blobs`."""

_encode = msgspec.json.Encoder().encode
_decode: Callable[[str], Any] = msgspec.json.Decoder(AnyEvent).decode


class Row(NamedTuple):
    """An event as it is stored, and what goes into other tables with it."""

    session: str
    seq: int
    type: str
    body: str
    checksum: str
    said: str | None
    blob: tuple[str, bytes] | None


def row_of(event: Durable) -> Row:
    """An event as a row."""
    blob = None
    if isinstance(event, FileChanged) and event.before is not None and len(event.before) > LARGE:
        digest = hashlib.sha256(event.before).hexdigest()
        blob = digest, event.before
        event = structs.replace(event, before=None, before_digest=digest)
    kind = type(event).__name__
    body = _json(event)
    checksum = checksum_of(event.session, event.seq, kind, body)
    return Row(event.session, event.seq, kind, body, checksum, _said(event), blob)


def _said(event: Durable) -> str | None:
    """What of an event is searched."""
    text = None
    if isinstance(event, UserMessage | AssistantMessage):
        text = event.content
    elif isinstance(event, SessionOpened | SettingsChanged):
        text = event.settings.get("title")  # no database folds the case of all letters
    return folded(text) if isinstance(text, str) and text else None


def checksum_of(session: str, seq: int, kind: str, body: str) -> str:
    """What stands beside an event so that damage to it is found."""
    text = f"{session}\0{seq}\0{kind}\0{body}"
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def folded(text: str) -> str:
    """A text as it is searched: without differences of case, and without what no column takes."""
    return text.casefold().replace("\0", "").encode(errors="replace").decode()


def event_of(session: str, row: Sequence[Any], seq: int) -> Durable:
    """A row (seq, type, body, checksum) as its event.

    Args:
        session: whose it is.
        row: what is stored.
        seq: the number that it must have.

    Raises:
        StoreError: it is damaged, or another event should stand here.
    """
    found, kind, body, checksum = row
    if found != seq:
        raise damaged(session, seq, "is missing")
    if checksum_of(session, seq, kind, body) != checksum:
        raise damaged(session, seq, "is not what was written: its checksum differs")
    try:
        event = _decode(body)
    except msgspec.DecodeError as error:
        raise damaged(session, seq, f"is none that this toolrun knows ({error})") from error
    if not isinstance(event, Durable) or (event.session, event.seq) != (session, seq):
        raise damaged(session, seq, "stands in another's place")
    return event


def damaged(session: str, seq: int, what: str) -> StoreError:
    """The error for an event that cannot be read."""
    return StoreError(
        f"session {session!r} is damaged: its event {seq} {what}; restore it from a backup, or read"
        " what is whole before that with `await store.salvage(id)`"
    )


def _json(event: Durable) -> str:
    try:
        return _encode(event).decode()
    except UnicodeEncodeError:  # half a surrogate pair, which no JSON can hold
        plain = json.dumps(msgspec.to_builtins(event), ensure_ascii=False)
        return plain.encode(errors="replace").decode()
