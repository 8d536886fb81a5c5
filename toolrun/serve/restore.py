"""How does the reasoning get back into a transcript whose client dropped it?

Since the last user message alone: harmony drops what was thought before (openai/harmony,
docs/format.md, "Handling reasoning output in subsequent sampling").

Some clients keep no calls either: smolagents sends a step's calls as the text of an assistant
message ("Calling tools: [{'id': ..."), and their results as one of the user. gpt-oss would read an
answer and a new question there, and its server drop all reasoning before them. Where the text names
a call of the front's, the messages are put back into the form that they had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from toolrun.serve.memory import CALL_ID, Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Recall: TypeAlias = Callable[[str], Awaitable[Step | None]]
    Plain: TypeAlias = dict[str, Any]

_FIELDS = ("reasoning", "reasoning_content")
_RESULTS = ("Observation:\n", "Call id: ", "Error:\n")
_NEXT = "\nNew task:\n"
"""How smolagents 1.26 begins results, and the next thing that the user says in the same message."""


class Restored(Struct, frozen=True):
    """A transcript as it goes to the server.

    Attributes:
        messages: in the form of Chat Completions.
        found: steps whose reasoning was put back.
        missed: steps that came without reasoning, and of which none is kept.
    """

    messages: list[dict[str, Any]]
    found: int = 0
    missed: int = 0


async def restored(
    messages: Sequence[dict[str, Any]], recall: Recall, fields: Sequence[str] = ("reasoning",)
) -> Restored:
    """The messages, each step since the last user message with its reasoning again.

    What the client sends itself is left as it is, other reasoning of a step among it. No step is
    put back twice, however often a client names it: a small request would become one of any size.

    Args:
        messages: of the request; they are not changed.
        recall: the step of a call id, if the key that asks has one.
        fields: under which the server takes reasoning.
    """
    whole = await _unflattened(messages, recall)
    found = missed = 0
    known: set[str] = set()
    for index in range(_turn_from(whole), len(whole)):
        message = whole[index]
        if message.get("role") != "assistant" or any(message.get(each) for each in _FIELDS):
            continue
        if not (ids := _ids(message)):
            continue
        steps = await _steps(ids, recall)
        new = [step for first, step in steps.items() if first not in known]
        known |= steps.keys()
        if reasoning := "\n\n".join(step.reasoning for step in new if step.reasoning):
            whole[index] = message | dict.fromkeys(fields, reasoning)
            found += 1
        elif not steps:
            missed += 1
    return Restored(whole, found, missed)


def _turn_from(messages: Sequence[Plain]) -> int:
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            return index + 1
    return 0


def _ids(message: Plain) -> list[str]:
    """The ids of a message's calls, as far as it has the form that it should have."""
    ids = [each.get("id") for each in _list(message, "tool_calls") if isinstance(each, dict)]
    return [each for each in ids if isinstance(each, str)]


async def _steps(ids: Sequence[str], recall: Recall) -> dict[str, Step]:
    """The steps that calls belong to, by the ids of their first calls, in the order of the calls.

    They are several where a client has made one message of two.
    """
    steps: dict[str, Step] = {}
    for each in dict.fromkeys(ids):
        if (step := await recall(each)) is not None:
            steps.setdefault(step.calls[0].id, step)
    return steps


async def _unflattened(messages: Sequence[Plain], recall: Recall) -> list[Plain]:
    """The messages, with calls and results where a client has made texts of them."""
    whole: list[Plain] = []
    asked: Step | None = None
    known: set[str] = set()
    for index, message in enumerate(messages):
        if asked is not None:
            whole += _results(message, asked)
            asked = None
        elif (
            _is_flat(message, messages[index + 1 : index + 2])
            and (steps := await _steps(CALL_ID.findall(_text(message)), recall))
            and known.isdisjoint(steps)
        ):
            known |= steps.keys()
            whole += [_as_message(step) for step in steps.values()]
            asked = [*steps.values()][-1]
        else:
            whole.append(dict(message))
    return whole


def _is_flat(message: Plain, following: Sequence[Plain]) -> bool:
    """Whether a message may hold calls as its text: then the next one has their results."""
    if message.get("role") != "assistant" or message.get("tool_calls"):
        return False
    return any(
        each.get("role") == "user" and _text(each).startswith(_RESULTS) for each in following
    )


def _results(message: Plain, step: Step) -> list[Plain]:
    """The result that a user message stands for, and the user's own words where some follow."""
    text, mark, said = _text(message).partition(_NEXT)
    call = step.calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "name": call.name}
    whole: list[Plain] = [{**result, "content": text.removeprefix(_RESULTS[0])}]
    return [*whole, {"role": "user", "content": mark.strip("\n") + "\n" + said}] if mark else whole


def _as_message(step: Step) -> Plain:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in step.calls
    ]
    return {"role": "assistant", "content": step.content, "tool_calls": calls}


def _text(message: Plain) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = [each.get("text") for each in _list(message, "content") if isinstance(each, dict)]
    return "\n".join(each for each in texts if isinstance(each, str))


def _list(message: Plain, name: str) -> list[Any]:
    """What a message has under a name, where that is a list."""
    value = message.get(name)
    return value if isinstance(value, list) else []
