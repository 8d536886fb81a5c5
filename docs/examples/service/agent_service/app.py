"""How do the parts become one application?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from agent_service import approvals, asking, health, page, sessions, sockets
from agent_service.failures import answer_failures
from agent_service.guard import Guard
from agent_service.service import opened
from agent_service.settings import Settings
from toolrun import Config


def make_app(settings: Settings, config: Config) -> FastAPI:
    """The application of a worker; it is open for as long as its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings, config) as service:
            app.state.service = service
            yield

    app = FastAPI(title="Agent service", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, body_bytes=settings.body_bytes)
    answer_failures(app)
    for room in (page, sessions, asking, approvals, sockets, health):
        app.include_router(room.router)
    return app
