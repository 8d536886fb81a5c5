"""Which tasks can only be solved with the reasoning of earlier steps?

In the first step the model settles on something that it says to nobody: a secret, or what it
worked out. Other calls come between. The last call needs it, and it stands in the reasoning alone.
A client that drops the reasoning makes the model guess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.rig.nano.given import give
from tests.rig.nano.results import outcome, show
from tests.rig.nano.spelling import copied
from tests.rig.nano.steps import Step, Turn, called, named
from tests.rig.nano.tools import Family, Parameter, Tool, Value, offer
from tests.rig.nano.wording import ask, dressed, lower_first

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

SECRETS = {
    "animal": "otter falcon tiger zebra panda eagle whale rabbit camel gecko moose squid heron",
    "colour": "red green blue yellow purple orange black white pink brown grey gold silver violet",
    "number": " ".join(str(n) for n in range(11, 99)),
    "city": "Paris Tokyo Cairo Lima Oslo Rome Delhi Quito Accra Perth Milan Hanoi Sofia Lagos",
    "fruit": "apple mango lemon cherry grape melon peach plum pear kiwi fig papaya lime banana",
    "password": "",
}
"""What a secret may be of; a password is made up of three letters and three digits."""

_THINK = (
    "Think of a secret {k} and tell nobody",
    "Pick a {k} in your head, don't say which",
    "Choose a {k} and keep it to yourself",
    "Settle on a {k} silently",
    "Make up a {k}, but keep it secret for now",
)
_GUESS = (
    "submit", "reveal", "report_choice", "save_answer", "tell", "finish", "send_answer", "store",
)  # fmt: skip
_KEYS = ("answer", "value", "choice", "word", "text", "secret")
_TELL = (
    "{t} it with {n}",
    "pass your {k} to {n}",
    "call {n} with your {k}",
    "at the end give it to {n}",
    "hand the {k} to {n}",
)


@dataclass(frozen=True)
class Puzzle:
    """Something that is worked out in the reasoning: how it is asked for, and what comes out.

    `free`: any other answer would do as well.
    """

    ask: str
    thought: str
    answer: str
    free: bool = False


def secret(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """A secret is chosen, other tools are called, then the secret is told."""
    kind = r.choice(list(SECRETS))
    return _remembered(tools, _chosen(kind, r), kind, values, r)


def worked_out(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """Something is worked out, other tools are called, then it is needed."""
    return _remembered(tools, _puzzle(values, r), "result", values, r)


def telling(values: Values, r: Random) -> Tool:
    """A tool that takes what was kept; its name is any."""
    name = r.choice(_GUESS) if r.random() < 0.6 else f"{r.choice(_GUESS)}_{values.draw('term', r)}"
    key = r.choice(_KEYS) if r.random() < 0.7 else values.draw("term", r)
    one = Parameter((key,), "string", ("What was chosen", "The answer", ""), "token")
    about = ("Takes the answer", "Reports what was chosen", "Called last", "")
    return offer(Family((name,), about, ("tell {x}",), {"x": one}, known=False), values, r)


def _chosen(kind: str, r: Random) -> Puzzle:
    if kind == "password":
        letters = "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(3))
        word = f"{letters}{r.randint(100, 999)}"
    else:
        word = r.choice(SECRETS[kind].split())
    return Puzzle(r.choice(_THINK).replace("{k}", kind), f"My {kind} is {word}.", word, free=True)


def _puzzle(values: Values, r: Random) -> Puzzle:
    draw = r.random()
    if draw < 0.3:
        numbers = r.sample(range(2, 100), r.randint(2, 4))
        best = max if r.random() < 0.5 else min
        words_of = ("largest", "biggest", "highest") if best is max else ("smallest", "lowest")
        word, row = r.choice(words_of), ", ".join(map(str, numbers))
        found = str(best(numbers))
        return Puzzle(f"Find the {word} of {row}", f"The {word} is {found}.", found)
    if draw < 0.75:
        one, two = r.randint(1, 30), r.randint(1, 30)
        return Puzzle(
            f"Add {one} and {two} in your head", f"{one} + {two} = {one + two}.", str(one + two)
        )
    words = [values.draw("token", r) for _ in range(r.randint(2, 4))]
    at = r.choice(("first", "last"))
    found = words[0] if at == "first" else words[-1]
    return Puzzle(
        f"Take the {at} word of '{' '.join(words)}'", f"The {at} word is {copied(found)}.", found
    )


def _remembered(
    tools: list[Tool], puzzle: Puzzle, kind: str, values: Values, r: Random
) -> Turn | None:
    tell = next((tool for tool in tools if tool.family.asks == ("tell {x}",)), None)
    others = [tool for tool in tools if tool is not tell]
    if tell is None or not others:
        return None
    between = r.sample(others, min(len(others), r.choice((1, 1, 2))))
    all_given = [give(tool.family, values, r) for tool in between]
    text = puzzle.ask
    for tool, given in zip(between, all_given, strict=True):
        text += r.choice((". Then ", ", then ", ". After that ", ". Now "))
        text += lower_first(ask(tool, given, r)).rstrip("?.")
    told = r.choice(_TELL).format(t="tell", k=kind, n=tell.name)
    text += r.choice((". Then ", ", and then ", ". At last ", ". When that is done, ")) + told
    rest = "".join(f", then {named(tool)}" for tool in [*between[1:], tell])
    steps: list[Step] = []
    for tool, given in zip(between, all_given, strict=True):
        thought = f"Now I call {named(tool)}."
        if not steps:
            thought = f"{puzzle.thought} First I call {named(tool)}{rest}."
        steps.append(called(tool, given, thought, outcome(tool, given, values, r).text))
    steps[0] = replace(steps[0], free=puzzle.free)
    value = Value(puzzle.answer, f'"{copied(puzzle.answer)}"')
    body = r.choice(("ok", {"ok": True}, "done", {"status": "saved"}))
    steps.append(called(tell, {"x": value}, f"Now I call {named(tell)}.", show(body, r)))
    steps.append(Step("I have all results.", answer=f"Done. It was {copied(puzzle.answer)}."))
    return Turn(dressed(text, r), tuple(steps), needs_thoughts=True)
