"""What do the sessions of these tests hold? Events in their places, and stores to put them in."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun import events as ev
from toolrun.store.opening import sql_store
from toolrun.values import Rule, ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from toolrun.store.contract import Durability, Lease
    from toolrun.store.store import SqlStore

BEGUN = 1_700_000_000.0
CALL = ToolCall("call_1", "get_weather", '{"city": "Tromsø"}')

EVERY_KIND: Sequence[ev.Durable] = (
    ev.SessionOpened(
        version="1", date="2026-01-01", settings={"tenant": "acme"}, on_crash={"get_weather": "ask"}
    ),
    ev.UserMessage(content='How warm is it in "Tromsø"?\n\0 Tell me 😀', output={"type": "object"}),
    ev.AssistantMessage(
        reasoning="I look.", tool_calls=(CALL,), usage=Usage(7, 3), token_ids=(1, 2, 3)
    ),
    ev.ApprovalRequested(call_id="call_1", name="get_weather", arguments={}, reason="it costs"),
    ev.ApprovalDecided(call_id="call_1", decision="approve", rule=Rule("get_weather")),
    ev.ToolCallStarted(call_id="call_1", name="get_weather", arguments={"city": "Tromsø"}),
    ev.FileChanged(
        call_id="call_1",
        path="a.txt",
        change="modified",
        before=b"old",
        before_size=3,
        before_digest="aa",
    ),
    ev.ToolCallFinished(call_id="call_1", name="get_weather", result=ToolResult("-3°", "unknown")),
    ev.LimitReached(limit="steps", value=3),
    ev.Compacted(results=(2,), covers=1, summary="How warm it is.", before=900, after=80),
    ev.TurnFinished(status="limited"),
    ev.TurnUndone(left=("b.txt: changed since",)),
    ev.SettingsChanged(settings={"effort": "high"}),
    ev.ForkedFrom(parent="other", parent_seq=4, standing=(Rule("get_weather"),)),
)


def placed(session: str, events: Sequence[ev.Durable], after: int = 0) -> list[ev.Durable]:
    """Events with their places, as a journal gives them."""
    return [
        structs.replace(event, session=session, seq=seq, time=BEGUN + seq, turn=1)
        for seq, event in enumerate(events, after + 1)
    ]


def said(session: str, count: int, after: int = 0) -> list[ev.Durable]:
    """Some events, each different."""
    texts = [f"message {after + each}" for each in range(1, count + 1)]
    return placed(session, [ev.UserMessage(content=text) for text in texts], after)


def opening(session: str, tenant: str | None = None, text: str = "Hello") -> list[ev.Durable]:
    """The first two events of a session."""
    settings: dict[str, Any] = {} if tenant is None else {"tenant": tenant}
    opened = ev.SessionOpened(version="1", date="2026-01-01", settings=settings)
    return placed(session, [opened, ev.UserMessage(content=text)])


@asynccontextmanager
async def opened(url: str, durability: Durability = "process") -> AsyncIterator[SqlStore]:
    """A store that is open."""
    store = sql_store(url, durability=durability)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


async def kept(
    store: SqlStore, session: str, tenant: str | None = None, text: str = "Hello"
) -> Lease:
    """A session of two events."""
    lease = await store.create(session, tenant)
    await store.append(lease, opening(session, tenant, text))
    return lease


@contextmanager
def raw(url: str) -> Iterator[Any]:
    """A connection of the driver, past the store; `?` stands for a parameter."""
    if url.startswith("sqlite"):
        import sqlite3

        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    else:
        import psycopg

        connection = psycopg.connect(url, autocommit=True)
    try:
        yield lambda text, *args: connection.execute(
            text if url.startswith("sqlite") else text.replace("?", "%s"), args
        )
    finally:
        connection.close()
