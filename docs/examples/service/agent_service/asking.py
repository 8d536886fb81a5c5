"""How is a turn begun, followed and stopped over HTTP?"""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from agent_service.failures import Failure
from agent_service.follow import Follower
from agent_service.places import Place, read_place
from agent_service.service import Service, Tenant, TheService
from agent_service.sse import EventStreamResponse

router = APIRouter(prefix="/v1/sessions/{session_id}")


class Asked(BaseModel):
    """What a user says."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1)


@router.post("/ask")
async def ask(
    session_id: str,
    body: Asked,
    service: TheService,
    tenant: Tenant,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Begin a turn; its events as a stream, or where asked for JSON: from where to follow it."""
    place = await begin(service, session_id, tenant, body.text)
    if "text/event-stream" not in accept:
        return JSONResponse({"after": str(place)}, 202)
    follower = Follower(service.store, service.work, session_id, tenant, place)
    return EventStreamResponse(
        follower,
        service.metrics.streams.labels("ask"),
        turn=service.work.lives.get(session_id),
        until_end=True,
        cancels=service.settings.on_disconnect == "cancel",
    )


@router.get("/events")
async def events(
    session_id: str,
    service: TheService,
    tenant: Tenant,
    after: str = "",
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """The events of a session from the one that the client had last, and what will come."""
    # A browser's own reconnection sends the header; its URL still has the older `after`.
    place = read_place(last_event_id or after)
    follower = Follower(service.store, service.work, session_id, tenant, place)
    await follower.check()
    return EventStreamResponse(follower, service.metrics.streams.labels("events"))


@router.post("/cancel")
async def cancel(session_id: str, service: TheService, tenant: Tenant) -> dict[str, Any]:
    """Stop the turn that runs, on whichever worker."""
    return {"cancelled": await service.work.cancel(session_id, tenant)}


async def begin(service: Service, session_id: str, tenant: str, text: str) -> Place:
    """Begin a turn, and say after which event it begins.

    Raises:
        Failure: it cannot begin.
    """
    if len(text) > service.settings.text_chars:
        raise Failure(413, "too_large", f"At most {service.settings.text_chars} characters.")
    live = await service.work.ask(session_id, tenant, text)
    while live.place is None and not live.ended:
        await live.changed()
    if live.place is None:
        raise Failure(503, live.failure or "not_begun", "The turn could not begin.", retry_after=1)
    return live.base
