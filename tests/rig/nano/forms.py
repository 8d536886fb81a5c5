"""How do the steps of a turn stand in a prompt?

Calls and results of the past stand in the forms in which toolrun's own sampling, vLLM 0.28 and
vLLM 0.32 render them, and as a framework tells of them that keeps no calls.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tests.rig.nano.spelling import copied, plain

if TYPE_CHECKING:
    from tests.rig.nano.steps import Step, Turn
    from tests.rig.nano.tools import Tool

OPENING = "<|start|>assistant"


class Form(NamedTuple):
    """How calls and results of the past are rendered.

    Attributes:
        call: the header of a call, after `<|start|>assistant`.
        result: the header of a result, after `<|start|>`.
        sampled: whether the past of a turn is what was sampled, to the token.
        told: whether calls stand there as answers, and results as messages of the user.
    """

    call: str
    result: str
    sampled: bool
    told: bool = False


SAMPLED = Form(
    "<|channel|>commentary to=functions.{t} <|constrain|>json",
    "functions.{t} to=assistant<|channel|>commentary",
    sampled=True,
)
FORMS = (
    SAMPLED,
    SAMPLED,
    SAMPLED,
    SAMPLED,
    SAMPLED._replace(sampled=False),
    Form(
        " to=functions.{t}<|channel|>commentary json",
        "functions.{t}<|channel|>commentary to=assistant",
        sampled=False,
    ),
    Form(
        " to=functions.{t}<|channel|>commentary json",
        "functions.{t} to=assistant<|channel|>commentary",
        sampled=False,
    ),
    Form(
        " to=functions.{t}<|channel|>commentary <|constrain|>json",
        "functions.{t} to=assistant<|channel|>commentary",
        sampled=False,
    ),
)


TOLD = Form("", "", sampled=False, told=True)
"""A framework's way that keeps no calls: it tells of them, the reasoning is gone."""


def asked(done: Turn) -> str:
    """The message that a turn begins with."""
    return f"<|start|>user<|message|>{done.user}<|end|>"


def says(step: Step, *, marked: bool = True) -> str:
    """What the model says in a step, after `<|start|>assistant`."""
    thought = f"<|channel|>analysis<|message|>{step.thought}<|end|>"
    if not step.tool:
        text = f"{thought}{OPENING}<|channel|>final<|message|>{step.answer}<|return|>"
    else:
        header = SAMPLED.call.format(t=copied(step.tool))
        text = f"{thought}{OPENING}{header}<|message|>{step.arguments}<|call|>"
    return text if marked else plain(text)


def result(step: Step, form: Form) -> str:
    """The result of a step's call, as a message."""
    return f"<|start|>{form.result.format(t=step.tool)}<|message|>{step.result}<|end|>"


def past(step: Step, form: Form, *, thought: bool) -> str:
    """A step as it stands in a later prompt, with the result of its call."""
    if form.told:
        return plain(_told(step))
    text = f"{OPENING}<|channel|>analysis<|message|>{step.thought}<|end|>" if thought else ""
    if not step.tool:
        return plain(f"{text}{OPENING}<|channel|>final<|message|>{step.answer}<|end|>")
    header = f"{OPENING}{form.call.format(t=step.tool)}"
    return plain(f"{text}{header}<|message|>{step.arguments}<|call|>{result(step, form)}")


def _told(step: Step) -> str:
    """A step as a framework tells of it that keeps no calls."""
    said = step.answer
    if step.tool:
        arguments = json.loads(plain(step.arguments))
        function = {"name": step.tool, "arguments": arguments}
        call = {"id": "call_0", "type": "function", "function": function}
        said = f"Calling tools:\n{[call]}"
    text = f"{OPENING}<|channel|>final<|message|>{said}<|end|>"
    if not step.tool:
        return text
    return f"{text}<|start|>user<|message|>Observation:\n{step.result}<|end|>"


def ended(done: Turn, end: Tool) -> Turn:
    """A turn whose answer is a call of a tool."""
    *before, last = done.steps
    (name,) = end.names.values()
    body = json.dumps(last.answer, ensure_ascii=False)
    call = replace(last, answer="", tool=end.name, arguments=f'{{"{copied(name)}": {body}}}')
    return replace(done, steps=(*before, call))
