"""Is this worker alive, should it be given work, and how is it?"""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from agent_service.service import TheService

router = APIRouter()


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Whether the process answers at all: if not, it is to be started anew."""
    return {"status": "ok"}


@router.get("/health/ready")
async def ready(service: TheService) -> JSONResponse:
    """Whether it is to be given work: not while the store or the model is away, or it drains."""
    found = await service.ready.found()
    ok = all(each == "ok" for each in found.values())
    return JSONResponse(
        {"status": "ok" if ok else "not ready", **found},
        200 if ok else 503,
    )


@router.get("/metrics")
async def metrics(service: TheService) -> Response:
    """For Prometheus; who may see it is for the network to say."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")
