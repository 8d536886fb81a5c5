"""A service under uvicorn, as docs/how-to/stop-and-drain.md has it; it streams a turn.

draining_service.py STORE SERVER MODEL PORT
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

import anyio
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from toolrun import Runtime, TextDelta, TurnFinished, draining, tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@tool(trusted=True, on_crash="key")
async def wait() -> str:
    """Never return."""
    await anyio.sleep_forever()
    raise AssertionError


def service(store: str, server: str, model: str) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            Runtime(store=store, base_url=server, model=model, tools=[wait]) as runtime,
            draining(runtime, seconds=0.5, pass_on=True),
        ):
            app.state.runtime = runtime
            yield
            print("lifespan ends", flush=True)

    app = FastAPI(lifespan=lifespan)

    @app.get("/{session_id}")
    async def ask(session_id: str) -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            runtime: Runtime = app.state.runtime
            async with runtime.session(session_id) as session, session.stream("Go.") as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        yield json.dumps({"text": event.text}) + "\n"
                    elif isinstance(event, TurnFinished):
                        yield json.dumps({"status": event.status, "reason": event.reason}) + "\n"
                    else:
                        yield json.dumps({"kind": type(event).__name__}) + "\n"

        return StreamingResponse(told())

    return app


if __name__ == "__main__":
    uvicorn.run(service(*sys.argv[1:4]), port=int(sys.argv[4]), log_level="warning")
