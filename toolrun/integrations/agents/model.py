"""How does toolrun sample the steps of an Agent of the OpenAI Agents SDK?"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from agents import Model, ModelProvider, ModelResponse, ModelTracing, generation_span
from msgspec import structs

from toolrun.errors import ConfigError
from toolrun.integrations.agents.items import to_items, to_messages
from toolrun.integrations.agents.request import offered, with_settings
from toolrun.integrations.agents.step import Step
from toolrun.integrations.agents.stream import Stream, usage_of
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.toolbox import Toolbox
from toolrun.transcript import from_openai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agents import AgentOutputSchemaBase, Handoff, ModelSettings, TResponseInputItem
    from agents import Tool as AnyTool
    from agents.items import TResponseStreamEvent
    from openai.types.responses.response_prompt_param import ResponsePromptParam

    from toolrun.events import Event
    from toolrun.parts import Parts
    from toolrun.runtime import Runtime
    from toolrun.tools.definition import Tool


class ToolrunModel(Model):
    """A model for the SDK's agents that keeps the reasoning from step to step.

    What toolrun's sessions do for a step, it does, too: reasoning goes back in the fields that the
    server reads, malformed output is sampled again, names and arguments of calls are mended where
    that needs no guess, a failing server is left alone for a while. All of it as the runtime says:
    its server and its key, `via`, `sampling`, `effort`, `retries`, `timeouts`, `max_in_flight`.
    Its `counts` count the retries. Its sinks and traces hear of sessions alone.

    An agent with an output type and tools may call tools first; an answer that does not fit the
    type is said once more, without tools and with `response_format`, for servers do not take both.

    In a stream the pieces of a step that is sampled again are said again, as another item; the
    last event's response has the one that counts.

    Args:
        runtime: whose connections and options are used; it has to stay open.
        model: the name that the server serves it under; the runtime's where None.
    """

    def __init__(self, runtime: Runtime, model: str | None = None) -> None:
        self._runtime = runtime
        self._model = model
        self._parts: Parts | None = None
        self._toolbox = _toolbox([])
        self._warned = False

    async def get_response(  # noqa: PLR0913 - the SDK's signature
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name for it
        model_settings: ModelSettings,
        tools: list[AnyTool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> ModelResponse:
        """Sample a step; see `agents.Model`.

        Raises:
            ServerError: the step could not be sampled within the runtime's retries.
            ConfigError: something is asked for that Chat Completions has no way for.
        """
        _refuse(previous_response_id, conversation_id, prompt)
        step = self._step(
            system_instructions,
            input,
            model_settings,
            tools,
            output_schema,
            handoffs,
            stream=False,
        )
        with generation_span(model=step.request.model, disabled=tracing.is_disabled()) as span:
            message = await step.sample()
            items, usage = to_items(message), usage_of(message.usage)
            span.span_data.usage = {
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
            }
            if tracing.include_data():
                span.span_data.input = step.messages
                span.span_data.output = [item.model_dump() for item in items]
            return ModelResponse(output=list(items), usage=usage, response_id=None)

    async def stream_response(  # noqa: PLR0913 - the SDK's signature
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name for it
        model_settings: ModelSettings,
        tools: list[AnyTool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Sample a step and give its events as they come; see `agents.Model`.

        Raises:
            ServerError: the step could not be sampled within the runtime's retries.
            ConfigError: something is asked for that Chat Completions has no way for.
        """
        _refuse(previous_response_id, conversation_id, prompt)
        step = self._step(
            system_instructions,
            input,
            model_settings,
            tools,
            output_schema,
            handoffs,
            stream=True,
        )
        with generation_span(model=step.request.model, disabled=tracing.is_disabled()) as span:
            heard: asyncio.Queue[Event | None] = asyncio.Queue()
            stream = Stream(step.request.model)
            yield stream.created()
            # A task of its own, not a group around the yields: whoever iterates may stop anywhere.
            task = asyncio.create_task(step.sample(heard.put_nowait))
            task.add_done_callback(lambda _: heard.put_nowait(None))
            try:
                while (event := await heard.get()) is not None:
                    for each in stream.heard(event):
                        yield each
                message = await task
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            events = list(stream.ended(message))
            span.span_data.usage = {
                "input_tokens": message.usage.prompt_tokens,
                "output_tokens": message.usage.completion_tokens,
            }
            if tracing.include_data():
                span.span_data.input = step.messages
                span.span_data.output = [item.model_dump() for item in to_items(message)]
            for each in events:
                yield each

    def _step(
        self,
        instructions: str | None,
        said: str | list[TResponseInputItem],
        settings: ModelSettings,
        tools: Sequence[AnyTool],
        schema: AgentOutputSchemaBase | None,
        handoffs: Sequence[Handoff[Any, Any]],
        *,
        stream: bool,
    ) -> Step:
        if self._parts is None:
            chosen: Any = {"tools": (), "trace": None}
            if self._model is not None:
                chosen["model"] = self._model
            self._parts = self._runtime.parts(None, chosen)
        parts = self._parts
        messages = to_messages(said)
        told, history = from_openai(messages)
        mine = offered(tools, handoffs)
        if [each.to_openai() for each in mine] != self._toolbox.schemas:
            self._toolbox = _toolbox(mine)
        head = (parts.settings.instructions, instructions, told)
        request = structs.replace(
            parts.request(stream=stream),
            instructions="\n\n".join(text for text in head if text) or None,
            tools=self._toolbox.schemas,
            session=_conversation(messages),
            on_call=None,
            # A warning that the server drops reasoning is one of the server, said once.
            cache={"asked": True} if self._warned else {},
        )
        self._warned = True
        return Step(
            parts,
            self._toolbox,
            with_settings(request, settings),
            messages,
            history,
            schema,
            self._runtime.counts,
        )


class ToolrunProvider(ModelProvider):
    """Finds models by the names that agents give: `RunConfig(model_provider=...)`.

    Args:
        runtime: whose connections and options are used; it has to stay open.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._models: dict[str | None, ToolrunModel] = {}

    def get_model(self, model_name: str | None) -> ToolrunModel:
        """The model that the runtime's server has under a name; the runtime's own where None.

        Args:
            model_name: that an agent asks for.
        """
        if model_name not in self._models:
            self._models[model_name] = ToolrunModel(self._runtime, model_name)
        return self._models[model_name]


def _toolbox(tools: list[Tool]) -> Toolbox:
    return Toolbox(tools, trusted=TrustedRunner(), sandboxed=TrustedRunner())


def _conversation(messages: Sequence[dict[str, Any]]) -> str:
    """A name for a conversation that stays the same while it grows: fleets go by it."""
    return hashlib.sha256(msgspec.json.encode(messages[:1])).hexdigest()[:16]


def _refuse(previous: str | None, conversation: str | None, prompt: object) -> None:
    """Refuse a conversation or a prompt that the server would have to keep.

    Raises:
        ConfigError: names the argument.
    """
    for name, value in (
        ("previous_response_id", previous),
        ("conversation_id", conversation),
        ("prompt", prompt),
    ):
        if value is not None:
            raise ConfigError(
                f"{name} needs a server that keeps conversations; leave it out: the SDK sends the "
                "whole conversation itself"
            )
