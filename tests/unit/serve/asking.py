"""How does a test ask the front what an ASGI server would, without a socket?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio
import msgspec
from msgspec import Struct

from toolrun import Runtime, tool
from toolrun.models.dialects import GENERIC, Dialect
from toolrun.serve.app import App, make_app
from toolrun.serve.front import Front, Serving
from toolrun.serve.keys import Keys
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping

    from toolrun.models.chat import ChatModel
    from toolrun.serve.memory import ReasoningMemory

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
HI: list[dict[str, Any]] = [{"role": "user", "content": "How warm is Paris?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object"}},
}
CALL: dict[str, Any] = {
    "index": 0,
    "id": "theirs-1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
USED = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@tool(trusted=True)
def get_weather(city: str) -> str:
    """Say how warm it is in a city."""
    return f"20 C in {city}"


@tool(trusted=True, approve=True)
def send(text: str) -> str:
    """Send a text."""
    raise AssertionError(text)


def whole(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    """A reply that comes whole."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "r", "choices": [choice], "usage": USED}


def pieces(*deltas: dict[str, Any], finish: str | None = "stop") -> list[Any]:
    """The same piece by piece, its usage last."""
    told: list[Any] = [{"choices": [{"index": 0, "delta": each}]} for each in deltas]
    if finish is not None:
        told.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        told += [{"choices": [], "usage": USED}, b"[DONE]"]
    return told


class Behind:
    """A server behind the front that says what it is told to.

    Args:
        *replies: in order. An object is one that comes whole, a list the events of a stream, of
            which a function is called and awaited; bytes stand as they are; errors are raised.
        url: tells it apart.

    Attributes:
        bodies: what it was asked.
    """

    def __init__(self, *replies: Any, url: str = "http://127.0.0.1:1/v1") -> None:
        self.door = self
        self.base_url = url
        self.bodies: list[dict[str, Any]] = []
        self._replies = list(replies)

    async def dialect(self) -> Dialect:
        return GENERIC

    async def get(self, path: str) -> bytes:
        assert path == "/models"
        return self._next()

    async def post(self, path: str, body: bytes) -> bytes:
        assert path == "/chat/completions"
        self.bodies.append(msgspec.json.decode(body))
        return self._next()

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        assert path == "/chat/completions"
        self.bodies.append(msgspec.json.decode(body))
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, bytes):
            return on_read(reply)
        for each in reply:
            if isinstance(each, Exception):
                raise each
            if callable(each):
                await each()
                continue
            data = each if isinstance(each, bytes) else msgspec.json.encode(each)
            if on_read(b"data: " + data + b"\n\n"):
                return True
        return False

    def _next(self) -> bytes:
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, bytes) else msgspec.json.encode(reply)


class Reply(Struct):
    """What came back.

    Attributes:
        status: of HTTP; 0 where nothing came.
        headers: by their names in small letters.
        body: all of it.
    """

    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""

    @property
    def json(self) -> Any:
        """What the body says."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        """The error object in it."""
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """The data of a stream's events; the last one of Chat Completions is a text."""
        lines = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: ")]
        return [line.decode() if line == b"[DONE]" else msgspec.json.decode(line) for line in lines]

    def said(self, name: str) -> str:
        """What the deltas of a stream of Chat Completions add up to."""
        choices = [c for e in self.events if isinstance(e, dict) for c in e.get("choices", ())]
        return "".join(each["delta"].get(name) or "" for each in choices)


class Client:
    """Asks an application.

    Args:
        front: whose it is.

    Attributes:
        app: it.
        front: its front.
    """

    def __init__(self, front: Front) -> None:
        self.front = front
        self.app: App = make_app(front)

    async def get(self, path: str, **headers: Any) -> Reply:
        """Ask with GET."""
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any, **headers: Any) -> Reply:
        """Ask with POST; bytes go as they are."""
        return await self.ask("POST", path, [body], **headers)

    async def ask(
        self,
        method: str,
        path: str,
        parts: list[Any] | None = None,
        *,
        on_sent: Callable[[bytes], None] | None = None,
        gone: anyio.Event | None = None,
        **headers: Any,
    ) -> Reply:
        """Ask, and wait for the end.

        Args:
            method: of HTTP.
            path: of the endpoint.
            parts: of the body; None among them: the client goes there.
            on_sent: is told each part of the answer's body; may raise.
            gone: the client goes when it is set.
            **headers: beside those that a client sends; `_` stands for `-`.
        """
        sent = {"host": "localhost", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {"type": "http", "method": method, "path": path, "root_path": ""}
        encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
        coming: list[dict[str, Any]] = [_part(each) for each in parts or [b""]]
        coming[-1].pop("more_body", None)
        reply = Reply()

        async def receive() -> MutableMapping[str, Any]:
            if coming:
                return coming.pop(0)
            await (anyio.sleep_forever() if gone is None else gone.wait())
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {k.decode(): v.decode() for k, v in message["headers"]}
                return
            reply.body += message["body"]
            if on_sent is not None:
                on_sent(message["body"])

        with anyio.fail_after(30):
            await self.app({**scope, "headers": encoded}, receive, send)
        return reply


def _part(data: Any) -> dict[str, Any]:
    if data is None:
        return {"type": "http.disconnect"}
    body = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return {"type": "http.request", "body": body, "more_body": True}


@asynccontextmanager
async def fronted(
    *steps: Any,
    behind: Behind | list[Behind] | None = None,
    tools: bool = True,
    keys: dict[str, str] | None = None,
    memory: ReasoningMemory | None = None,
    **serving: Any,
) -> AsyncIterator[Client]:
    """A client of a front.

    Args:
        *steps: of the model that has the server's tools; or a runtime's options.
        behind: what clients with tools of their own are passed on to.
        tools: whether the server has some.
        keys: by name.
        memory: of the front.
        **serving: of `Serving`.
    """
    servers = behind if isinstance(behind, list) else [behind or Behind()]
    of = steps[0] if steps and isinstance(steps[0], dict) else {"model": ScriptedModel(*steps)}
    async with Runtime(tools=[get_weather, send], **of) as runtime:
        how = Serving(**{"model": "m", "tools": tools, **serving})
        yield Client(
            Front(runtime, cast("list[ChatModel]", servers), Keys(keys or {}), how, memory)
        )
