"""How do settings and messages become tokens? By the harmony library's own objects.

Text that spells a special token is encoded as ordinary text: no message can forge a header. What a
tool's JSON Schema says and TypeScript cannot (`$ref`, `const`, number enums) becomes `any`; that is
harmony's doing, and the tool's validation tells the model what it did not see.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import ConfigError, MalformedOutput
from toolrun.events import AssistantMessage, UserMessage
from toolrun.models.harmony.guard import guarded
from toolrun.models.harmony.recipients import PYTHON, channel_of, recipient_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.models.harmony.vocabulary import Encoding
    from toolrun.models.model import Request
    from toolrun.transcript import Message, ToolMessage

EFFORTS = ("low", "medium", "high")


class Renderer:
    """Renders by one encoding. It keeps nothing of what it rendered.

    Args:
        encoding: of `vocabulary.load`.
    """

    def __init__(self, encoding: Encoding) -> None:
        import openai_harmony

        self.encoding = encoding
        self._library = openai_harmony
        self.opening: tuple[int, ...] = tuple(
            encoding.encode("<|start|>assistant", allowed_special="all")
        )
        """What the model goes on from: `<|start|>assistant`."""

    def head(self, request: Request) -> list[int]:
        """The system message and, where there is anything to say in it, the developer message.

        Raises:
            ConfigError: the effort is none that harmony knows.
        """
        messages = [self._message(self._library.Role.SYSTEM, self._system(request))]
        if (developer := self._developer(request)) is not None:
            messages.append(developer)
        conversation = self._library.Conversation.from_messages(messages)
        return list(self.encoding.render_conversation(conversation))

    def message(
        self, message: Message, builtins: Sequence[str], *, reasoning: bool, channel: str = ""
    ) -> list[int]:
        """The tokens of one message.

        Args:
            message: of the transcript.
            builtins: which tools are the model's own.
            reasoning: whether the reasoning is rendered, too.
            channel: of the call that a result belongs to; "": where such calls belong.
        """
        match message:
            case UserMessage():
                parts = [self._message(self._library.Role.USER, message.content)]
            case AssistantMessage():
                parts = list(self._assistant(message, builtins, reasoning=reasoning))
            case _:
                parts = [self._result(message, builtins, channel)]
        rendered = [self.encoding.render(part) for part in parts]
        return list(itertools.chain.from_iterable(rendered))

    def user(self, text: str) -> list[int]:
        """The tokens of a user's message."""
        return list(self.encoding.render(self._message(self._library.Role.USER, text)))

    def _message(self, role: Any, content: Any) -> Any:
        return self._library.Message.from_role_and_content(role, content)

    def _system(self, request: Request) -> Any:
        content = self._library.SystemContent.new()
        if request.date:
            content = content.with_conversation_start_date(request.date)
        if request.effort is not None:
            if request.effort not in EFFORTS:
                raise ConfigError(f"effort={request.effort!r} is not one of {', '.join(EFFORTS)}")
            effort = self._library.ReasoningEffort(request.effort.capitalize())
            content = content.with_reasoning_effort(effort)
        for namespace in self._namespaces(request):
            content = content.with_tools(namespace)
        return content

    def _namespaces(self, request: Request) -> Iterator[Any]:
        """What the system message says of the model's own tools.

        Of `python` in the tool's own words, for these say what it keeps from call to call; of the
        browser in the words that the model was trained with, for the functions that there are.
        """
        callable_ = () if request.tool_choice == "none" else request.tools
        functions = {tool["function"]["name"]: tool["function"] for tool in callable_}
        config = self._library.SystemContent.new().with_browser_tool().with_python_tool().tools
        browser, python = config["browser"], config["python"]
        own = set(request.builtins) & functions.keys()
        found = [tool for tool in browser.tools if f"browser_{tool.name}" in own]
        if found:
            yield browser.model_copy(update={"tools": found})
        if PYTHON in own:
            said = functions.get(PYTHON, {}).get("description")
            yield python.model_copy(update={"description": said} if said else {})

    def _developer(self, request: Request) -> Any | None:
        content = self._library.DeveloperContent.new()
        if request.instructions:
            content = content.with_instructions(request.instructions)
        tools = [
            self._renderable(tool["function"])
            for tool in (() if request.tool_choice == "none" else request.tools)
            if tool["function"]["name"] not in request.builtins
        ]
        if tools:
            content = content.with_function_tools(tools)
        said = bool(request.instructions or tools)
        schema = _schema(request.response_format)
        if not said and schema is None:
            return None
        developer = self._message(self._library.Role.DEVELOPER, content)
        if schema is not None:
            gap = "\n\n" if said else ""
            developer = developer.adding_content(f"{gap}# Response Formats\n\n{schema}")
        return developer

    def _renderable(self, function: dict[str, Any]) -> Any:
        """A tool as harmony describes it; without its parameters, where harmony cannot say them.

        Its Rust reads no JSON that is nested deeper than 128.
        """
        name, said = function["name"], function.get("description") or ""
        tool = self._library.ToolDescription.new(name, said, function.get("parameters"))
        content = self._library.DeveloperContent.new().with_function_tools([tool])
        try:
            with guarded(f"the schema of {name}"):
                self.encoding.render(self._message(self._library.Role.DEVELOPER, content))
        except MalformedOutput:
            return self._library.ToolDescription.new(name, said, {})
        return tool

    def _assistant(
        self, message: AssistantMessage, builtins: Sequence[str], *, reasoning: bool
    ) -> Iterator[Any]:
        """In the order in which gpt-oss says it: reasoning, preamble, calls; or the answer."""
        role = self._library.Role.ASSISTANT
        if reasoning and message.reasoning:
            yield self._message(role, message.reasoning).with_channel("analysis")
        if message.content:
            channel = "commentary" if message.tool_calls else "final"
            yield self._message(role, message.content).with_channel(channel)
        for call in message.tool_calls:
            code = call.name == PYTHON and call.name in builtins
            yield (
                self._message(role, text_of(call.name, call.arguments, builtins))
                .with_channel(channel_of(call.name, builtins))
                .with_recipient(recipient_of(call.name, builtins))
                .with_content_type("code" if code else "<|constrain|>json")
            )

    def _result(self, message: ToolMessage, builtins: Sequence[str], channel: str) -> Any:
        author = self._library.Author.new(
            self._library.Role.TOOL, recipient_of(message.name, builtins)
        )
        return (
            self._library.Message.from_author_and_content(author, message.content)
            .with_channel(channel or channel_of(message.name, builtins))
            .with_recipient("assistant")
        )


def _schema(response_format: dict[str, Any] | None) -> str | None:
    """The section that asks for a JSON Schema (harmony's docs, "Structured output")."""
    if response_format is None or response_format.get("type") == "text":
        return None
    schema = response_format.get("json_schema") or {}
    body = msgspec.json.encode(schema.get("schema", {"type": "object"})).decode()
    described = f"// {schema['description']}\n" if schema.get("description") else ""
    return f"## {schema.get('name') or 'answer'}\n\n{described}{body}"
