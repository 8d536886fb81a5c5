"""Makes the stores of a schema version for later releases: `python -m tests.rig.stores FOLDER`.

The folder gets `sessions.db` of SQLite, `sessions.sql` of PostgreSQL, and `events.jsonl`: what is
in both of them. See `tests/stores/README.md`.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from tests.rig import postgres
from tests.unit.store.stories import EVERY_KIND, opened, placed
from toolrun import events as ev
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.store.store import SqlStore

LARGE = bytes(range(256)) * 80


def stories() -> dict[str, list[ev.Durable]]:
    """The sessions, by id: every kind of event, one that waits, one whose process died."""
    call = ToolCall("call_1", "send_mail", '{"to": "ada@example.com"}')
    began = [
        ev.SessionOpened(
            version="0.1.0", date="2026-01-01", settings={"tenant": "acme"}, on_crash={}
        ),
        ev.UserMessage(content="Write to Ada, please."),
        ev.AssistantMessage(reasoning="One mail.", tool_calls=(call,)),
    ]
    asked = ev.ApprovalRequested(
        call_id="call_1", name="send_mail", arguments={"to": "ada@example.com"}, reason="It sends."
    )
    started = ev.ToolCallStarted(
        call_id="call_1", name="send_mail", arguments={"to": "ada@example.com"}
    )
    changed = ev.FileChanged(
        call_id="call_1", path="draft.bin", change="deleted", before=LARGE, before_size=len(LARGE)
    )
    done = ev.ToolCallFinished(call_id="call_1", name="send_mail", result=ToolResult("Sent."))
    answer = ev.AssistantMessage(content="Sent to Ada: “Grüße”.", finish_reason="stop")
    return {
        "every-kind": placed("every-kind", EVERY_KIND),
        "parked": placed("parked", [*began, asked, ev.TurnFinished(status="parked")]),
        "crashed": placed("crashed", [*began, started, changed]),
        "finished": placed(
            "finished", [*began, started, done, answer, ev.TurnFinished(status="finished")]
        ),
    }


async def fill(store: SqlStore) -> None:
    """Put the sessions into a store; nobody holds them after."""
    for session, events in stories().items():
        lease = await store.create(session, "acme")
        await store.append(lease, events)
        await store.release(lease)


async def _fill(url: str) -> None:
    async with opened(url) as store:
        await fill(store)


def lines(sessions: Iterable[list[ev.Durable]]) -> bytes:
    """Events as lines of JSON."""
    return msgspec.json.Encoder().encode_lines([event for each in sessions for event in each])


def make(folder: Path) -> None:
    """Write the three files."""
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_bytes(lines(stories().values()))
    path = folder / "sessions.db"
    anyio.run(_fill, f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    connection.close()
    path.chmod(0o644)
    with postgres.new() as server:
        url = server.database()
        anyio.run(_fill, url)
        (folder / "sessions.sql").write_text(server.dump("test0") + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute())
