"""A worker that drains when it is told to end: a session in each state that a turn can be in.

    draining_worker.py STORE SERVER MODEL FOLDER LOOP SECONDS

Says what it does, a line each. The tools write a line for each of their runs into `FOLDER/ledger`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from toolrun import CallContext, Decision, Runtime, Session, ToolCall, draining, tool

if TYPE_CHECKING:
    from collections.abc import Callable


def tools(folder: Path) -> list[Callable[..., Any]]:
    """Tools that write down that they ran; the process that resumes has the same."""

    def ran(context: CallContext) -> None:
        with (folder / "ledger").open("a") as ledger:
            ledger.write(f"{context.idempotency_key}\n")

    @tool(trusted=True, on_crash="never")
    async def finish(context: CallContext) -> str:
        """End once a file is there."""
        ran(context)
        while not (folder / "go").exists():  # noqa: ASYNC110 - another process makes it
            await anyio.sleep(0.02)
        return "finished"

    @tool(trusted=True, on_crash="key")
    async def hang(context: CallContext) -> str:
        """Never end, unless the file is there from the beginning."""
        ran(context)
        if not (folder / "go-2").exists():
            await anyio.sleep_forever()
        return "hung no more"

    @tool(trusted=True, approve=True)
    async def send(context: CallContext, to: str) -> str:
        """Send something."""
        ran(context)
        return f"sent to {to}"

    return [finish, hang, send]


async def nobody(call: ToolCall) -> Decision | None:
    print("approval", flush=True)
    await anyio.sleep_forever()
    raise AssertionError(call)


async def ask(session: Session) -> None:
    async with session.stream(f"[[script:{session.id}]]") as events:
        async for event in events:
            kind = type(event).__name__
            if kind in ("ToolCallStarted", "TextDelta", "ToolCallFinished"):
                print(session.id, kind, flush=True)
    assert events.answer is not None
    print(session.id, events.answer.status, events.answer.reason, flush=True)


async def main(argv: list[str]) -> None:
    store, server, model, folder, _, seconds = argv
    options: dict[str, Any] = {"model": model, "base_url": server, "tools": tools(Path(folder))}
    async with (
        Runtime(store=store, approve=nobody, **options) as runtime,
        draining(runtime, seconds=float(seconds)) as stopping,
        anyio.create_task_group() as group,
    ):
        for name in ("finish", "hang", "streaming", "approval"):
            session = await runtime.session(name).__aenter__()
            group.start_soon(ask, session)
        async with runtime.session("idle"):  # held: what nobody holds is given back
            await anyio.sleep_forever()
    signal = stopping.signal
    print("end", signal.name if signal else None, flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:], backend=sys.argv[5])
