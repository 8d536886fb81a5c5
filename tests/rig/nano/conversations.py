"""What are conversations made of, and which tokens are read and learned?

A `Tree` is a set of tools, as the system and the developer message say it, with several
conversations that begin so: the branches. They share what comes first, so a set of tools is read
once for all of them. Calls and results of the past stand in the forms in which toolrun's own
sampling, vLLM 0.28 and vLLM 0.32 render them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.rig.nano import memory, turns
from tests.rig.nano.novel import make_up
from tests.rig.nano.spelling import Context, canonical, copied, encoding, plain, token_texts
from tests.rig.nano.tools import Tool, families, offer
from tests.rig.nano.values import Values
from tests.rig.nano.wording import wordings

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.turns import Step, Turn

OPENING = "<|start|>assistant"
_KINDS = (
    turns.one_call,
    turns.talk,
    turns.no_tool,
    turns.missing,
    turns.same_tool_again,
    turns.several_tools,
    turns.chained,
)
_WEIGHTS = (62, 6, 5, 5, 7, 10, 5)
LONGEST = 1024
_COUNTS = (1, 1, 2, 2, 3, 3, 4, 5, 6)


class Form(NamedTuple):
    """How calls and results of the past are rendered.

    Attributes:
        call: the header of a call, after `<|start|>assistant`.
        result: the header of a result, after `<|start|>`.
        sampled: whether the past of a turn is what was sampled, to the token.
    """

    call: str
    result: str
    sampled: bool


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


class Branch(NamedTuple):
    """What follows the tools: the tokens, and which of them the model is to say."""

    ids: list[int]
    learned: list[bool]


@dataclass(frozen=True)
class Tree:
    """A beginning, and the conversations that begin so."""

    head: list[int]
    branches: list[Branch]


class Sample(NamedTuple):
    """One sampling: what is read, and what is to be said, as text."""

    prompt: list[int]
    says: str
    kind: str


def toolset(values: Values, r: Random) -> list[Tool]:
    """Tools that are offered together."""
    found: dict[str, Tool] = {}
    for _ in range(r.choice(_COUNTS)):
        family = r.choice(families()) if r.random() < 0.42 else make_up(values, r)
        tool = offer(family, values, r)
        found.setdefault(tool.name, tool)
    if r.random() < 0.08:
        tool = memory.telling(values, r)
        found.setdefault(tool.name, tool)
    tools = list(found.values())
    r.shuffle(tools)
    return tools


def head(tools: list[Tool], r: Random) -> list[int]:
    """The system and the developer message."""
    day = str(dt.date(2024, 6, 1) + dt.timedelta(days=r.randrange(1500)))
    effort = r.choice(("Low", "Medium", "Medium", "High")) if r.random() < 0.6 else None
    said = r.choice(wordings()["instructions"]) if r.random() < 0.4 else None
    described = [(tool.name, tool.description, tool.schema) for tool in tools]
    return render_head(described, day if r.random() < 0.93 else None, effort, said)


def render_head(
    tools: list[tuple[str, str, dict[str, Any] | None]],
    date: str | None = None,
    effort: str | None = None,
    instructions: str | None = None,
) -> list[int]:
    """The system and the developer message, by the harmony library."""
    import openai_harmony as harmony

    system = harmony.SystemContent.new()
    if effort:
        system = system.with_reasoning_effort(harmony.ReasoningEffort(effort))
    if date:
        system = system.with_conversation_start_date(date)
    messages = [harmony.Message.from_role_and_content(harmony.Role.SYSTEM, system)]
    developer = harmony.DeveloperContent.new()
    if instructions:
        developer = developer.with_instructions(instructions)
    if tools:
        described = [harmony.ToolDescription.new(n, d, parameters=p) for n, d, p in tools]
        developer = developer.with_function_tools(described)
    if tools or instructions:
        messages.append(harmony.Message.from_role_and_content(harmony.Role.DEVELOPER, developer))
    conversation = harmony.Conversation.from_messages(messages)
    return list(encoding().render_conversation(conversation))


def turn(tools: list[Tool], last: Turn | None, values: Values, r: Random) -> Turn | None:
    """A turn of any kind; None where the dice fit no tool: try again."""
    draw = r.random()
    if not tools:
        return (turns.talk if draw < 0.6 else turns.no_tool)(tools, values, r)
    if any(tool.family.asks == ("tell {x}",) for tool in tools) and draw < 0.75:
        kind = memory.secret if r.random() < 0.5 else memory.worked_out
        return kind(tools, values, r)
    if last is not None and last.last is not None and draw < 0.35:
        return turns.follow_up(tools, last.last, values, r)
    return r.choices(_KINDS, _WEIGHTS)[0](tools, values, r)


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
    text = f"{OPENING}<|channel|>analysis<|message|>{step.thought}<|end|>" if thought else ""
    if not step.tool:
        return plain(f"{text}{OPENING}<|channel|>final<|message|>{step.answer}<|end|>")
    header = f"{OPENING}{form.call.format(t=step.tool)}"
    return plain(f"{text}{header}<|message|>{step.arguments}<|call|>{result(step, form)}")


class Writer:
    """Makes trees. Everything comes of the random generator that is handed in."""

    def __init__(self) -> None:
        self._values = Values(token_texts())

    def tree(self, r: Random, *, longest: int = LONGEST) -> Tree:
        """A set of tools and conversations with it, no more tokens in all than `longest`."""
        tools = toolset(self._values, r) if r.random() < 0.98 else []
        first = head(tools, r)
        context = Context(first)
        room = longest - len(first)
        branches: list[Branch] = []
        for _ in range(40):
            if room < 100 or len(branches) >= 8:
                break
            for branch in self._conversation(context, tools, r):
                if len(branch.ids) <= room:
                    branches.append(branch)
                    room -= len(branch.ids)
        return Tree(first, branches)

    def samples(self, r: Random) -> list[Sample]:
        """The samplings of one conversation, for the evaluation."""
        tools = toolset(self._values, r)
        first = head(tools, r)
        found: list[Sample] = []
        for history, form, done in self._turns(tools, r):
            prompt = first + canonical(f"{history}<|start|>user<|message|>{done.user}<|end|>")
            unknown = {tool.name for tool in tools if not tool.family.known}
            for step in done.steps:
                kind = "call" if step.tool else "answer"
                kind += " of an unknown tool" if step.tool in unknown else ""
                opened = prompt + canonical(OPENING)
                found.append(Sample(opened, says(step, marked=False), kind))
                prompt = prompt + canonical(past(step, form, thought=True))
        return found

    def _turns(self, tools: list[Tool], r: Random) -> list[tuple[str, Form, Turn]]:
        """Turns of one conversation, each with the text of those before."""
        form = r.choice(FORMS)
        history = ""
        last: Turn | None = None
        found: list[tuple[str, Form, Turn]] = []
        for _ in range(r.choice((1, 1, 1, 2, 3))):
            done = turn(tools, last, self._values, r)
            if done is None:
                continue
            found.append((history, form, done))
            history += f"<|start|>user<|message|>{done.user}<|end|>"
            history += "".join(past(step, form, thought=False) for step in done.steps)
            last = done
        return found

    def _conversation(self, first: Context, tools: list[Tool], r: Random) -> list[Branch]:
        """The branches of one conversation: one a turn, or one a step."""
        found: list[Branch] = []
        for history, form, done in self._turns(tools, r):
            prompt = canonical(f"{history}<|start|>user<|message|>{done.user}<|end|>")
            if form.sampled:
                found.append(self._sampled(first, prompt, done, form))
            else:
                thought = done.needs_thoughts or r.random() < 0.85
                found += self._rendered(first, prompt, done, form, thought=thought)
        return found

    def _sampled(self, first: Context, prompt: list[int], done: Turn, form: Form) -> Branch:
        """A turn in one piece, each step behind what was sampled in the one before."""
        opening = canonical(OPENING)
        ids, learned = list(prompt), [False] * len(prompt)
        context = first.after(ids)
        for step in done.steps:
            said = context.spell(says(step))
            read = canonical(result(step, form)) if step.tool else []
            ids += opening + said + read
            learned += [False] * len(opening) + [step.right] * len(said) + [False] * len(read)
            context.extend(opening + said + read)
        return Branch(ids, learned)

    def _rendered(
        self, first: Context, prompt: list[int], done: Turn, form: Form, *, thought: bool
    ) -> list[Branch]:
        """Each step by itself, behind what a server renders of the steps before."""
        opening = canonical(OPENING)
        found: list[Branch] = []
        before = list(prompt)
        for step in done.steps:
            said = first.after(before).spell(says(step))
            ids = before + opening + said
            learned = [False] * (len(before) + len(opening)) + [step.right] * len(said)
            found.append(Branch(ids, learned))
            before = before + canonical(past(step, form, thought=thought))
        return found
