"""What does a developer message say before its tools?

Mostly nothing, or a sentence. Frameworks say much: rules, examples with tools that are not there,
the same tools once more as text; some want the answer to be a call.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.rig.nano.tools import Family, Parameter, Tool, offer
from tests.rig.nano.wording import wordings

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

_SHORT, _LONG = 0.4, 0.05
_ENDS = (
    "final_answer",
    "final_answer",
    "final_answer",
    "finish",
    "submit_answer",
    "respond",
    "answer",
    "return_result",
    "give_answer",
)
_ENDING = (
    "To provide the final answer to the task, use the tool {t}. It is the only way to complete it.",
    "Only a call of {t} ends the task.",
    "When you are done, call {t} with your answer. Never answer in any other way.",
    "The task is finished when you call {t}; without it you will be stuck on a loop.",
    "Give the answer with the tool {t}, not as text.",
    "You must end with {t}.",
)
_RULES = (
    "ALWAYS provide a tool call, else you will fail.",
    "Always use the right arguments for the tools.",
    "Never use variable names as the action arguments, use the value instead.",
    "Call a tool only when needed: do not call the search agent if you do not need information.",
    "Never re-do a tool call that you previously did with the exact same parameters.",
    "Think step by step.",
    "Do not guess.",
    "If a tool fails, say so.",
    "Ask when something is missing.",
    "Don't mention the tools by name.",
    "Be polite to customers.",
    "Never share internal data.",
    "Use metric units where there is a choice.",
    "One tool at a time.",
    "Today everything is open.",
    "Prices are in dollars.",
    "You work for {Token}.",
    "The customer is {person}.",
    "Our office is in {city}.",
    "The support line is {phone}.",
    "Refer to people by their first names.",
    "Keep the answer under {small} words.",
    "Requests about {topic} go to {email}.",
    "The {thing} is {adjective}.",
    "Reply in plain text.",
)
_OPENINGS = (
    "You are an expert assistant. You solve any task with tool calls.",
    "You are an agent - please keep going until the user's query is completely resolved.",
    "You are a helpful assistant with access to the following tools.",
    "You are {given}, the assistant of {Token}.",
    "Answer the following questions as best you can. You have access to the following tools:",
    "# Role\nYou are an assistant for {things}.",
)


def ending_tool(values: Values, r: Random) -> Tool:
    """A tool whose call is the answer."""
    name = r.choice(_ENDS)
    key = r.choice(("answer", "answer", "answer", "text", "result", "response", "output"))
    about = (
        "Provides a final answer to the given problem.",
        "Give the final answer",
        "Ends the task",
        "",
    )
    said = ("The final answer to the problem", "The answer", "")
    one = Parameter((key,), "string", said, "saying")
    return offer(Family((name,), about, (), {"x": one}), values, r)


def instructions(tools: list[Tool], end: Tool | None, values: Values, r: Random) -> str | None:
    """What is said; of `end`, where it is there, that only it ends the task."""
    if end is not None or r.random() < _LONG:
        return _many(tools, end, values, r)
    return values.fill(r.choice(wordings()["instructions"]), r) if r.random() < _SHORT else None


def _many(tools: list[Tool], end: Tool | None, values: Values, r: Random) -> str:
    rule = [r.choice(_ENDING).format(t=end.name)] if end is not None else []
    if end is not None and r.random() < 0.3:
        return " ".join([values.fill(r.choice(_OPENINGS), r), *rule])
    parts = [values.fill(r.choice(_OPENINGS), r)]
    parts += [_example(values, r) for _ in range(r.choice((0, 0, 1, 2)))]
    if r.random() < 0.5:
        parts.append("\n".join(_listed(tool) for tool in tools))
    rules = [values.fill(text, r) for text in r.sample(_RULES, r.randint(2, 6))]
    if r.random() < 0.5:
        rules = [f"{number}. {text}" for number, text in enumerate(rules, 1)]
    parts.append("\n".join(rules))
    parts += rule
    if r.random() < 0.3:
        parts.append("Now Begin!")
    return "\n\n".join(parts)


def _example(values: Values, r: Random) -> str:
    """A task with a tool that is not there, as some frameworks show how it is done."""
    name = f"{values.draw('verb', r)}_{values.draw('thing', r)}"
    given = {values.draw("thing", r): values.draw("anything", r)}
    body = json.dumps({"name": name, "arguments": given}, indent=r.choice((2, None)))
    return (
        f"---\nTask: {values.draw('sentence', r)}\n\nAction:\n{body}\n"
        f'Observation: "{values.draw("output", r)}"'
    )


def _listed(tool: Tool) -> str:
    properties = (tool.schema or {}).get("properties", {})
    return f"- {tool.name}: {tool.description}\n    Takes inputs: {properties}"
