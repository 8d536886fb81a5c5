"""What is this server? Asked once, before the first step.

A vLLM is known by one request, the others by up to five, each of them a short GET to the same
server. Asked are `/version` (vLLM), `/v1/models` and what its `owned_by` says ("vllm"; "llamacpp":
ggml-org/llama.cpp tools/server; "organization_owner": LM Studio), `/api/version` (Ollama:
ollama/ollama server/routes.go), `/api/v0/models` (LM Studio: lmstudio-ai/docs
1_developer/2_rest/endpoints.mdx), `/health/readiness` (LiteLLM: #1673; newer ones, seen, leave
their version out); and the headers of each
answer (`x-litellm-version`: #3535; `Server: llama.cpp`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec
from msgspec import Struct

from toolrun.errors import MalformedOutput, ModelNotFound, ServerError
from toolrun.models import dialects

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.models.dialects import Dialect
    from toolrun.models.door import Door, Page

T = TypeVar("T")

SECONDS = 5.0
"""What each of the later questions may take: a server that is not vLLM must not wait for them."""
_OK = 200
_AWAY = (429, 502, 503, 504)
"""What a proxy says whose server is away or busy: what is found out now would be believed later."""


class _Version(Struct):
    version: str


class _Readiness(Struct):
    status: str
    db: str | None
    litellm_version: str = ""


class _Card(Struct):
    owned_by: str = ""


class _Cards(Struct):
    data: list[_Card]


class _LocalCard(Struct):
    state: str
    compatibility_type: str


class _LocalCards(Struct):
    data: list[_LocalCard]


class AskedDialect:
    """The dialect of one server: the one that was given, else asked for at the first use.

    Args:
        door: to the server.
        known: the dialect, where that is known already.

    Attributes:
        known: None until it has been asked for.
    """

    def __init__(self, door: Door, known: Dialect | None) -> None:
        self.known = known
        self._door = door
        self._asking: anyio.Lock | None = None

    async def get(self) -> Dialect:
        """The dialect; whoever comes while it is asked for waits for the same answer.

        Raises:
            ServerUnreachable, ServerTimeout: nobody answers.
            ServerStatus: see `probe`.
        """
        if self.known is None:
            self._asking = self._asking or anyio.Lock()
            async with self._asking:
                if self.known is None:
                    self.known = await probe(self._door)
        return self.known


async def with_names(error: ModelNotFound, door: Door) -> ModelNotFound:
    """The same error with the names of the models that the server does have."""
    try:
        names = await door.models()
    except ServerError:
        return error
    return ModelNotFound(f"{error}. It serves: {', '.join(names) or 'nothing'}", names)


async def probe(door: Door) -> Dialect:
    """The dialect of the server behind a door; "generic" where it does not tell.

    Raises:
        ServerUnreachable, ServerTimeout: nobody answers.
        ServerStatus: somebody answers for a server that is away, so that nothing is known of it.
    """
    try:
        page = await door.look(f"{door.root}/version", door.timeouts.first_token)
    except MalformedOutput:
        return dialects.GENERIC
    if (found := _by_headers(page)) is not None:
        return found
    if (said := _read(page, _Version)) is not None:
        return dialects.vllm(said.version)
    found = await _other(door)
    if found is dialects.GENERIC and page.status in _AWAY:
        raise door.refusal(page)
    return found


async def _other(door: Door) -> Dialect:
    """The dialect of a server that is no vLLM, or hides that it is one."""
    for path, known in _QUESTIONS:
        page = await _page(door, path.format(base=door.base_url, root=door.root))
        if page is not None and (found := _by_headers(page) or known(page)) is not None:
            return found
    return dialects.GENERIC


def _by_owner(page: Page) -> Dialect | None:
    cards = _read(page, _Cards)
    make = _OWNERS.get(cards.data[0].owned_by) if cards is not None and cards.data else None
    return None if make is None else make()


def _is_ollama(page: Page) -> Dialect | None:
    said = _read(page, _Version)
    return None if said is None else dialects.ollama(said.version)


def _is_lm_studio(page: Page) -> Dialect | None:
    cards = _read(page, _LocalCards)
    return dialects.lm_studio() if cards is not None and cards.data else None


def _is_litellm(page: Page) -> Dialect | None:
    ready = _read(page, _Readiness)
    return None if ready is None else dialects.litellm(ready.litellm_version)


_OWNERS: dict[str, Callable[[], Dialect]] = {
    "vllm": dialects.vllm,
    "llamacpp": dialects.llama_cpp,
    "organization_owner": dialects.lm_studio,
}
_QUESTIONS: tuple[tuple[str, Callable[[Page], Dialect | None]], ...] = (
    ("{base}/models", _by_owner),
    ("{root}/api/version", _is_ollama),
    ("{root}/api/v0/models", _is_lm_studio),
    ("{root}/health/readiness", _is_litellm),
)


def _by_headers(page: Page) -> Dialect | None:
    if version := page.headers.get("x-litellm-version"):
        return dialects.litellm(version)
    if page.headers.get("server", "").lower().startswith("llama.cpp"):
        return dialects.llama_cpp()
    return None


async def _page(door: Door, path: str) -> Page | None:
    try:
        return await door.look(path, min(SECONDS, door.timeouts.first_token))
    except ServerError:
        return None


def _read(page: Page, kind: type[T]) -> T | None:
    """The body of an answer, if it is of a kind."""
    if page.status != _OK:
        return None
    try:
        return msgspec.json.decode(page.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
