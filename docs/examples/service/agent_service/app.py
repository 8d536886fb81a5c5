"""How do the parts become one application?"""

from fastapi import FastAPI

from agent_service import approvals, asking, health, page, sessions, sockets
from agent_service.failures import answer_failures
from agent_service.guard import Guard
from agent_service.service import Service


def make_app(service: Service) -> FastAPI:
    """The application of a worker that is open."""
    app = FastAPI(title="Agent service", docs_url=None, redoc_url=None)
    app.state.service = service
    app.add_middleware(Guard, body_bytes=service.settings.body_bytes)
    answer_failures(app)
    for room in (page, sessions, asking, approvals, sockets, health):
        app.include_router(room.router)
    return app
