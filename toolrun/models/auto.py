"""Which way to a server keeps the reasoning? Asked once, before the first step.

Chat Completions, unless the server's dialect says that reasoning is dropped there. Then direct
sampling, where the server takes token ids and a harmony library is installed; else Responses,
where they keep it; else Chat Completions all the same, which warn of it
(`reasoning-not-returned`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio
from msgspec import structs

from toolrun.errors import MissingExtra, ServerError, ServerUnreachable
from toolrun.extras import has
from toolrun.models.chat import ChatModel
from toolrun.models.probe import SECONDS
from toolrun.models.ways import Via, open_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.events import AssistantMessage
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Model, Observe, Request
    from toolrun.models.proof import Proof
    from toolrun.models.ways import Server

_PATHS: dict[Via, str] = {"harmony": "/completions", "responses": "/responses"}
_NOT_FOUND = 404
_HARMONY = "openai_harmony"
"""The name that both openai-harmony and oss-harmony are imported by."""


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
            dialect=server.known,
            timeouts=server.timeouts,
        )
        self._chosen: Model | None = None
        self._choosing: anyio.Lock | None = None

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Sample one step; see `Model.sample`."""
        model = self._chosen or await self._choose()
        return await model.sample(request, observe)

    async def context_length(self, name: str) -> int | None:
        """Tokens that a model takes, prompt and reply together; None where nobody says."""
        return await self._chat.context_length(name)

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Whether the reasoning of a step is in the prompt of a later one; see `ChatModel`."""
        proving = getattr(self._chosen, "prove", self._chat.prove)
        proof: Proof = await proving(name, step, later)
        return proof

    async def aclose(self) -> None:
        """Close all connections."""
        if self._chosen is not None and self._chosen is not self._chat:
            await self._chosen.aclose()
        await self._chat.aclose()

    async def _choose(self) -> Model:
        self._choosing = self._choosing or anyio.Lock()
        async with self._choosing:
            if self._chosen is None:
                self._chosen = await self._opened(await self._chat.dialect())
        return self._chosen

    async def _opened(self, dialect: Dialect) -> Model:
        server = structs.replace(self._server, dialect=dialect.as_given)
        for via in keeping(dialect):
            if await self._has(_PATHS[via]):
                with contextlib.suppress(MissingExtra):
                    return open_model(server, via)
        return self._chat

    async def _has(self, path: str) -> bool:
        """Whether the way to the server, a gateway perhaps, lets a path through.

        A path that takes POST alone answers GET with 405, and one that there is not with 404.
        """
        try:
            page = await self._chat.door.look(f"{self._chat.door.base_url}{path}", SECONDS)
        except ServerUnreachable:
            raise  # it is not known yet, and what is chosen here stays
        except ServerError:
            return False
        return page.status != _NOT_FOUND


def keeping(dialect: Dialect) -> Iterator[Via]:
    """The ways beside Chat Completions that are better there, the best one first."""
    if dialect.takes_reasoning is not False:
        return
    if dialect.tokens and has(_HARMONY):
        yield "harmony"
    if dialect.responses and dialect.responses_reasoning in ("analysis", "no channel"):
        yield "responses"
