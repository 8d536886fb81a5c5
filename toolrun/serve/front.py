"""What do the endpoints of a server share, and what does each of them do?"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from msgspec import Struct

from toolrun.errors import MalformedOutput, ServerError
from toolrun.events import ReasoningDelta, TextDelta
from toolrun.models.chat_reply import read_reply
from toolrun.models.chat_stream import StreamReader
from toolrun.serve import metrics
from toolrun.serve.chat_asked import turn_asked
from toolrun.serve.chat_told import ChatWriting
from toolrun.serve.failures import Failure, refused
from toolrun.serve.handing import Handing
from toolrun.serve.memory import Recent
from toolrun.serve.metrics import Metrics
from toolrun.serve.passing import Passing, messages_of
from toolrun.serve.quota import Meters, Quota
from toolrun.serve.responses_asked import as_chat
from toolrun.serve.responses_told import ResponsesWriting
from toolrun.serve.running import Running
from toolrun.serve.told import End
from toolrun.serve.turns import Turns
from toolrun.trace.recording import Recording
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Event
    from toolrun.runtime import Runtime
    from toolrun.serve.exchange import Exchange
    from toolrun.serve.keys import Keys
    from toolrun.serve.memory import ReasoningMemory
    from toolrun.serve.passing import Behind
    from toolrun.serve.told import Told

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request: gpt-oss's 131,072 tokens of text are about half a MiB."""
_HEALTH_SECONDS, _ASK_SECONDS = 2.0, 5.0
_CARD = ("id", "object", "created", "owned_by", "max_model_len")


class Serving(Struct, frozen=True, kw_only=True):
    """How a server serves.

    Attributes:
        model: the name for requests that have none.
        tools: whether the server has tools of its own.
        trace: how its turns are recorded; the path is that of a folder.
        sampling: of a turn, where the client sets nothing.
        extra: fields of each of its requests to the server behind.
        quota: of each key.
        max_body: bytes of a request.
    """

    model: str
    tools: bool = False
    trace: Recording | None = None
    sampling: Sampling = Sampling()
    extra: dict[str, Any] = {}
    quota: Quota = Quota()
    max_body: int = MAX_BODY


