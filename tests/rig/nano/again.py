"""Which requests are for two or three values of one tool?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.nano.context import sent
from tests.rig.nano.given import give, listed, value_of
from tests.rig.nano.spelling import copied
from tests.rig.nano.steps import Step, Turn, answered, named, run
from tests.rig.nano.tools import Tool, Value, mains_of
from tests.rig.nano.wording import ask, filled

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

_AND = (" and ", " and ", " and also ", " and then ", ", and ", " as well as ")
"""Between things that are to be had one by one; a bare comma may stand in the name of one."""
_TWICE = 0.75
"""How often a tool is asked for twice as its own lines say."""


def same_tool_again(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """One request for two or three calls of one tool."""
    tool = r.choice(tools)
    twice = tool.family.twice if r.random() < _TWICE else {}
    keys = list(twice) or mains_of(tool)
    if not keys:
        return None
    key = keys[0] if r.random() < 0.6 else r.choice(keys)
    first = give(tool.family, values, r, whole=False)
    first.setdefault(key, value_of(tool.family.parameters[key], values, r))
    more = range(1 if twice or r.random() < 0.75 else 2)
    others = [{**first, key: value_of(tool.family.parameters[key], values, r)} for _ in more]
    every = [first, *others]
    for told in ([given[key].said for given in every], [given[key].json for given in every]):
        if len({*told}) < len(told):
            return None
    if twice:
        template = r.choice(twice[key])
        every = [_said_in(template, given, key) for given in every]
        both = {str(place): given[key] for place, given in enumerate(every, 1)}
        text = filled(template, {**first, **both})
    else:
        text = _in_a_row(tool, key, every, r)
    text = sent(text, [(tool, given) for given in every], values, r)
    return Turn(text, _calls(tool, key, every, values, r), (tool, every[-1]))


def _calls(
    tool: Tool, key: str, every: list[dict[str, Value]], values: Values, r: Random
) -> tuple[Step, ...]:
    """The calls, one after the other, and the answer."""
    said = [copied(given[key].said) for given in every]
    steps: list[Step] = []
    answers: list[str] = []
    for place, given in enumerate(every):
        thought = f"Now I call {named(tool)} for {said[place]}."
        if place == 0:
            thought = f"First I call {named(tool)} for {', then for '.join(said)}."
        done = run(tool, given, thought, values, r)
        steps += done.steps
        answers.append(done.said)
    return (*steps, answered(" ".join(answers), several=True))


def _in_a_row(tool: Tool, key: str, every: list[dict[str, Value]], r: Random) -> str:
    """A request with several values where it has one."""
    said = [given[key].said for given in every]
    row = listed(said, r, last=_AND)
    text = ask(tool, {**every[0], key: Value(row, "")}, r)
    return _both(text, ask(tool, every[0], r), row, said, r) if len(said) == 2 else text


def _said_in(template: str, given: dict[str, Value], key: str) -> dict[str, Value]:
    """What a request for two values says of the others."""
    return {k: value for k, value in given.items() if k == key or f"{{{k}}}" in template}


_MORE = (
    ", and {b}?", ", and for {b}?", " and the same for {b}", ". And {b}?", ". And for {b}?",
    ", then {b}", " and then {b}", ", and once more for {b}", ", {b} too", ", and {b} as well",
    "; then {b}", ". The same for {b}, please", ", also {b}", ". Do {b} too", ". {b} as well",
)  # fmt: skip
_COMPARED = (
    "compare {both}: {ask}", "{ask} And which of {either} is better?", "{either}? {ask}",
    "{ask} I want to compare them.", "which is it, {either}: {ask}", "{both}, side by side: {ask}",
)  # fmt: skip


def _both(text: str, one: str, row: str, said: list[str], r: Random) -> str:
    """A request for two values: in one breath, one after the other, or to compare them.

    Args:
        text: in one breath.
        one: for the first value alone.
        row: the values, as `text` says them.
        said: the values.
        r: decides.
    """
    draw = r.random()
    a, b = said
    led = re.search(rf"\b(?:in|for|at|of|to|on|from|with|about|near) {re.escape(a)}", one)
    if draw < 0.2 and led:
        joint = r.choice((" and ", " and ", ", and ", " and also "))
        return one[: led.end()] + joint + led[0].replace(a, b) + one[led.end() :]
    if draw < 0.4 and a in one:
        return one.rstrip("?.!") + r.choice(_MORE).format(b=b)
    if draw < 0.55 and row in text:
        return text.replace(row, f"{a} or {b}")
    if draw < 0.65 and row in text:
        form = r.choice(_COMPARED)
        plain = text if text[-1] in "?.!" else f"{text}."
        return form.format(both=f"{a} and {b}", either=f"{a} or {b}", ask=plain)
    return text
