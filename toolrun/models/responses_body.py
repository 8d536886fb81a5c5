"""How does a request become the bytes of a Responses request, each of them encoded once?

As in `chat_body`, each message is encoded when it is first sent and kept in the request's `cache`.
A message is one or more input items. Where the server is a vLLM that is known to take them, a
transcript with a preamble goes as harmony messages instead (`previous_input_messages`, vLLM
#26962): vLLM takes any assistant item for a final answer, before which all reasoning is dropped
(seen on 0.28.0 and 0.32.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import ConfigError
from toolrun.events import AssistantMessage, UserMessage
from toolrun.models.encoded import encoded_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request
    from toolrun.transcript import Message

    Form = Callable[[int, Message, Dialect], Iterator[tuple[dict[str, Any], bool]]]

_encode = msgspec.json.Encoder().encode
_KEY = "responses"
_PINNED = ("model", "instructions", "reasoning", "tools")


class _Encoded:
    """The encoded messages of one session in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.messages: list[Message] = []
        self.times = 0
        self.preamble = False
        self.items = _Texts(_items)
        self.harmony = _Texts(_harmony)
        self.head = b""
        self.head_of: tuple[Any, ...] = ()


class _Texts:
    """Messages in one form, without and with their reasoning; b"" for what is nothing in it."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._bare: list[bytes] = []
        self._full: list[bytes] = []

    def texts(self, encoded: _Encoded, since: int, reasoning_from: int) -> list[bytes]:
        """The messages from an index on, those from `reasoning_from` on with their reasoning."""
        for index in range(len(self._bare), len(encoded.messages)):
            parts = list(self._form(index, encoded.messages[index], encoded.dialect))
            texts = [(_encode(part), reasoning) for part, reasoning in parts]
            self._full.append(b",".join(text for text, _ in texts))
            self._bare.append(b",".join(text for text, reasoning in texts if not reasoning))
        middle = max(since, reasoning_from)
        return [text for text in self._bare[since:middle] + self._full[middle:] if text]


def encode_body(request: Request, dialect: Dialect) -> bytes:
    """The JSON body of a Responses request that needs nothing of the server but the model.

    Raises:
        ConfigError: a setting has no place in a request of this server.
    """
    encoded = _encoded(request, dialect)
    return b"".join((_head(request, encoded), b',"store":false,', *_history(request, encoded)))


def encode_stored(request: Request, dialect: Dialect, previous: str | None, since: int) -> bytes:
    """The body of a request that the server is to store.

    Args:
        request: what to sample from.
        dialect: of the server.
        previous: the id of the response that the request follows; None where it follows none.
        since: how many messages of the transcript the server has with that.
    """
    encoded = _encoded(request, dialect)
    head = _head(request, encoded) + b',"store":true,'
    if previous is None:
        return b"".join((head, *_history(request, encoded)))
    items = encoded.items.texts(encoded, since, request.reasoning_from) + _nudge(request)
    named = b'"previous_response_id":' + _encode(previous)
    return b"".join((head, named, b',"input":[', b",".join(items), b"]}"))


def pinned(request: Request, dialect: Dialect) -> bytes:
    """What a response that follows a stored one takes from it: vLLM reads it of the first alone."""
    head = _new_head(request, dialect)
    return _encode({name: head.get(name) for name in _PINNED})


def _history(request: Request, encoded: _Encoded) -> tuple[bytes, ...]:
    """The messages of a request, and the end of its body."""
    nudge = _nudge(request)
    if not (encoded.preamble and encoded.dialect.responses_reasoning == "analysis"):
        items = encoded.items.texts(encoded, 0, request.reasoning_from) + nudge
        return b'"input":[', b",".join(items), b"]}"
    texts = encoded.harmony.texts(encoded, 0, request.reasoning_from)
    said = b"[" + nudge[0] + b"]" if nudge else b'""'
    return b'"previous_input_messages":[', b",".join(texts), b'],"input":', said, b"}"


def _nudge(request: Request) -> list[bytes]:
    return [] if request.nudge is None else [_encode(_said("user", request.nudge))]


def _encoded(request: Request, dialect: Dialect) -> _Encoded:
    """The cache, brought up to the request's messages; begun anew where history was changed."""
    encoded, new = encoded_of(request, _KEY, dialect, _Encoded)
    for message in new:
        encoded.messages.append(message)
        if isinstance(message, AssistantMessage) and message.content and message.tool_calls:
            encoded.preamble = True
    return encoded


