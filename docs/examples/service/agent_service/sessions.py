"""Which sessions does a tenant have, and what was said in them?"""

import secrets
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from agent_service.failures import Failure, draining, unknown
from agent_service.places import START, Place
from agent_service.service import Service, Tenant, TheService
from agent_service.told import error_of
from toolrun import ConfigError, State, fold, to_openai
from toolrun.store import Query, SessionInfo

PAGE = 100
MOST = 1_000_000
"""The largest offset: databases count no further than a few bytes."""
router = APIRouter(prefix="/v1/sessions")


class NewSession(BaseModel):
    """What a tenant may choose of a new session."""

    model_config = ConfigDict(extra="forbid")

    effort: Literal["low", "medium", "high"] | None = None


@router.post("", status_code=201)
async def create(body: NewSession, service: TheService, tenant: Tenant) -> dict[str, Any]:
    """Begin a session."""
    if service.work.draining:
        raise draining()
    most = service.settings.tenant_sessions
    # Two workers that count at the same time may each let one in: a bound, not a bank.
    if len(await service.store.sessions(Query(tenant=tenant, limit=most))) >= most:
        raise Failure(429, "too_many_sessions", f"There are {most} sessions; delete some.")
    session_id = secrets.token_hex(16)
    chosen: dict[str, Any] = {} if body.effort is None else {"effort": body.effort}
    async with service.runtime.session(id=session_id, tenant=tenant, **chosen):
        pass  # it is in the store now, and any worker can resume it
    return {"id": session_id}


@router.get("")
async def list_all(
    service: TheService, tenant: Tenant, text: str = "", offset: int = 0
) -> dict[str, Any]:
    """The newest sessions; those in which a text was said."""
    query = Query(tenant=tenant, text=text, limit=PAGE, offset=min(max(offset, 0), MOST))
    return {"sessions": [_shown(info) for info in await service.store.sessions(query)]}


@router.get("/{session_id}")
async def get(session_id: str, service: TheService, tenant: Tenant) -> dict[str, Any]:
    """What was said in a session, what waits for a decision, and from where to follow it."""
    state, place = await read(service, session_id, tenant)
    finished = state.finished
    return {
        "id": session_id,
        "status": status_of(state),
        "error": None if finished is None else error_of(finished),
        "turns": state.turn,
        "messages": to_openai(state.transcript),
        "approvals": waiting(state),
        "event": str(place),
    }


@router.delete("/{session_id}", status_code=204)
async def delete(session_id: str, service: TheService, tenant: Tenant) -> None:
    """Remove a session and all that was said in it."""
    try:
        await service.store.delete(session_id, tenant)
    except ConfigError as error:
        raise unknown() from error
    service.work.watch.wake(session_id)


async def read(service: Service, session_id: str, tenant: str) -> tuple[State, Place]:
    """The state of a session, whoever drives it, and the place of its last event.

    Raises:
        Failure: there is no such session.
    """
    try:
        events = await service.store.read(session_id, tenant)
    except ConfigError as error:
        raise unknown() from error
    return fold(events), Place(events[-1].seq) if events else START


def status_of(state: State) -> str:
    """How the last turn ended; "running" where it has not, "new" where there was none."""
    if state.finished is not None:
        return state.finished.status
    return "running" if state.turn else "new"


def waiting(state: State) -> list[dict[str, Any]]:
    """The calls of a session that wait for a decision."""
    return [
        {
            "call_id": each.call_id,
            "name": each.name,
            "arguments": each.arguments,
            "reason": each.reason,
            "since": each.time,
        }
        for each in state.pending.values()
    ]


def _shown(info: SessionInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "title": info.title,
        "status": info.status,
        "created": info.created,
        "updated": info.updated,
        "turns": info.turns,
        "driven": info.holder is not None,
    }
