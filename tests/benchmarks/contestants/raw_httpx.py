"""httpx (as httpx2, which the openai package is built on) and json; the pool is that package's."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from tests.benchmarks.contestants.raw import RawLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class RawHttpx:
    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self.client = client
        self.url = f"{url}/chat/completions"

    async def whole(self, body: dict[str, Any]) -> bytes:
        reply = await self.client.post(self.url, json=body)
        return reply.content

    async def reads(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        async with self.client.stream("POST", self.url, json=body) as reply:
            async for read in reply.aiter_bytes():
                yield read


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[RawLoop]:
    async with httpx2.AsyncClient(
        headers={"authorization": "Bearer EMPTY"},
        limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
        timeout=600,
    ) as client:
        yield RawLoop(RawHttpx(client, url), model)