def _items(index: int, message: Message, dialect: Dialect) -> Iterator[tuple[dict[str, Any], bool]]:
    """A message as input items, and which of them are reasoning.

    The status of a call is not sent: some vLLMs refuse one (#26706).
    """
    if isinstance(message, UserMessage):
        yield _said("user", message.content), False
    elif not isinstance(message, AssistantMessage):
        yield (
            {
                "type": "function_call_output",
                "call_id": message.call_id,
                "output": message.content,
            },
            False,
        )
    else:
        said = [(_said("assistant", message.content), False)] if message.content else []
        thought = [(_thought(index, message.reasoning), True)] if message.reasoning else []
        # A vLLM that takes a preamble for an answer keeps the reasoning that comes after it.
        first, second = (said, thought) if dialect.kind == "vllm" else (thought, said)
        yield from (*first, *second) if message.tool_calls else (*thought, *said)
        for call in message.tool_calls:
            yield (
                {
                    "type": "function_call",
                    "call_id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                },
                False,
            )


def _said(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": text}


def _thought(index: int, text: str) -> dict[str, Any]:
    content = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": f"rs_{index}", "summary": [], "content": content}


def _harmony(
    index: int, message: Message, dialect: Dialect
) -> Iterator[tuple[dict[str, Any], bool]]:
    """A message as harmony messages, in the order in which the model writes them."""
    del index, dialect
    if isinstance(message, UserMessage):
        yield {"author": {"role": "user"}, "content": message.content}, False
    elif not isinstance(message, AssistantMessage):
        name = f"functions.{message.name}"
        author = {"role": "tool", "name": name}
        yield _on("commentary", author, message.content, recipient="assistant"), False
    else:
        author = {"role": "assistant"}
        if message.reasoning:
            yield _on("analysis", author, message.reasoning), True
        if message.content:
            yield (
                _on("commentary" if message.tool_calls else "final", author, message.content),
                False,
            )
        for call in message.tool_calls:
            to = {"recipient": f"functions.{call.name}", "content_type": "json"}
            yield _on("commentary", author, call.arguments, **to), False


def _on(channel: str, author: Mapping[str, str], text: str, **fields: str) -> dict[str, Any]:
    return {"author": author, "content": text, "channel": channel, **fields}


def _head(request: Request, encoded: _Encoded) -> bytes:
    """All of the body up to the messages and whether to store them."""
    key = request.head
    if key != encoded.head_of:
        encoded.head = _encode(_new_head(request, encoded.dialect))[:-1]
        encoded.head_of = key
    return encoded.head


def _new_head(request: Request, dialect: Dialect) -> dict[str, Any]:
    body: dict[str, Any] = {"model": request.model}
    if request.streams:
        body["stream"] = True
    if request.instructions:
        body["instructions"] = request.instructions
    if request.effort is not None:
        body["reasoning"] = {"effort": request.effort}
    body |= _sampling(request, dialect)
    extra = {name: value for name, value in request.extra.items() if name != "store"}
    if extra.pop("return_token_ids", None):
        # There are none over Responses; the messages that vLLM makes its prompt of, there are.
        extra["enable_response_messages"] = True
    tools = [*map(_tool, request.tools), *extra.pop("tools", ())]
    body |= extra
    if tools and request.response_format is None:
        body["tools"] = tools
        if request.tool_choice is not None:
            body["tool_choice"] = _choice(request.tool_choice)
    if request.response_format is not None:
        body["text"] = {**(body.get("text") or {}), "format": _format(request.response_format)}
    return body


def _sampling(request: Request, dialect: Dialect) -> dict[str, Any]:
    """The sampling parameters by their names in Responses; vLLM takes more than there are."""
    given: dict[str, Any] = msgspec.to_builtins(request.sampling)
    if "max_tokens" in given:
        given["max_output_tokens"] = given.pop("max_tokens")
    if dialect.kind != "vllm" and (lost := {"seed", "stop"} & given.keys()):
        raise ConfigError(
            f"sampling.{min(lost)}: the Responses API has no such field, and {dialect.name} is no "
            'vLLM, which has one; leave it out, or set via="chat"'
        )
    return given


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A function tool in the form of Responses; there `strict` is true where it is left out."""
    function = tool["function"]
    return {"type": "function", "strict": False, **function}


def _choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, str) or "function" not in choice:
        return choice if isinstance(choice, str) else dict(choice)
    return {"type": "function", "name": choice["function"]["name"]}


def _format(response_format: Mapping[str, Any]) -> dict[str, Any]:
    """`text.format` for a `response_format`: what stands in `json_schema` there, stands beside."""
    inner = response_format.get("json_schema") or {}
    return {"type": response_format["type"], **inner}
