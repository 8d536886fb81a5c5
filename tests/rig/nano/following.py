"""Which messages are understood from the turns before?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.nano.context import sent
from tests.rig.nano.given import give, value_of
from tests.rig.nano.spelling import copied
from tests.rig.nano.steps import Step, Turn, named, run, turn_of
from tests.rig.nano.tools import Tool, Value, kin, main_of
from tests.rig.nano.wording import ask, filled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.rig.nano.values import Values

_PLACES = ("first", "second", "third", "fourth")
_ONES = ("the {p} one", "the {p}", "the {p} of them", "number {n}", "the {p} in the list")


def follow_up(
    tools: list[Tool], last: tuple[Tool, dict[str, Value]], values: Values, r: Random
) -> Turn | None:
    """A message that is understood from the turn before: another value, "it", "again"."""
    tool, given = last
    key = main_of(tool)
    draw = r.random()
    if draw < 0.2:
        text = r.choice(("Again, please", "do it again", "once more", "Repeat that", "try again"))
    elif draw < 0.65 and key is not None:
        given = {**given, key: value_of(tool.family.parameters[key], values, r)}
        forms = tool.family.follow or ("And {k}?", "What about {k}?", "now {k}", "Same for {k}")
        text = filled(r.choice(forms), {"k": given[key], key: given[key]})
    elif key is not None:
        found = [(other, k) for other in tools if other is not tool and (k := main_of(other))]
        found = [(o, k) for o, k in found if kin(o, k, tool, key)]
        if not found:
            return None
        other, its = r.choice(found)
        after = {**give(other.family, values, r, whole=False), its: given[key]}
        that = r.choice(("it", "that", "there", "the same one", "this one"))
        text, tool, given = ask(other, {**after, its: Value(that, "")}, r), other, after
    else:
        return None
    done = run(tool, given, f"I call {named(tool)}.", values, r)
    return turn_of(sent(text, [(tool, given)], values, r), done, (tool, given))


def chosen(tools: list[Tool], items: tuple[str, ...], values: Values, r: Random) -> Turn | None:
    """ "Read the second one": a value of the result before."""
    found = [(tool, key) for tool in tools if (key := main_of(tool))]
    if not found:
        return None
    at = r.randrange(min(len(items), len(_PLACES)))
    place = "last" if at == len(items) - 1 and r.random() < 0.4 else _PLACES[at]
    that = r.choice(_ONES).format(p=place, n=at + 1)
    if place == "last":
        that = r.choice(("the last one", "the last", "the last of them"))
    tool, key = r.choice(found)
    given = give(tool.family, values, r, whole=False)
    text = ask(tool, {**given, key: Value(that, "")}, r)
    given[key] = Value(items[at], f'"{copied(items[at])}"')
    done = run(tool, given, f"I call {named(tool)}.", values, r)
    return turn_of(sent(text, [(tool, given)], values, r), done, (tool, given))


def asked_before(messages: Sequence[str], r: Random) -> Turn:
    """What was said before is asked for."""
    first = r.random() < 0.5
    text = r.choice(
        ("What did I ask first?", "what was my first question?", "What did I say at the beginning?")
        if first
        else ("What did I just ask?", "what was my last question?", "What did I say before?")
    )
    said = messages[0] if first else messages[-1]
    return Turn(text, (Step("No tool is needed.", answer=f"You said: {copied(said)}"),))
