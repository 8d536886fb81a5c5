"""What happens in a turn: what is asked, thought, called, read and answered?

A turn is drawn here as text, what the model copies marked. `memory` has the turns that need the
reasoning of earlier steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.rig.nano.results import Outcome, failure, outcome, show, verbal
from tests.rig.nano.spelling import copied
from tests.rig.nano.tools import Tool, Value, families, give, listed, offer, value_of
from tests.rig.nano.wording import ask, dressed, explicit, filled, lower_first, wordings

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

RESULT = "I have the result."
RESULTS = "I have all results."


@dataclass(frozen=True)
class Step:
    """What the model says in one sampling, and what it reads then.

    Attributes:
        thought: the reasoning.
        answer: the final answer; "" where a tool is called.
        tool: the name of the tool that is called.
        arguments: of the call, as JSON.
        result: what the call gives back.
        right: whether the model is to learn to say so; what went wrong is only read.
    """

    thought: str
    answer: str = ""
    tool: str = ""
    arguments: str = ""
    result: str = ""
    right: bool = True


@dataclass(frozen=True)
class Turn:
    """A user's message and the steps that follow; what was called last, for the next turn.

    `needs_thoughts`: the turn cannot be gone on with where its reasoning is lost.
    """

    user: str
    steps: tuple[Step, ...]
    last: tuple[Tool, dict[str, Value]] | None = None
    needs_thoughts: bool = False


class Done(NamedTuple):
    """A call that was made: its steps, the sentence for the answer, what it gave back."""

    steps: list[Step]
    said: str
    outcome: Outcome | None


def named(tool: Tool) -> str:
    """A tool as the reasoning names it."""
    return f"functions.{copied(tool.name)}"


def called(tool: Tool, given: dict[str, Value], thought: str, result: str) -> Step:
    """A step that calls a tool."""
    return Step(thought, tool=tool.name, arguments=tool.call(given), result=result)


def answered(said: str, *, several: bool = False) -> Step:
    """The last step of a turn that called tools."""
    return Step(RESULTS if several else RESULT, answer=said)


def run(tool: Tool, given: dict[str, Value], thought: str, values: Values, r: Random) -> Done:
    """One call with what it gives back; some fail, and are tried once more where that may help."""
    draw = r.random()
    if draw < 0.05:
        text, words = failure(values, r, passing=False)
        step = called(tool, given, thought, text)
        return Done([step], f"{copied(tool.name)} failed: {copied(words)}.", None)
    if draw < 0.1:
        text, words = failure(values, r, passing=True)
        steps = [called(tool, given, thought, text)]
        again = f"It failed: {copied(words)}. I call {named(tool)} once more."
        if r.random() < 0.35:
            text, words = failure(values, r, passing=r.random() < 0.5)
            steps.append(called(tool, given, again, text))
            return Done(steps, f"{copied(tool.name)} failed: {copied(words)}.", None)
        found = outcome(tool, given, values, r)
        return Done([*steps, called(tool, given, again, found.text)], found.said, found)
    if draw < 0.13 and (mended := _mended(tool, given, thought, values, r)) is not None:
        return mended
    found = outcome(tool, given, values, r)
    return Done([called(tool, given, thought, found.text)], found.said, found)


def _mended(
    tool: Tool, given: dict[str, Value], thought: str, values: Values, r: Random
) -> Done | None:
    """A call that is refused, then made again as the refusal says."""
    of = tool.family.parameters
    keys = [k for k, v in given.items() if v.json.startswith('"') and not of[k].enum]
    if not keys:
        return None
    key = r.choice(keys)
    better = value_of(tool.family.parameters[key], values, r)
    wrong, right = given[key].said, better.said
    words = r.choice(
        (
            f"{wrong} not found, did you mean {right}?",
            f"no such {tool.names[key]}: {wrong}. Did you mean '{right}'?",
            f"unknown {tool.names[key]} {wrong}; the nearest is {right}",
            f"{wrong} does not exist. Use {right} instead.",
            f"{tool.names[key]} must be {right}",
        )
    )
    text = show({"error": words} if r.random() < 0.6 else f"Error: {words}", r)
    found = outcome(tool, {**given, key: better}, values, r)
    again = f"It must be {copied(right)}. I call {named(tool)} again."
    steps = [
        called(tool, given, thought, text),
        called(tool, {**given, key: better}, again, found.text),
    ]
    return Done(steps, found.said, found)


def one_call(tools: list[Tool], values: Values, r: Random) -> Turn:
    """A request for one call."""
    tool = r.choice(tools)
    given = give(tool.family, values, r)
    text = explicit(tool, given, r) if r.random() < 0.07 else ask(tool, given, r)
    done = run(tool, given, f"I call {named(tool)}.", values, r)
    return Turn(dressed(text, r), (*done.steps, answered(done.said)), (tool, given))


def same_tool_again(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """One request for two or three calls of one tool."""
    tool = r.choice(tools)
    key = _main(tool)
    if key is None:
        return None
    first = give(tool.family, values, r)
    more = range(1 if r.random() < 0.75 else 2)
    others = [{**first, key: value_of(tool.family.parameters[key], values, r)} for _ in more]
    all_given = [first, *others]
    said = [given[key].said for given in all_given]
    if len(set(said)) < len(said):
        return None
    asked = {**first, key: Value(listed(said, r), "")}
    rest = ", then for ".join(copied(one) for one in said[1:])
    steps: list[Step] = []
    answers: list[str] = []
    for place, given in enumerate(all_given):
        thought = f"Now I call {named(tool)} for {copied(said[place])}."
        if place == 0:
            thought = f"First I call {named(tool)} for {copied(said[0])}, then for {rest}."
        done = run(tool, given, thought, values, r)
        steps += done.steps
        answers.append(done.said)
    steps.append(answered(" ".join(answers), several=True))
    return Turn(dressed(ask(tool, asked, r), r), tuple(steps), (tool, all_given[-1]))


def _main(tool: Tool) -> str | None:
    """The parameter that a request is about: the first that is free text, and required."""
    for key, one in tool.family.parameters.items():
        if one.chance is None and one.type == "string" and not one.enum and "|" not in one.value:
            return key
    return None


def several_tools(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """One request for two or three calls of different tools."""
    if len(tools) < 2:
        return None
    chosen = r.sample(tools, min(len(tools), 2 if r.random() < 0.75 else 3))
    all_given = [give(tool.family, values, r) for tool in chosen]
    text = ask(chosen[0], all_given[0], r)
    for tool, given in zip(chosen[1:], all_given[1:], strict=True):
        text = joined(text, ask(tool, given, r), r)
    thoughts = plan(chosen)
    steps: list[Step] = []
    answers: list[str] = []
    for tool, given, thought in zip(chosen, all_given, thoughts, strict=True):
        done = run(tool, given, thought, values, r)
        steps += done.steps
        answers.append(done.said)
    steps.append(answered(" ".join(answers), several=True))
    return Turn(dressed(text, r), tuple(steps), (chosen[-1], all_given[-1]))


def plan(tools: list[Tool]) -> list[str]:
    """What is thought before each of several calls: before the first, all of them."""
    rest = "".join(f", then {named(tool)}" for tool in tools[1:])
    return [f"First I call {named(tools[0])}{rest}."] + [
        f"Now I call {named(tool)}." for tool in tools[1:]
    ]


def joined(text: str, more: str, r: Random) -> str:
    """Two requests in one message."""
    join: str = r.choice(wordings()["joins"])
    if join[1].isupper():
        return text + ("" if text[-1] in "?." else ".") + join + lower_first(more)
    return text.rstrip("?.") + join + lower_first(more)


def chained(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """Two calls, the second with what the first gave back."""
    if len(tools) < 2:
        return None
    first, second = r.sample(tools, 2)
    key = _main(second)
    if key is None:
        return None
    given, after = give(first.family, values, r), give(second.family, values, r)
    found = after[key].said
    field = r.choice((second.names[key], values.draw("thing", r), "result", "value"))
    that = r.choice(("it", "that", "the result", f"the {field.replace('_', ' ')}", "what you get"))
    text = joined(ask(first, given, r), ask(second, {**after, key: Value(that, "")}, r), r)
    body = r.choice(({field: found}, {field: found, "count": r.randint(1, 99)}, found))
    thoughts = plan([first, second])
    steps = [called(first, given, thoughts[0], show(body, r))]
    done = run(second, after, thoughts[1], values, r)
    steps += [*done.steps, answered(f"{verbal(body)} {done.said}", several=True)]
    return Turn(dressed(text, r), tuple(steps), (second, after))


def follow_up(
    tools: list[Tool], last: tuple[Tool, dict[str, Value]], values: Values, r: Random
) -> Turn | None:
    """A message that is understood from the turn before: another value, "it", "again"."""
    tool, given = last
    key = _main(tool)
    draw = r.random()
    if draw < 0.2:
        text = r.choice(("Again, please", "do it again", "once more", "Repeat that", "try again"))
    elif draw < 0.65 and key is not None:
        given = {**given, key: value_of(tool.family.parameters[key], values, r)}
        forms = tool.family.follow or ("And {k}?", "What about {k}?", "now {k}", "Same for {k}")
        text = filled(r.choice(forms), {"k": given[key], key: given[key]})
    elif key is not None:
        found = [(other, k) for other in tools if other is not tool and (k := _main(other))]
        found = [(o, k) for o, k in found if _kin(o, k, tool, key)]
        if not found:
            return None
        other, its = r.choice(found)
        after = {**give(other.family, values, r), its: given[key]}
        that = r.choice(("it", "that", "there", "the same one", "this one"))
        text, tool, given = ask(other, {**after, its: Value(that, "")}, r), other, after
    else:
        return None
    done = run(tool, given, f"I call {named(tool)}.", values, r)
    return Turn(dressed(text, r), (*done.steps, answered(done.said)), (tool, given))


def _kin(one: Tool, key: str, other: Tool, its: str) -> bool:
    """Whether two parameters take the same kind of value."""
    return one.family.parameters[key].value == other.family.parameters[its].value


def missing(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """A request that leaves something out that the tool must have: it is asked for."""
    tool = r.choice(tools)
    required = [k for k, one in tool.family.parameters.items() if one.chance is None]
    usable = [template for template in tool.family.asks if "{" not in template]
    given = give(tool.family, values, r)
    if not required:
        return None
    key = r.choice(required)
    if usable and len(required) <= 2:
        text = r.choice(usable)
        for other in given:
            said = tool.family.parameters[other].said
            if other != key and said:
                text = f"{text.rstrip('?')} {r.choice(said).lstrip(', ')}"
        text = filled(text, given)
    else:
        ending = [t for t in tool.family.asks if t.rstrip("?.").endswith(f" {{{key}}}")]
        if not ending or len(required) > 2:
            return None
        text = filled(r.choice(ending).rstrip("?."), given)
        text = text[: -len(given[key].said)].rstrip(" \"'`")
        for word in (" to", " in", " for", " with"):
            text = text.removesuffix(word)
    name = tool.names[key]
    words = name.replace("_", " ") if "_" in name else name
    thought = f"I need the {copied(name)} for {named(tool)}."
    return Turn(dressed(text, r), (Step(thought, answer=f"Please tell me the {copied(words)}."),))


def no_tool(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """A request that no tool fits."""
    if r.random() < 0.6:
        family = r.choice(families())
        other = offer(family, values, r)
        if any(_alike(family.asks, tool.family.asks) for tool in tools):
            return None
        text = ask(other, give(family, values, r), r)
    else:
        topic = values.draw("topic", r)
        text = r.choice(wordings()["open"]).replace("{}", topic)
    step = Step("No tool fits.", answer="I have no tool for that.")
    return Turn(dressed(text, r), (step,))


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return one == other


def talk(_tools: list[Tool], _values: Values, r: Random) -> Turn:
    """Small talk."""
    kind = r.choice(wordings()["talk"])
    step = Step("No tool is needed.", answer=kind["answer"])
    return Turn(r.choice(kind["says"]), (step,))
