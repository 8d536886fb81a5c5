"""What are conversations made of, and which tokens are read and learned?

A `Tree` is a set of tools, as the system and the developer message say it, with several
conversations that begin so: the branches. They share what comes first, so a set of tools is read
once for all of them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.rig.nano import again, builtin, following, lacking, lookups, memory, turns
from tests.rig.nano.forms import FORMS, OPENING, TOLD, Form, asked, ended, past, result, says
from tests.rig.nano.instructions import ending_tool, instructions
from tests.rig.nano.natural import alike, beside, natural, suites
from tests.rig.nano.novel import make_up
from tests.rig.nano.spelling import Context, canonical, encoding, token_texts
from tests.rig.nano.tools import Family, Tool, families, offer
from tests.rig.nano.values import Values

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.steps import Turn

_KINDS = (
    turns.one_call,
    turns.talk,
    turns.no_tool,
    lacking.missing,
    again.same_tool_again,
    turns.several_tools,
    turns.chained,
    lookups.looked_up,
)
_WEIGHTS = (50, 6, 10, 9, 12, 12, 6, 9)
LONGEST = 1024
_KNOWN, _NATURAL = 0.2, 0.55
"""How many of the tools are of `families` and of `natural`; the others are made up."""
_ONE_TRADE, _APART = 0.4, 0.3
"""How often tools that are offered together are of one trade; how many of them are not even so."""
_OF_SUITE, _CHAINED = 0.5, 0.08
"""How many sets of one trade are of one product; how often two tools are offered of which one needs
what the other gives back."""
_ENDED = 0.04
"""How often the answer is to be a call."""
_BUILT_IN = 0.07
"""How often the tools are those that toolrun brings."""
_ASKED_BEFORE = 0.03
_TASKS = ("New task:\n", "New task:\n", "Task: ", "Question: ")
_COUNTS = (1, 1, 2, 2, 3, 3, 4, 5, 6, 8)


_TOLD = 0.05


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
    """Tools that are offered together; in some sets most are of one trade."""
    found: dict[str, Tool] = {}
    count = r.choice(_COUNTS)
    if r.random() < _BUILT_IN:
        found = {tool.name: tool for tool in builtin.some(r)}
        count = r.choice((0, 0, 0, 1, 2))
    of_trade = _of_trade(r) if r.random() < _ONE_TRADE else None
    first: list[Family] = [] if of_trade is None else [of_trade]
    if r.random() < _CHAINED:
        chain = r.choice(lookups.chains())
        first, of_trade = [chain.first, chain.then], chain.first
    for place in range(max(count, len(first))):
        draw = r.random()
        family = first[place] if place < len(first) else None
        if family is None and of_trade is not None and draw > _APART:
            family = beside(of_trade, r)
        family = family or _any(values, r)
        tool = offer(family, values, r)
        if not any(alike(family, other.family) for other in found.values()):
            found.setdefault(tool.name, tool)
    if r.random() < 0.1:
        tool = memory.telling(values, r)
        found.setdefault(tool.name, tool)
    tools = list(found.values())
    r.shuffle(tools)
    return tools


def _of_trade(r: Random) -> Family:
    """A tool of a trade or of a product."""
    if r.random() < _OF_SUITE:
        return r.choice(r.choice(tuple(suites().values())))
    return r.choice(natural())


def _any(values: Values, r: Random) -> Family:
    draw = r.random()
    if draw < _KNOWN:
        return r.choice(families())
    return r.choice(natural()) if draw < _KNOWN + _NATURAL else make_up(values, r)


def head(tools: list[Tool], r: Random, said: str | None = None) -> list[int]:
    """The system and the developer message; `said`: what this one says before the tools."""
    day = str(dt.date(2024, 6, 1) + dt.timedelta(days=r.randrange(1500)))
    effort = r.choice(("Low", "Medium", "Medium", "High")) if r.random() < 0.6 else None
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
    if last is not None and last.items and draw < 0.3:
        return following.chosen(tools, last.items, values, r)
    if last is not None and last.last is not None and draw < 0.35:
        return following.follow_up(tools, last.last, values, r)
    if last is not None and last.last is None and draw < 0.2:
        return turns.talk(tools, values, r)
    return r.choices(_KINDS, _WEIGHTS)[0](tools, values, r)


class Setting(NamedTuple):
    """What conversations begin with.

    Attributes:
        tools: that may be asked for.
        end: the tool whose call is the answer, where one is.
        first: the tokens of the system and the developer message.
    """

    tools: list[Tool]
    end: Tool | None
    first: list[int]


class Writer:
    """Makes trees. Everything comes of the random generator that is handed in."""

    def __init__(self) -> None:
        self._values = Values(token_texts())

    def tree(self, r: Random, *, longest: int = LONGEST) -> Tree:
        """A set of tools and conversations with it, no more tokens in all than `longest`."""
        setting = self._setting(r)
        context = Context(setting.first)
        room = longest - len(setting.first)
        branches: list[Branch] = []
        for _ in range(40):
            if room < 100 or len(branches) >= 8:
                break
            for branch in self._conversation(context, setting, r):
                if len(branch.ids) <= room:
                    branches.append(branch)
                    room -= len(branch.ids)
        return Tree(setting.first, branches)

    def _setting(self, r: Random) -> Setting:
        """What stands before the first message."""
        tools = toolset(self._values, r) if r.random() < 0.96 else []
        end = ending_tool(self._values, r) if tools and r.random() < _ENDED else None
        if end is not None and end.name in {tool.name for tool in tools}:
            end = None
        offered = [*tools, end] if end is not None else tools
        said = instructions(offered, end, self._values, r)
        return Setting(tools, end, head(offered, r, said))

    def samples(self, r: Random) -> list[Sample]:
        """The samplings of one conversation, for the evaluation."""
        setting = self._setting(r)
        tools = setting.tools
        found: list[Sample] = []
        for history, form, done in self._turns(setting, r):
            prompt = setting.first + canonical(history + asked(done))
            unknown = {tool.name for tool in tools if not tool.family.known}
            for step in done.steps:
                kind = "call" if step.tool else "answer"
                kind += " of an unknown tool" if step.tool in unknown else ""
                opened = prompt + canonical(OPENING)
                if step.right and not step.free and not (form.told and done.needs_thoughts):
                    found.append(Sample(opened, says(step, marked=False), kind))
                prompt = prompt + canonical(past(step, form, thought=True))
        return found

    def _turns(self, setting: Setting, r: Random) -> list[tuple[str, Form, Turn]]:
        """Turns of one conversation, each with the text of those before."""
        form = TOLD if r.random() < _TOLD else r.choice(FORMS)
        history = ""
        last: Turn | None = None
        found: list[tuple[str, Form, Turn]] = []
        for _ in range(r.choice((1, 1, 1, 2, 3)) if setting.end is None else 1):
            if found and r.random() < _ASKED_BEFORE:
                done: Turn | None = following.asked_before([one.user for _, _, one in found], r)
            else:
                done = turn(setting.tools, last, self._values, r)
            if done is None:
                continue
            if form.told and r.random() < 0.5:
                done = replace(done, user=r.choice(_TASKS) + done.user)
            if setting.end is not None:
                done = ended(done, setting.end)
            found.append((history, form, done))
            history += asked(done)
            history += "".join(past(step, form, thought=False) for step in done.steps)
            last = done
        return found

    def _conversation(self, first: Context, setting: Setting, r: Random) -> list[Branch]:
        """The branches of one conversation: one a turn, or one a step."""
        found: list[Branch] = []
        for history, form, done in self._turns(setting, r):
            prompt = canonical(history + asked(done))
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
            # Where calls are told of, a secret is lost: there is nothing right to say.
            right = step.right and not (form.told and done.needs_thoughts and before != prompt)
            learned = [False] * (len(before) + len(opening)) + [right] * len(said)
            found.append(Branch(ids, learned))
            before = before + canonical(past(step, form, thought=thought))
        return found
