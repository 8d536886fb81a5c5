"""How does a turn with the server's tools run for a client, and how does it hear of it?"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import structs

from toolrun.decisions import Deny
from toolrun.errors import ConfigError
from toolrun.events import AssistantMessage, ReasoningDelta, Retried, TextDelta
from toolrun.serve.failures import refused
from toolrun.serve.sending import KEEP_ALIVE_SECONDS
from toolrun.serve.told import End
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.answer import Answer
    from toolrun.decisions import Decision
    from toolrun.events import Event
    from toolrun.options import Options
    from toolrun.runtime import Runtime
    from toolrun.serve.chat_asked import TurnAsked
    from toolrun.serve.exchange import Exchange
    from toolrun.serve.sending import Sending
    from toolrun.serve.told import Told, Writing
    from toolrun.session import Session
    from toolrun.trace.recording import Recording
    from toolrun.values import ToolCall

_SAID = (ReasoningDelta, TextDelta, AssistantMessage)


class Turns:
    """Runs turns, each as a session of its own over the transcript that the client sends.

    Args:
        runtime: has the tools.
        sampling: what holds where the client sets nothing.
        extra: further fields of each request to the server behind.
        traces: how each turn is recorded; the path is that of a folder.
    """

    def __init__(
        self,
        runtime: Runtime,
        sampling: Sampling = Sampling(),
        extra: dict[str, Any] | None = None,
        traces: Recording | None = None,
    ) -> None:
        self._runtime = runtime
        self._sampling = sampling
        self._extra = extra or {}
        self._traces = traces

    async def run(self, asked: TurnAsked, writing: Writing, exchange: Exchange) -> None:
        """Run a turn and answer with it.

        Raises:
            Failure: the request cannot be kept.
            ToolrunError: the turn failed.
            ClientGone: nobody hears the answer.
        """
        exchange.did, exchange.writing = "turn", writing
        async with self._session(asked, exchange) as session:
            try:
                if asked.stream:
                    await self._streamed(session, asked, writing, exchange.out)
                else:
                    await self._whole(session, asked, writing, exchange.out)
            finally:
                exchange.usage = session.state.usage

    def _session(self, asked: TurnAsked, exchange: Exchange) -> Session:
        name = secrets.token_hex(8)
        options: Options = {
            "messages": asked.history,
            "sampling": _over(asked.sampling, self._sampling),
            "tenant": exchange.caller.name,
            "approve": _nobody,
        }
        if asked.model is not None:
            options["model"] = asked.model
        if asked.effort is not None:
            options["effort"] = asked.effort
        if asked.tool_choice is not None:
            options["tool_choice"] = asked.tool_choice
        if asked.extra:
            options["extra_body"] = {**self._extra, **asked.extra}
        if self._traces is not None:
            path = Path(str(self._traces.path), f"{name}.jsonl")
            options["trace"] = structs.replace(self._traces, path=path)
        return self._runtime.session(name, **options)

    async def _whole(
        self, session: Session, asked: TurnAsked, writing: Writing, out: Sending
    ) -> None:
        try:
            answer = await session.ask(asked.text, output=asked.output)
        except ConfigError as error:
            raise _unkept(asked, error) from error
        for step in answer.steps:
            writing.step(_for_client(step, asked))
        if asked.output is not None:
            writing.text(answer.text)
        writing.end(_end(answer))
        await out.json(200, writing.whole)

    async def _streamed(
        self, session: Session, asked: TurnAsked, writing: Writing, out: Sending
    ) -> None:
        try:
            stream = session.stream(asked.text, output=asked.output)
        except ConfigError as error:
            raise _unkept(asked, error) from error
        async with stream as events:
            while True:
                event = None
                with anyio.move_on_after(KEEP_ALIVE_SECONDS):
                    try:
                        event = await anext(events)
                    except StopAsyncIteration:
                        break
                if event is None:
                    await out.alive()
                    continue
                # Before anything is said a failure has a status of HTTP's own.
                if not out.status and isinstance(event, _SAID):
                    await out.tell(writing.begin())
                await out.tell(_told(event, writing, asked))
        assert stream.answer is not None
        if asked.output is not None:
            await out.tell(writing.text(stream.answer.text))
        await out.tell(writing.end(_end(stream.answer)))
        await out.end()


def _told(event: Event, writing: Writing, asked: TurnAsked) -> Sequence[Told]:
    match event:
        case ReasoningDelta():
            return writing.reasoning(event.text)
        # What has to fit a schema is told once it does.
        case TextDelta() if asked.output is None:
            return writing.text(event.text)
        case Retried():
            return writing.again()
        case AssistantMessage():
            return writing.step(_for_client(event, asked))
    return []


def _for_client(step: AssistantMessage, asked: TurnAsked) -> AssistantMessage:
    """The step without its calls, which are the server's to make."""
    content = step.content if asked.output is None else None
    return structs.replace(step, tool_calls=(), content=content)


def _end(answer: Answer) -> End:
    return End(answer.usage, limited=answer.status == "limited")


def _over(mine: Sampling, default: Sampling) -> Sampling:
    """The parameters of a request, and where it has none those of the server."""
    names = Sampling.__struct_fields__
    given = {name: value for name in names if (value := getattr(mine, name)) is not None}
    return structs.replace(default, **given)


def _unkept(asked: TurnAsked, error: ConfigError) -> Exception:
    """The failure of a schema that is none; any other setting is the server's own."""
    if asked.output is not None and str(error).startswith("output:"):
        return refused("response_format", f"{error}.")
    return error


async def _nobody(call: ToolCall) -> Decision:
    del call
    return Deny("nobody is there to approve it")
