"""How many tokens does a server's model take, prompt and reply together?

Asked of the server once, when a conversation has become long enough for it to matter. Answered by
vLLM (`max_model_len` in `/v1/models`), LM Studio (`loaded_context_length` in `/api/v0/models`:
lmstudio-ai/docs 1_developer/2_rest/endpoints.mdx), llama.cpp (`n_ctx` in `/props`:
ggml-org/llama.cpp tools/server) and Ollama, of a model that is loaded (`context_length` in
`/api/ps`: ollama/ollama docs/api.md). A vLLM is seen by tests; of the others the shapes are read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from toolrun.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.models.dialects import Dialect
    from toolrun.models.door import Door

SECONDS = 5.0
"""What an answer may take: a step must not wait for it longer."""
AGAIN_S = 60.0
"""Seconds after which a server that did not answer is asked again."""
_OK = 200


class _Card(Struct):
    id: str = ""
    name: str = ""
    max_model_len: int | None = None
    loaded_context_length: int | None = None
    context_length: int | None = None


class _Cards(Struct):
    data: list[_Card] = []
    models: list[_Card] = []


class _Generation(Struct, frozen=True):
    n_ctx: int | None = None


class _Props(Struct, frozen=True):
    default_generation_settings: _Generation = _Generation()


class Lengths:
    """The context lengths of one server's models, as far as it said them.

    Args:
        door: to the server.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[str, int] = {}
        self._ask_at = 0.0

    async def of(self, name: str, dialect: Dialect | None = None) -> int | None:
        """The length of a model's context; None where the server does not say.

        Args:
            name: of the model.
            dialect: what the server is, where that is known.
        """
        if name not in self._known and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + AGAIN_S
            await self._ask(name, "" if dialect is None else dialect.kind)
        return self._known.get(name)

    async def _ask(self, name: str, kind: str) -> None:
        door = self._door
        path = {
            "lm-studio": f"{door.root}/api/v0/models",
            "ollama": f"{door.root}/api/ps",
            "llama.cpp": f"{door.root}/props",
        }.get(kind, f"{door.base_url}/models")
        if kind == "llama.cpp":
            props = await self._page(path, _Props)
            self._learn(name, props and props.default_generation_settings.n_ctx)
            return
        cards = await self._page(path, _Cards)
        for card in (*cards.data, *cards.models) if cards is not None else ():
            length = card.max_model_len or card.loaded_context_length or card.context_length
            self._learn(card.id or card.name, length)

    def _learn(self, name: str, length: int | None) -> None:
        if name and length and length > 0:
            self._known[name] = length

    async def _page(self, path: str, kind: type[Any]) -> Any:
        try:
            page = await self._door.look(path, SECONDS)
            return msgspec.json.decode(page.body, type=kind) if page.status == _OK else None
        except (ServerError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None


async def length_of(model: object, name: str) -> int | None:
    """What a model takes that has a `context_length(name)`; None where it has none, or none knows.

    Looked up by its name: each step asks, and `isinstance` of a protocol takes 16 µs and more.
    """
    ask: Callable[[str], Awaitable[int | None]] | None = getattr(model, "context_length", None)
    return None if ask is None else await ask(name)
