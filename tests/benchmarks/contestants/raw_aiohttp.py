"""The floor: aiohttp and json."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.benchmarks.contestants.raw import RawLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class RawAiohttp:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = f"{url}/chat/completions"

    async def whole(self, body: dict[str, Any]) -> bytes:
        async with self.session.post(self.url, json=body) as reply:
            return await reply.read()

    async def reads(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        async with self.session.post(self.url, json=body) as reply:
            async for read in reply.content.iter_any():
                yield read


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[RawLoop]:
    async with aiohttp.ClientSession(
        headers={"authorization": "Bearer EMPTY"},
        connector=aiohttp.TCPConnector(limit=0),
    ) as session:
        yield RawLoop(RawAiohttp(session, url), model)
