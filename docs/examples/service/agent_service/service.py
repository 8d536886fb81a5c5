"""What does a worker hold from its start to its end?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
from fastapi import Depends, Header
from msgspec import Struct
from starlette.requests import HTTPConnection

from agent_service.failures import Failure
from agent_service.metrics import Metrics
from agent_service.ready import Ready
from agent_service.settings import Settings
from agent_service.takeover import TakeOver
from agent_service.tenants import Tenants
from agent_service.tools import INSTRUCTIONS, TOOLS
from agent_service.watch import Watch
from agent_service.work import Work
from toolrun import Config, Runtime
from toolrun.store import Store, open_store


class Service(Struct, frozen=True, eq=False):
    """The parts of a worker."""

    settings: Settings
    config: Config
    tenants: Tenants
    runtime: Runtime
    store: Store
    work: Work
    metrics: Metrics
    ready: Ready


@asynccontextmanager
async def opened(settings: Settings, config: Config, tenants: Tenants) -> AsyncIterator[Service]:
    """A worker that runs: connected, and looking for turns that others left behind.

    Raises:
        ToolrunError: it cannot; the message says what to do.
    """
    assert config.store is not None
    store = open_store(config.store)
    await store.open()
    try:
        async with Runtime(
            model=config.model,
            base_url=config.base_url,
            api_key=config.api_key,
            via=config.via,
            effort=config.effort,
            sampling=config.sampling,
            limits=config.limits,
            extra_body=config.extra_body,
            profile=config.profile,
            backend=config.backend,
            instructions=config.instructions or INSTRUCTIONS,
            tools=[*TOOLS, *config.tools],
            store=store,
        ) as runtime:
            # Where no sandbox holds, a worker must not come up; and no user waits for the probe.
            async with runtime.session(store=None):
                pass
            async with anyio.create_task_group() as group:
                watch = Watch(store, settings.watch_seconds)
                work = Work(runtime, settings, watch, group)
                take_over = TakeOver(store, work, settings.take_over_seconds)
                metrics = Metrics(runtime.counts, work, take_over)
                ready = Ready(store, work, config)
                group.start_soon(watch.run)
                group.start_soon(take_over.run)
                yield Service(settings, config, tenants, runtime, store, work, metrics, ready)
                group.cancel_scope.cancel()
    finally:
        await store.aclose()


def service_of(connection: HTTPConnection) -> Service:
    """The worker that serves a request."""
    service: Service = connection.app.state.service
    return service


def tenant_of(
    service: Annotated[Service, Depends(service_of)],
    authorization: Annotated[str | None, Header()] = None,
) -> str:
    """The tenant whose key a request carries.

    Raises:
        Failure: it carries none.
    """
    if (tenant := service.tenants.of_header(authorization)) is None:
        raise Failure(401, "bad_key", "Send the API key of a tenant as a bearer token.")
    return tenant


TheService = Annotated[Service, Depends(service_of)]
Tenant = Annotated[str, Depends(tenant_of)]
