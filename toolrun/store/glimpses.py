"""What else do lists show of sessions? What is in no projection: a few events of each are read.

The folder stands in the first event, and how many tokens the conversation has come to in the last
message of the model, which is among the last events of a session that rests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import and_, or_, select

from toolrun.store.contract import Glimpse
from toolrun.store.tables import events, sessions
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_AT_ONCE: Final = 500
"""Ids in one statement."""
_LAST: Final = 3
"""Events at the end of a session among which the model's last message is looked for."""


class _Settings(Struct, frozen=True):
    folder: str | None = None


class _Opened(Struct, frozen=True):
    settings: _Settings = _Settings()


class _Said(Struct, frozen=True):
    usage: Usage = Usage()


_opened = msgspec.json.Decoder(_Opened)
_said = msgspec.json.Decoder(_Said)


def glimpses(connection: Connection, ids: Sequence[str]) -> dict[str, Glimpse]:
    """What is seen of these sessions; of damaged events nothing.

    Args:
        connection: to read on.
        ids: of the sessions; those that are not there are left out.
    """
    found: dict[str, Glimpse] = {}
    for at in range(0, len(ids), _AT_ONCE):
        for session, seq, body in _rows(connection, ids[at : at + _AT_ONCE]):
            before = found.get(session, Glimpse())
            found[session] = _seen(before, body, first=seq == 1)
    return found


def _rows(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    last = and_(events.c.seq > sessions.c.seq - _LAST, events.c.type == "AssistantMessage")
    return connection.execute(
        select(events.c.session, events.c.seq, events.c.body)
        .select_from(sessions.join(events, events.c.session == sessions.c.id))
        .where(sessions.c.id.in_(ids), or_(events.c.seq == 1, last))
        .order_by(events.c.session, events.c.seq)
    ).all()


def _seen(before: Glimpse, body: str, *, first: bool) -> Glimpse:
    try:
        if first:
            return Glimpse(_opened.decode(body).settings.folder, before.tokens)
        return Glimpse(before.folder, _said.decode(body).usage.total_tokens)
    except msgspec.MsgspecError:
        return before
