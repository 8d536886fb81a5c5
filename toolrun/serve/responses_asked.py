"""How does a request to the Responses API become one to Chat Completions?

So both have one way through the front. The items of `input` are all that is known of a
conversation: nothing is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from toolrun.serve.failures import refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SAME: Final = ("model", "temperature", "top_p", "tool_choice", "parallel_tool_calls", "stream")
"""What is called the same in both."""
IGNORED: Final = (
    *("include", "max_tool_calls", "metadata", "prompt_cache_key", "prompt_cache_retention"),
    *("safety_identifier", "service_tier", "store", "stream_options", "truncation", "user"),
)
"""What changes nothing here."""
REFUSED: Final[Mapping[str, str]] = {
    "background": "a request that ends takes its turn with it",
    "conversation": "nothing is stored: send the items as input",
    "previous_response_id": "nothing is stored: send the items as input",
    "prompt": "nothing is stored: send instructions and input",
    "top_logprobs": "a turn has several steps",
}
"""What would mean something else than the client thinks, and why it is refused."""
OWN: Final = ("input", "instructions", "max_output_tokens", "reasoning", "text", "tools")
"""What is written otherwise."""
_TEXTS = ("input_text", "output_text", "text")
_ROLES = ("user", "assistant", "system", "developer")


def as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same request to Chat Completions.

    Raises:
        Failure: a parameter or an item does not fit, or cannot be kept; names it.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in REFUSED and value not in (False, 0):
            raise refused(name, f"{name} cannot be had here: {REFUSED[name]}.", "unsupported")
        if name not in (*SAME, *IGNORED, *OWN, *REFUSED):
            raise refused(name, f"There is no parameter {name!r}.", "unknown_parameter")
    chat: dict[str, Any] = {name: given[name] for name in SAME if name in given}
    chat["messages"] = [*_instructions(given), *_messages(given.get("input"))]
    if "max_output_tokens" in given:
        chat["max_completion_tokens"] = given["max_output_tokens"]
    if (effort := _part(given, "reasoning").get("effort")) is not None:
        chat["reasoning_effort"] = effort
    if (form := _part(given, "text").get("format")) is not None:
        chat["response_format"] = _format(form)
    if tools := given.get("tools"):
        chat["tools"] = [*_tools(tools)]
    if isinstance(choice := given.get("tool_choice"), dict) and choice.get("type") == "function":
        chat["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    return chat


def _part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = given.get(name, {})
    if not isinstance(part, dict):
        raise refused(name, f"{name} must be an object.")
    return part


def _instructions(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if (said := given.get("instructions")) is not None:
        if not isinstance(said, str):
            raise refused("instructions", "instructions must be a text.")
        yield {"role": "system", "content": said}


def _format(form: object) -> dict[str, Any]:
    if not isinstance(form, dict):
        raise refused("text.format", "text.format must be an object.")
    if form.get("type") != "json_schema":
        return {"type": form.get("type")}
    schema = {name: form[name] for name in ("name", "schema", "strict") if name in form}
    return {"type": "json_schema", "json_schema": schema}


def _tools(tools: object) -> Iterator[dict[str, Any]]:
    if not isinstance(tools, list):
        raise refused("tools", "tools must be a list.")
    for number, tool in enumerate(tools):
        if not isinstance(tool, dict) or tool.get("type") != "function":
            raise refused(f"tools[{number}]", "Function tools are all that can be had here.")
        names = ("name", "description", "parameters", "strict")
        function = {name: tool[name] for name in names if tool.get(name) is not None}
        yield {"type": "function", "function": function}


def _messages(given: object) -> list[dict[str, Any]]:
    """The messages that the items amount to: those of one step make one message."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise refused("input", "input must be a text or a list of items, and not empty.")
    messages: list[dict[str, Any]] = []
    step = _Step()
    for number, item in enumerate(given):
        where = f"input[{number}]"
        if not isinstance(item, dict):
            raise refused(where, f"{where} must be an object.")
        if step.takes(item, where):
            continue
        messages += step.ended()
        step = _Step()
        if not step.takes(item, where):
            messages.append(_message(item, where))
    return messages + step.ended()


class _Step:
    """The items of what the model said at one step: reasoning, text, calls, in this order."""

    def __init__(self) -> None:
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._calls: list[dict[str, Any]] = []

    def takes(self, item: dict[str, Any], where: str) -> bool:
        """Add an item, if it belongs to this step."""
        match _kind(item):
            case "reasoning" if not (self._content or self._calls):
                self._reasoning.append(_reasoning_text(item, where))
            case "message" if item.get("role") == "assistant" and not self._calls:
                if self._content:
                    return False
                self._content.append(_text(item.get("content"), where))
            case "function_call":
                self._calls.append(_call(item, where))
            case _:
                return False
        return True

    def ended(self) -> list[dict[str, Any]]:
        """The message of the step; none where there was reasoning alone."""
        if not (self._content or self._calls):
            return []
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._content) or None}
        if reasoning := "\n\n".join(filter(None, self._reasoning)):
            message["reasoning"] = reasoning
        if self._calls:
            message["tool_calls"] = self._calls
        return [message]


def _kind(item: dict[str, Any]) -> object:
    return item.get("type") or ("message" if "role" in item else None)


def _message(item: dict[str, Any], where: str) -> dict[str, Any]:
    match _kind(item):
        case "message" if item.get("role") in _ROLES:
            return {"role": item["role"], "content": _text(item.get("content"), where)}
        case "function_call_output" if isinstance(item.get("call_id"), str):
            text = _text(item.get("output"), where)
            return {"role": "tool", "tool_call_id": item["call_id"], "content": text}
        case "item_reference":
            raise refused(where, f"{where}: nothing is stored; send the item itself.")
    raise refused(
        where,
        f"{where}: an item must be a message, reasoning, a function_call or its output, whole.",
    )


def _call(item: dict[str, Any], where: str) -> dict[str, Any]:
    texts = [item.get(name) for name in ("call_id", "name", "arguments")]
    if not all(isinstance(each, str) for each in texts):
        raise refused(where, f"{where} must have call_id, name and arguments, all texts.")
    function = {"name": texts[1], "arguments": texts[2]}
    return {"id": texts[0], "type": "function", "function": function}


def _reasoning_text(item: dict[str, Any], where: str) -> str:
    content = item.get("content") or []
    if not isinstance(content, list):
        raise refused(where, f"{where}.content must be a list.")
    texts = [each.get("text") for each in content if isinstance(each, dict)]
    return "".join(each for each in texts if isinstance(each, str))


def _text(content: object, where: str) -> str:
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in content if isinstance(content, list) else [None]:
        text = part.get("text") if isinstance(part, dict) and part.get("type") in _TEXTS else None
        if not isinstance(text, str):
            raise refused(where, f"{where}: text is all that gpt-oss reads.")
        texts.append(text)
    return "".join(texts)
