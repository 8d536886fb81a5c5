"""Is what a worker needs there?"""

import time

import anyio
import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from agent_service.work import Work
from toolrun import Config, StoreError
from toolrun.store import Query, Store

CHECK_SECONDS = 2.0
KEEP_SECONDS = 2.0
"""What was found out holds for so long: probes of many load balancers must not become a load."""
_OK = 200
log = structlog.get_logger("agent_service")


class Ready:
    """What a worker needs, and whether that is there."""

    def __init__(self, store: Store, work: Work, config: Config) -> None:
        self._asked = store
        self._work = work
        self._config = config
        self._found: dict[str, str] = {}
        self._until = 0.0
        self._lock = anyio.Lock()

    async def found(self) -> dict[str, str]:
        """For each of them "ok", or what is wrong."""
        if self._work.draining:
            return {"worker": "draining"}
        async with self._lock:
            if time.monotonic() >= self._until:
                self._found = {"store": await self._store(), "model": await self._model()}
                self._until = time.monotonic() + KEEP_SECONDS
        return self._found

    async def _store(self) -> str:
        try:
            with anyio.fail_after(CHECK_SECONDS):
                await self._asked.sessions(Query(limit=1))
        except (StoreError, TimeoutError) as error:
            log.warning("not ready", what="store", error=repr(error))
            return "unreachable"
        return "ok"

    async def _model(self) -> str:
        """Whether one of the servers answers; which models it has is told by the first step."""
        if self._config.is_embedded:
            return "ok"  # nothing has to be reached: this process samples it
        timeout = ClientTimeout(total=CHECK_SECONDS)
        key = self._config.api_key
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        async with ClientSession(timeout=timeout, headers=headers) as client:
            for url in self._config.base_urls:
                try:
                    async with client.get(f"{url.rstrip('/')}/models") as answer:
                        if answer.status == _OK:
                            return "ok"
                except (ClientError, OSError, TimeoutError) as error:
                    log.warning("not ready", what="model", error=repr(error))
        return "unreachable"
