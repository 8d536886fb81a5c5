"""Who decides on calls that wait? A person, whenever and through whichever worker."""

from typing import Any, Literal

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from agent_service.failures import Failure
from agent_service.service import Tenant, TheService
from agent_service.sessions import PAGE, read, waiting
from toolrun import Approve, Decision, Deny, Edit, StoreError
from toolrun.store import Query

router = APIRouter(prefix="/v1")
log = structlog.get_logger("agent_service")


class Decided(BaseModel):
    """A decision on a call."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["approve", "deny", "edit"]
    scope: Literal["call", "session"] = "call"
    reason: str = Field("", max_length=2000)
    arguments: dict[str, Any] | None = None

    def decision_of(self) -> Decision:
        """As toolrun has it.

        Raises:
            Failure: an edit has no arguments.
        """
        match self.decision:
            case "approve":
                return Approve(self.scope)
            case "deny":
                return Deny(self.reason)
            case "edit" if self.arguments is not None:
                return Edit(self.arguments)
        raise Failure(422, "invalid", "An edit needs `arguments`.")


@router.get("/approvals")
async def list_all(service: TheService, tenant: Tenant) -> dict[str, Any]:
    """All calls that wait for a decision, of the tenant's newest parked sessions."""
    query = Query(tenant=tenant, status=("parked",), limit=PAGE)
    found: list[dict[str, Any]] = []
    for info in await service.store.sessions(query):
        try:
            state, _ = await read(service, info.id, tenant)
        except (
            Failure,
            StoreError,
        ) as error:  # deleted meanwhile, or damaged
            log.warning("passed over", session=info.id, error=repr(error))
            continue
        found += [{"session": info.id, **each} for each in waiting(state)]
    return {"approvals": found}


@router.get("/sessions/{session_id}/approvals")
async def list_some(session_id: str, service: TheService, tenant: Tenant) -> dict[str, Any]:
    """The calls of a session that wait for a decision."""
    state, _ = await read(service, session_id, tenant)
    return {"approvals": waiting(state)}


@router.post("/sessions/{session_id}/approvals/{call_id}")
async def decide(
    session_id: str, call_id: str, body: Decided, service: TheService, tenant: Tenant
) -> dict[str, Any]:
    """Approve, deny or edit a call; where no other waits, the turn goes on here."""
    live = await service.work.decide(session_id, tenant, call_id, body.decision_of())
    return {"goes_on": live is not None}
