"""By which ways can a step be sampled, and what opens each?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from msgspec import Struct, field

from toolrun.models.door import Timeouts

if TYPE_CHECKING:
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Model, Request

Via: TypeAlias = Literal["auto", "chat", "responses", "harmony"]
"""Chat Completions, Responses, direct sampling of tokens; or whichever keeps the reasoning."""


class Server(Struct, frozen=True, eq=False):
    """Where a server is and what it is sent.

    Attributes:
        base_url: with its `/v1`.
        api_key: a bearer token, or who is asked for one; None for "EMPTY".
        headers: sent with each request.
        timeouts: what each wait may take.
        dialect: what it is ("ollama", "vllm 0.12.0"); it is asked where None.
    """

    base_url: str
    api_key: str | Callable[[], Awaitable[str]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    dialect: str | None = None

    @property
    def known(self) -> Dialect | None:
        """The dialect that was named.

        Raises:
            ConfigError: there is none of that name.
        """
        if self.dialect is None:
            return None
        from toolrun.models.dialects import given

        return given(self.dialect)


class Encode(Protocol):
    """Writes what a request sends, for its digest: the same bytes for the same request."""

    def __call__(self, request: Request, dialect: Dialect) -> bytes:
        """The body of a request in a dialect."""
        ...


def open_model(server: Server, via: Via = "auto") -> Model:
    """A model behind a server, by the way that is asked for.

    Raises:
        ConfigError: the URL, the key or a header is none that can be sent.
        MissingExtra: the way needs a package that is not installed.
    """
    if via == "auto":
        from toolrun.models.auto import AutoModel

        return AutoModel(server)
    if via == "responses":
        from toolrun.models.responses import ResponsesModel

        return ResponsesModel(
            server.base_url,
            api_key=server.api_key,
            headers=server.headers,
            dialect=server.known,
            timeouts=server.timeouts,
        )
    if via == "harmony":
        return _harmony(server)
    from toolrun.models.chat import ChatModel

    return ChatModel(
        server.base_url,
        api_key=server.api_key,
        headers=server.headers,
        dialect=server.known,
        timeouts=server.timeouts,
    )


def _harmony(server: Server) -> Model:
    from toolrun.models.harmony.completions import CompletionsSampler
    from toolrun.models.harmony.model import HarmonyModel

    return HarmonyModel(
        CompletionsSampler.at(
            server.base_url,
            api_key=server.api_key,
            headers=server.headers,
            timeouts=server.timeouts,
        )
    )


def encoder(via: str) -> Encode:
    """What writes the requests of a way, as `RequestSent.via` names it."""
    if via == "harmony":
        from toolrun.models.harmony import body

        return body.encode_body
    if via == "responses":
        from toolrun.models import responses_body

        return responses_body.encode_body
    from toolrun.models import chat_body

    return chat_body.encode_body