class Front:
    """The endpoints, and what they share.

    Args:
        runtime: runs the turns with the server's tools.
        servers: behind the front, for steps that are passed on.
        keys: who may ask.
        serving: how.
        memory: where the steps of clients that run their own tools are kept; in this process where
            None.
    """

    def __init__(
        self,
        runtime: Runtime,
        servers: Sequence[Behind],
        keys: Keys,
        serving: Serving,
        memory: ReasoningMemory | None = None,
    ) -> None:
        self.keys = keys
        self.meters: Meters = Meters(serving.quota)
        self.metrics: Metrics = Metrics()
        self.running: Running = Running()
        self._runtime = runtime
        self._servers = servers
        self._serving = serving
        self._memory = Recent() if memory is None else memory
        self._passing = Passing(servers, serving.model, self._memory)
        self._turns = Turns(runtime, serving.sampling, serving.extra, serving.trace)
        self._healthy: tuple[float, bool] | None = None
        self._looking = anyio.Lock()

    async def chat(self, exchange: Exchange) -> None:
        """`POST /v1/chat/completions`."""
        asked = await exchange.json(self._serving.max_body)
        if self._is_clients(asked):
            work = partial(self._pass_on, asked, exchange)
        else:
            turn = turn_asked(asked)
            writing = ChatWriting(self._named(asked), usage=turn.usage)
            work = partial(self._turns.run, turn, writing, exchange)
        await self.running.run(exchange.receive, work)

    async def responses(self, exchange: Exchange) -> None:
        """`POST /v1/responses`."""
        body = await exchange.json(self._serving.max_body)
        asked = as_chat(body)
        writing = ResponsesWriting(self._named(asked), body)
        if self._is_clients(asked):
            work = partial(self._pass_response, asked, writing, exchange)
        else:
            work = partial(self._turns.run, turn_asked(asked), writing, exchange)
        await self.running.run(exchange.receive, work)

    def _is_clients(self, asked: dict[str, Any]) -> bool:
        """Whether the client runs its tools itself: it brings some, or the result of one."""
        last = messages_of(asked)[-1]
        return not self._serving.tools or bool(asked.get("tools")) or last.get("role") == "tool"

    def _named(self, asked: dict[str, Any]) -> str:
        """The model that a request asks for."""
        model = asked.get("model") or self._serving.model
        if not isinstance(model, str):
            raise refused("model", "model must be a text.")
        return model

    async def _pass_response(
        self, asked: dict[str, Any], writing: ResponsesWriting, exchange: Exchange
    ) -> None:
        exchange.did, exchange.writing = "passed", writing
        owner, out, handing = exchange.caller.owner, exchange.out, Handing(asked)
        told: list[Told] = []

        def observe(event: Event) -> None:
            if isinstance(event, ReasoningDelta):
                told.extend(writing.reasoning(event.text))
            elif isinstance(event, TextDelta):
                told.extend(writing.text(event.text))

        reader = StreamReader(observe)

        async def write(piece: bytes | None) -> None:
            if piece is None:
                await out.alive()
                return
            if reader.is_empty:
                await out.tell(writing.begin())
            reader.feed([piece])
            await out.tell(told)
            told.clear()

        try:
            if asked.get("stream"):
                await self._passing.stream(asked, handing, owner, write)
                message = reader.message()
            else:
                message = read_reply(await self._passing.whole(asked, handing, owner))
        finally:
            exchange.usage = handing.usage
        end = End(handing.usage, limited=message.finish_reason == "length")
        said = [*writing.step(message), *writing.end(end)]
        if asked.get("stream"):
            await out.tell(said)
            await out.end()
        else:
            await out.json(200, writing.whole)

    async def _pass_on(self, asked: dict[str, Any], exchange: Exchange) -> None:
        exchange.did = "passed"
        owner = exchange.caller.owner
        handing = Handing(asked)

        async def write(piece: bytes | None) -> None:
            await (exchange.out.alive() if piece is None else exchange.out.event(piece))

        try:
            if asked.get("stream"):
                await self._passing.stream(asked, handing, owner, write)
                await exchange.out.event(b"[DONE]")
                await exchange.out.end()
            else:
                await exchange.out.whole(200, await self._passing.whole(asked, handing, owner))
        finally:
            exchange.usage = handing.usage

    async def models(self, exchange: Exchange) -> None:
        """`GET /v1/models`: those of the server behind."""
        await exchange.out.json(200, {"object": "list", "data": await self._models()})

    async def model(self, exchange: Exchange) -> None:
        """`GET /v1/models/NAME`."""
        name = exchange.path.removeprefix("/v1/models/")
        for card in await self._models():
            if card["id"] == name:
                return await exchange.out.json(200, card)
        raise Failure(404, "There is no model of that name.", code="model_not_found", param="model")

    async def _models(self) -> list[dict[str, Any]]:
        body = await self._passing.get("/models")
        try:
            listed = msgspec.json.decode(body, type=_Models)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedOutput(f"the server's list of models is none: {error}") from error
        return [{name: each[name] for name in _CARD if name in each} for each in listed.data]

    async def live(self, exchange: Exchange) -> None:
        """`GET /health/live`: the process answers."""
        await exchange.out.json(200, {"status": "ok"})

    async def ready(self, exchange: Exchange) -> None:
        """`GET /health`: it can take requests, and the server behind can be reached."""
        if self.running.draining:
            raise Failure(503, "The server is shutting down.", code="shutting_down")
        if not await self._is_healthy():
            raise Failure(503, "The model server cannot be reached.", code="unreachable")
        await exchange.out.json(200, {"status": "ok"})

    async def _is_healthy(self) -> bool:
        """Whether the server behind answers; asked every two seconds at most, and once at a time.

        Whoever may not ask for anything else may ask for this.
        """
        async with self._looking:
            now = time.monotonic()
            if self._healthy is None or now - self._healthy[0] > _HEALTH_SECONDS:
                answers = False
                with anyio.move_on_after(_ASK_SECONDS):
                    try:
                        await self._passing.get("/models")
                        answers = True
                    except ServerError:
                        pass
                self._healthy = (time.monotonic(), answers)
            return self._healthy[1]

    async def measures(self, exchange: Exchange) -> None:
        """`GET /metrics`."""
        gauges = {"requests_in_flight": len(self.running)}
        if isinstance(self._memory, Recent):  # what lies in a store is not this process's to count
            gauges["reasoning_kept"] = len(self._memory)
        text = self.metrics.text(gauges, self._passing.counts, self._runtime.counts)
        await exchange.out.whole(200, text, kind=metrics.KIND)


class _Models(Struct):
    data: list[dict[str, Any]]
