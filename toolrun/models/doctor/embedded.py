"""Is the embedded model there, does it call a tool, and does its reasoning come back to it?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from toolrun.embedded import EMBEDDED, NANO, WHAT
from toolrun.errors import ServerError
from toolrun.events import AssistantMessage, UserMessage
from toolrun.models.doctor.report import Check, Report, Verdict
from toolrun.models.model import Request
from toolrun.transcript import ToolMessage

if TYPE_CHECKING:
    from toolrun.models.harmony.model import HarmonyModel
    from toolrun.transcript import Message

_CITY: Final = "Paris"
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell how warm it is in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "its name"}},
            "required": ["city"],
        },
    },
}


async def examine_embedded() -> Report:
    """Check the embedded model by two steps: a call, and what it makes of the result.

    Raises:
        MissingExtra: what it needs is not installed.
        ConfigError: its file, or harmony's vocabulary, cannot be read.
    """
    from toolrun.models.nano.sampler import nano

    model = nano()
    try:
        checks = await _checks(model)
    finally:
        await model.aclose()
    return Report(
        url=EMBEDDED, server=WHAT, kind="embedded", model=NANO, via="harmony", checks=checks
    )


async def _checks(model: HarmonyModel) -> tuple[Check, ...]:
    began = time.perf_counter()
    said = UserMessage(f"How warm is it in {_CITY}?")
    asked = Request(NANO, [said], tools=[_TOOL])
    try:
        first = await model.sample(asked)
    except ServerError as error:
        return (_check("tool calling", "red", str(error), began),)
    if not (first.tool_calls and first.reasoning):
        seen = f"it called nothing; it said {first.content!r}"
        return (_check("tool calling", "red", seen, began),)
    call = first.tool_calls[0]
    checks = [_check("tool calling", "green", f"{call.name} {call.arguments}", began)]
    began = time.perf_counter()
    result = ToolMessage(call.id, call.name, f"21 degrees in {_CITY}")
    messages: list[Message] = [said, first, result]
    try:
        second = await model.sample(Request(NANO, messages, tools=[_TOOL], cache=asked.cache))
    except ServerError as error:
        return (*checks, _check("reasoning taken back", "red", str(error), began))
    return (*checks, await _proved(model, first, second, began), _rate(second, began))


async def _proved(
    model: HarmonyModel, first: AssistantMessage, second: AssistantMessage, began: float
) -> Check:
    proof = await model.prove(NANO, first, second)
    seen = "yes" if proof.found else "no: it is not in the prompt of the next step"
    return _check("reasoning taken back", "green" if proof.found else "red", seen, began, proof.how)


def _rate(step: AssistantMessage, began: float) -> Check:
    tokens, seconds = step.usage.completion_tokens, time.perf_counter() - began
    return _check("speed", "green", f"{tokens} tokens in {seconds:.1f} s", began)


def _check(name: str, verdict: Verdict, seen: str, began: float, proof: str | None = None) -> Check:
    seconds = round(time.perf_counter() - began, 3)
    return Check(name=name, verdict=verdict, saw=seen, proof=proof, seconds=seconds)
