"""Does a server stream, make calls, tell reasoning and hold a format over Chat Completions?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.models import faults
from toolrun.models.chat_reply import lost_a_call
from toolrun.models.dialects import BOTH
from toolrun.models.doctor import patient as p
from toolrun.models.doctor.report import Finding

if TYPE_CHECKING:
    from toolrun.models.doctor.patient import Json, Patient

FLAGS = f"start vLLM with {faults.PARSER_FLAGS}"
_SHOWN = 80
_ENOUGH = 12
"""Characters of which a stream that deserves the name makes several pieces."""
_SCHEMA = {
    "type": "object",
    "properties": {"celsius": {"type": "integer"}},
    "required": ["celsius"],
    "additionalProperties": False,
}


async def streaming(server: Patient) -> Finding:
    """Whether a reply comes piece by piece."""
    stream = await server.stream(p.question(), most=96)
    pieces = [said for chunk in stream.chunks if (said := _says(chunk))]
    saw = f"{len(pieces)} pieces, the first after {stream.first:.1f} s"
    if not stream.chunks:
        fix = "do without (`ask`), or look at the proxy in between"
        return Finding("red", "no server-sent events came", fix)
    if sum(pieces) < _ENOUGH:
        return Finding("yellow", "the model said too little to tell", "run it again")
    if len(pieces) == 1:
        return Finding("yellow", "it came in one piece", "turn off the buffering of the proxy")
    if not stream.ended:
        return Finding("yellow", f"{saw}; no [DONE] at the end", "look at the proxy in between")
    return Finding("green", saw)


async def tool_calling(server: Patient) -> Finding:
    """Whether a call of the model arrives as a call."""
    if not server.dialect.calls:
        return Finding(
            "red", f"{server.dialect.name} makes no tool calls of them", "use vLLM 0.13 or later"
        )
    reply = await server.chat(p.question(), most=384, tools=[p.TOOL])
    said, choice = p.message(reply), p.first_choice(reply)
    if calls := _calls(said):
        return _judged(calls[0])
    return _without_call(server, said, choice)


def _without_call(server: Patient, said: Json, choice: Json) -> Finding:
    """Why a reply that should hold a call holds none."""
    if lost_a_call(choice.get("finish_reason"), choice.get("stop_reason")):
        return Finding("red", "the model made a call, and the server lost it", FLAGS)
    content = said.get("content") or ""
    if faults.has_markup(content) or "to=functions." in content:
        return Finding("red", f"a call came as text: {content[:_SHOWN]!r}", FLAGS)
    if choice.get("finish_reason") == "length":
        return Finding("yellow", "the reply was cut off before a call", "run it again")
    if not content and server.dialect.kind == "vllm":
        return Finding("yellow", "neither a call nor an answer came", f"{FLAGS}, if it is not")
    return Finding("yellow", f"the model did not call: {content[:_SHOWN]!r}", "run it again")


def _judged(call: Json) -> Finding:
    function = call.get("function") or {}
    shown = f"{function.get('name')}({str(function.get('arguments'))[:_SHOWN]})"
    try:
        arguments = msgspec.json.decode(str(function.get("arguments")))
    except msgspec.MsgspecError:
        return Finding("yellow", f"the arguments are no JSON: {shown}", "toolrun tells the model")
    if function.get("name") != "get_weather" or not isinstance(arguments, dict):
        return Finding("yellow", f"another call came: {shown}", "toolrun mends or tells the model")
    return Finding("green", shown)


async def reasoning_returned(server: Patient) -> Finding:
    """Whether the reasoning of a reply is told, and under which name."""
    text = f"Think first: is it colder in Paris or in Oslo in January, and why? {p.QUESTION}"
    reply = await server.chat(p.question(text), most=512, reasoning_effort="medium", tools=[p.TOOL])
    said = p.message(reply)
    fields = [name for name in BOTH if said.get(name)]
    if fields:
        return Finding("green", f"{len(said[fields[0]])} characters in `{'` and `'.join(fields)}`")
    if "<|channel|>" in (said.get("content") or ""):
        return Finding("red", "it stands in the content, with harmony's markup", FLAGS)
    if p.number(reply, "usage", "completion_tokens_details", "reasoning_tokens"):
        fix = "start vLLM with --reasoning-parser openai_gptoss, and ask with include_reasoning"
        return Finding("red", "the model reasoned, and the server does not tell it", fix)
    return Finding(
        "yellow", "the model did not reason, or the server does not tell", "run it again"
    )


async def parallel_calls(server: Patient) -> Finding:
    """How many calls a reply holds where two are asked for."""
    text = "How warm is it in Paris and in Rome? Make both calls at once, before any answer."
    reply = await server.chat(p.question(text), most=512, tools=[p.TOOL])
    match len(_calls(p.message(reply))):
        case 0:
            return Finding("yellow", "the model did not call", "run it again")
        case 1:
            return Finding("green", "one call a reply, as gpt-oss samples: it stops at a call")
        case several:
            return Finding("green", f"{several} calls in a reply")


async def structured_output(server: Patient) -> Finding:
    """Whether `response_format` binds the answer to a schema."""
    wanted = {"name": "weather", "schema": _SCHEMA, "strict": True}
    reply = await server.chat(
        p.conversation(*server.dialect.reasoning_out),
        most=384,
        response_format={"type": "json_schema", "json_schema": wanted},
    )
    content = p.message(reply).get("content") or ""
    try:
        value: Any = msgspec.json.decode(content)
    except msgspec.MsgspecError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("celsius"), int) and len(value) == 1:
        return Finding("green", content[:_SHOWN])
    if p.first_choice(reply).get("finish_reason") == "length":
        return Finding("yellow", "the reply was cut off", "run it again")
    return Finding(
        "yellow",
        f"the answer does not fit the schema: {content[:_SHOWN]!r}",
        "ask(output=...) checks the answer itself, and fails where none fits",
    )


def _calls(said: Json) -> list[Json]:
    calls = said.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _says(chunk: Json) -> int:
    """How many characters a chunk of a stream adds to the reply, those around a call included."""
    choices = chunk.get("choices")
    delta = choices[0].get("delta") if choices else None
    said = [(delta or {}).get(name) for name in ("content", *BOTH, "tool_calls")]
    return max(len(str(each)) if each else 0 for each in said)
