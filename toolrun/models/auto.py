"""Which way to a server keeps the reasoning? Asked once, before the first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from toolrun.models.chat import ChatModel

if TYPE_CHECKING:
    from toolrun.events import AssistantMessage
    from toolrun.models.model import Model, Observe, Request
    from toolrun.models.proof import Proof
    from toolrun.models.ways import Server


class AutoModel:
    """Models behind one server, sampled in the way that the server's dialect asks for.

    Args:
        server: where it is.
    """

    sound = True

    def __init__(self, server: Server) -> None:
        self._server = server
        self._chat = ChatModel(
            server.base_url,
            api_key=server.api_key,
            headers=server.headers,
            timeouts=server.timeouts,
        )
        self._chosen: Model | None = None
        self._choosing: anyio.Lock | None = None

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Sample one step; see `Model.sample`."""
        model = self._chosen or await self._choose()
        return await model.sample(request, observe)

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Whether the reasoning of a step is in the prompt of a later one; see `ChatModel`."""
        return await self._chat.prove(name, step, later)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._chat.aclose()

    async def _choose(self) -> Model:
        self._choosing = self._choosing or anyio.Lock()
        async with self._choosing:
            if self._chosen is None:
                await self._chat.dialect()
                self._chosen = self._chat
        return self._chosen
