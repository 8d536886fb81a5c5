"""Errands by a loop of one's own with the `openai` package.

Usage: see `tests/rig/nano/errand_tools.py`. HOW is "appended": the reply's message goes back as the
object that it is, as OpenAI's guide shows it; or "rebuilt": as a dict of its content and its calls.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openai import OpenAI

from tests.rig.nano.errand_tools import STEPS, main
from toolrun.tools.definition import define

if TYPE_CHECKING:
    from tests.rig.nano.errand_tools import Function, Server


def solve(server: Server, user: str, functions: list[Function]) -> None:
    client = OpenAI(base_url=server.url, api_key="EMPTY")
    by_name = {each.__name__: each for each in functions}
    tools: Any = [define(each).to_openai() for each in functions]  # only the schemas
    messages: list[Any] = [{"role": "user", "content": user}]
    for _ in range(STEPS):
        reply = client.chat.completions.create(
            model=server.model, messages=messages, tools=tools, temperature=server.temperature
        )
        message = reply.choices[0].message
        calls = message.tool_calls or []
        if not calls:
            return
        messages.append(message if server.how == "appended" else rebuilt(message))
        for call in calls:
            result = by_name[call.function.name](**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def rebuilt(message: Any) -> dict[str, Any]:
    """The message in the fields that OpenAI's own API has."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in message.tool_calls
    ]
    return {"role": "assistant", "content": message.content, "tool_calls": calls}


main(solve, "openai")
