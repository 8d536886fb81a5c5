"""What is a turn made of, and what comes of a call in it?

A turn is text, what the model copies marked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.rig.nano.given import value_of
from tests.rig.nano.results import Outcome, failure, outcome, show
from tests.rig.nano.spelling import copied, plain
from tests.rig.nano.tools import Tool, Value

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

_ALIKE = 0.5
"""How often what was meant is like what was said."""
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
        free: whether it says what the model may choose: nobody can know it beforehand.
    """

    thought: str
    answer: str = ""
    tool: str = ""
    arguments: str = ""
    result: str = ""
    right: bool = True
    free: bool = False


@dataclass(frozen=True)
class Turn:
    """A user's message and the steps that follow; what was called last, for the next turn.

    `needs_thoughts`: the turn cannot be gone on with where its reasoning is lost. `items`: what was
    listed at last.
    """

    user: str
    steps: tuple[Step, ...]
    last: tuple[Tool, dict[str, Value]] | None = None
    needs_thoughts: bool = False
    items: tuple[str, ...] = ()


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


def turn_of(
    text: str, done: Done, last: tuple[Tool, dict[str, Value]], *, several: bool = False
) -> Turn:
    """A turn whose last call is done."""
    items = done.outcome.items if done.outcome is not None else ()
    steps = (*done.steps, answered(done.said, several=several))
    return Turn(text, steps, last, items=items)


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
    if draw < 0.14 and (mended := _mended(tool, given, thought, values, r)) is not None:
        return mended
    if draw < 0.17:
        return _refused(tool, given, thought, values, r)
    found = outcome(tool, given, values, r)
    return Done([called(tool, given, thought, found.text)], found.said, found)


def _refused(tool: Tool, given: dict[str, Value], thought: str, values: Values, r: Random) -> Done:
    """A call that was wrong in itself, as toolrun says so, then the right one."""
    found = outcome(tool, given, values, r)
    if r.random() < 0.6 or not given:
        wrong = values.draw(r.choice(("made", "word1", "term")), r)
        hint = f" Did you mean {tool.name}?" if r.random() < 0.5 else ""
        others = [values.draw("term", r) for _ in range(r.randint(0, 3))]
        names = [tool.name, *others]
        r.shuffle(names)
        text = f"There is no tool '{wrong}'.{hint} The tools are: {', '.join(names)}."
        first = called(replace(tool, name=wrong), given, thought, text)
    else:
        key = r.choice(list(given))
        name = values.draw("word1", r)
        text = (
            f"The arguments of {tool.name} do not fit its schema; it was not run.\n"
            f"- $: '{tool.names[key]}' is a required property\n"
            f"Call it again with corrected arguments."
        )
        first = called(replace(tool, names={**tool.names, key: name}), given, thought, text)
    again = f"It was not run. I call {named(tool)}."
    steps = [replace(first, right=False), called(tool, given, again, found.text)]
    return Done(steps, found.said, found)


_HINTS = ("did_you_mean", "suggestion", "hint", "use", "similar", "nearest", "expected", "try")


def _nearly(wrong: str, values: Values, r: Random) -> str:
    """A value that was meant by another one: as it is registered, or spelled right."""
    draw = r.random()
    if draw < 0.25:
        return f"{wrong}{r.choice(('s', '-', '_', '/', ' ', '.'))}{values.draw('word1', r)}"
    if draw < 0.5:
        return f"{values.draw('term', r)}{r.choice(('-', '-', '_', '/', ' '))}{wrong}"
    if draw < 0.65:
        changed = r.choice((wrong.lower(), wrong.upper(), f"{wrong}s", wrong.replace(" ", "-")))
        return changed if changed != wrong else f"{wrong}{r.randint(1, 9)}"
    at = r.randrange(len(wrong))
    letter = r.choice("abcdefghiklmnoprstuvz")
    return r.choice((
        wrong[:at] + letter + wrong[at + 1 :],
        wrong[:at] + letter + wrong[at:],
        f"{wrong[: max(3, at)]}{values.draw('made', r)}",
    ))  # fmt: skip


def _refusal(name: str, wrong: str, right: str, others: list[str], r: Random) -> Any:
    """What a tool says of a value that it does not know, with the one that it does.

    `others`: other values of the call, which may stand there, too.
    """
    spaced = name.replace("_", " ")
    words = r.choice((
        f"{wrong} not found, did you mean {right}?", f"no such {spaced}: {wrong}. Use '{right}'",
        f"no such {name}: {wrong}. Did you mean '{right}'?", f"{name} must be {right}",
        f"unknown {name} {wrong}; the nearest is {right}", f"{wrong} not found. Similar: {right}",
        f"{wrong} does not exist. Use {right} instead.", f"invalid {spaced}, use {right}",
        f"{wrong} was renamed to {right}", f"{wrong} is now called {right}. Try that.",
        f"{spaced} {wrong} is unknown. Available: {right}",
        f"'{wrong}' is not valid; try '{right}'",
        f"could not find {wrong} (maybe {right}?)", f"expected a {spaced} such as {right}",
        f"bad {spaced} '{wrong}': write it as {right}",
        f"400: {spaced} must be given as {right}",
    ))  # fmt: skip
    if others and r.random() < 0.35:
        other = r.choice(others)
        words = r.choice((
            f"no {spaced} {wrong} for {other}, did you mean {right}?",
            f"{other} has no {spaced} {wrong}. Did you mean {right}?",
            f"{wrong} is not in {other}; there is {right}",
            f"{other}: unknown {spaced} {wrong}, use {right}",
            f"there is no {wrong} in {other}, only {right}",
            f"{wrong} not found in {other}. Similar: {right}",
        ))  # fmt: skip
    draw = r.random()
    if draw < 0.4:
        return {"error": words}
    if draw < 0.7:
        return f"{r.choice(('Error: ', 'error: ', '', 'Error 404: ', 'ValueError: '))}{words}"
    short = r.choice((f"unknown {spaced}", f"no such {spaced}", "not found", f"invalid {spaced}"))
    hint = right if r.random() < 0.6 else f"use {right}"
    body = {"error": short, r.choice(_HINTS): [right] if r.random() < 0.2 else hint}
    return {"ok": False, **body} if r.random() < 0.2 else body


def _mended(
    tool: Tool, given: dict[str, Value], thought: str, values: Values, r: Random
) -> Done | None:
    """A call that is refused, then made again as the refusal says."""
    of = tool.family.parameters
    keys = [k for k, v in given.items() if v.json.startswith('"') and not of[k].enum]
    if not keys:
        return None
    key = r.choice(keys)
    wrong = json.loads(plain(given[key].json))
    right = json.loads(plain(value_of(of[key], values, r).json))
    if r.random() < _ALIKE and wrong:
        right = _nearly(wrong, values, r)
    better = Value(right, json.dumps(copied(right), ensure_ascii=False))
    others = [json.loads(plain(given[k].json)) for k in keys if k != key]
    text = show(_refusal(tool.names[key], wrong, right, others, r), r)
    found = outcome(tool, {**given, key: better}, values, r)
    again = f"It must be {copied(right)}. I call {named(tool)} again."
    steps = [
        called(tool, given, thought, text),
        called(tool, {**given, key: better}, again, found.text),
    ]
    return Done(steps, found.said, found)
