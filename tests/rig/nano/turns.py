"""What happens in a turn: what is asked, thought, called, read and answered?

`following` has the messages that are understood from the turns before, `memory` the turns that need
the reasoning of earlier steps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.nano.context import sent
from tests.rig.nano.given import give
from tests.rig.nano.natural import beside, natural, suites
from tests.rig.nano.numerals import spoken
from tests.rig.nano.results import show, verbal
from tests.rig.nano.steps import Step, Turn, answered, called, named, run, turn_of
from tests.rig.nano.tools import Family, Tool, Value, families, kin, main_of, offer
from tests.rig.nano.wording import ask, explicit, is_imperative, lower_first, wordings

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

_FIT_ALL = {"search", "python", "shell", "wikipedia", "web", "encyclopedia", "sql", "code"}
"""A tool with such a word in it may do for any request."""
_SIBLING = 0.15
"""How often a request that no tool fits is for another tool of the same product."""
_IDLE = frozenset(wordings()["idle"].split())
_WORD = re.compile(r"[a-z]{2,}")
_SMALL = frozenset(
    ("is", "are", "be", "was", "of", "for", "out", "up", "down", "me", "us", "one", "and", "to",
     "look", "ask", "search", "come", "go", "put", "there", "that", "this", "all", "what", "how")
)  # fmt: skip
"""Words that nothing is called by."""


def one_call(tools: list[Tool], values: Values, r: Random) -> Turn:
    """A request for one call."""
    tool = r.choice(tools)
    given = give(tool.family, values, r)
    if r.random() < 0.07:
        text = explicit(tool, given, r)
    else:
        text, given = spoken(ask(tool, given, r), tool, given, r)
    done = run(tool, given, f"I call {named(tool)}.", values, r)
    return turn_of(sent(text, [(tool, given)], values, r), done, (tool, given))


def _named(tool: Tool, key: str) -> str:
    return tool.names[key].replace("_", " ")


def several_tools(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """One request for two or three calls of different tools."""
    if len(tools) < 2:
        return None
    chosen = r.sample(tools, min(len(tools), 2 if r.random() < 0.75 else 3))
    drawn = [(tool, give(tool.family, values, r)) for tool in chosen]
    said = [spoken(ask(tool, given, r), tool, given, r) for tool, given in drawn]
    all_given = [given for _, given in said]
    text = said[0][0]
    for more, _ in said[1:]:
        text = joined(text, more, r)
    thoughts = plan(chosen)
    steps: list[Step] = []
    answers: list[str] = []
    for tool, given, thought in zip(chosen, all_given, thoughts, strict=True):
        done = run(tool, given, thought, values, r)
        steps += done.steps
        answers.append(done.said)
    steps.append(answered(" ".join(answers), several=True))
    text = sent(text, list(zip(chosen, all_given, strict=True)), values, r)
    return Turn(text, tuple(steps), (chosen[-1], all_given[-1]))


def plan(tools: list[Tool]) -> list[str]:
    """What is thought before each of several calls: before the first, all of them."""
    rest = "".join(f", then {named(tool)}" for tool in tools[1:])
    return [f"First I call {named(tools[0])}{rest}."] + [
        f"Now I call {named(tool)}." for tool in tools[1:]
    ]


def joined(text: str, more: str, r: Random) -> str:
    """Two requests in one message."""
    joins = wordings()["joins"]
    join: str = r.choice(joins + wordings()["joins_verbal"] if is_imperative(more) else joins)
    if join.strip(" \n")[:1].isupper():
        return text + ("" if text[-1] in "?." else ".") + join + lower_first(more)
    return text.rstrip("?.") + join + lower_first(more)


def chained(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """Two calls, the second with what the first gave back, or with what the first was given."""
    if len(tools) < 2:
        return None
    first, second = r.sample(tools, 2)
    key, its = main_of(second), main_of(first)
    if key is None:
        return None
    given = give(first.family, values, r)
    after = give(second.family, values, r, whole=False)
    again = its is not None and kin(first, its, second, key) and r.random() < 0.75
    if again:
        assert its is not None
        after[key] = given[its]
        that = r.choice(
            ("it", "it", "it", "that", "this", "the same", "them", f"the {_named(second, key)}")
        )
        said = ""
    else:
        found = after[key].said
        field = r.choice((second.names[key], values.draw("thing", r), "result", "value"))
        body = r.choice(({field: found}, {field: found, "count": r.randint(1, 99)}, found))
        that = r.choice(
            (
                "it",
                "it",
                "that",
                "them",
                f"the {_named(second, key)}",
                "the result",
                f"the {field.replace('_', ' ')}",
                "what you get",
                "what comes out",
            )
        )
        said = verbal(body)
    more = pronounced(ask(second, {**after, key: Value(that, "")}, r), that, r)
    text = joined(ask(first, given, r), more, r)
    thoughts = plan([first, second])
    if again:
        begun = run(first, given, thoughts[0], values, r)
        steps, said = begun.steps, begun.said
    else:
        steps = [called(first, given, thoughts[0], show(body, r))]
    done = run(second, after, thoughts[1], values, r)
    steps += [*done.steps, answered(f"{said} {done.said}", several=True)]
    text = sent(text, [(first, given), (second, after)], values, r)
    return Turn(text, tuple(steps), (second, after))


_OF_IT = re.compile(r"\b(?:the )?([a-z]+(?: [a-z]+)?) (?:of|for|on|in|at) it\b")
_THERE = re.compile(r"\b(?:in|at|from|to|on) it\b")


def pronounced(text: str, that: str, r: Random) -> str:
    """A request about "it" as one says it: "its length", "there"."""
    if that != "it":
        return text
    text = text.replace("it's ", "its ")
    draw = r.random()
    if draw < 0.5 and (found := _OF_IT.search(text)) and found[1].split()[-1] not in _SMALL:
        return f"{text[: found.start()]}its {found[1]}{text[found.end() :]}"
    return _THERE.sub("there", text, count=1) if draw < 0.7 else text


def no_tool(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """A request that no tool fits."""
    offered = {word for tool in tools for word in _about(tool)}
    if offered & _FIT_ALL:
        return None
    sibling = _sibling(tools, r) if r.random() < _SIBLING else None
    if sibling is not None:
        other = offer(sibling, values, r)
        text = ask(other, give(other.family, values, r), r)
    elif r.random() < 0.6:
        family = beside(r.choice(tools).family, r) if tools and r.random() < 0.6 else None
        other = offer(family or r.choice((*families(), *natural())), values, r)
        family = other.family
        if offered & set(_about(other)):
            return None
        text = ask(other, give(family, values, r), r)
    else:
        text = values.fill(r.choice(wordings()["open"]).replace("{}", "{topic}"), r)
    step = Step("No tool fits.", answer="I have no tool for that.")
    return Turn(sent(text, [], values, r), (step,))


def _sibling(tools: list[Tool], r: Random) -> Family | None:
    """A tool of a product of which some are offered, but not this one."""
    of_suites = [tool.family.suite for tool in tools if tool.family.suite]
    if not of_suites:
        return None
    offered = {tool.family.names for tool in tools}
    left = [one for one in suites()[r.choice(of_suites)] if one.names not in offered]
    return r.choice(left) if left else None


def _about(tool: Tool) -> list[str]:
    """What a tool is about: the words that tell whether another one could do for it."""
    texts = (
        *tool.family.names,
        *tool.family.about,
        *(one.value for one in tool.family.parameters.values()),
    )
    words = _WORD.findall(" ".join(texts).replace("_", " ").lower())
    return [word.removesuffix("s") for word in words if word not in _IDLE]


def talk(_tools: list[Tool], values: Values, r: Random) -> Turn:
    """Small talk."""
    kinds = wordings()["talk"]
    [kind] = r.choices(kinds, [len(one["says"]) + 20 for one in kinds])
    step = Step("No tool is needed.", answer=kind["answer"])
    return Turn(values.fill(r.choice(kind["says"]), r), (step,))
