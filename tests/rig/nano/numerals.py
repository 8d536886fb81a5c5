"""Which numbers are said in words: "half an hour" where minutes are wanted, "a dozen", "twice"?

Only what has one meaning is said so: the unit stands in the request beside the number, and the call
gets digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.nano.spelling import copied
from tests.rig.nano.tools import Tool, Value

if TYPE_CHECKING:
    from random import Random

_SPANS = {
    "minutes": (
        ("half an hour", 30), ("an hour", 60), ("a quarter of an hour", 15), ("two hours", 120),
        ("three quarters of an hour", 45), ("an hour and a half", 90), ("one and a half hours", 90),
        ("one hour", 60), ("1 hour", 60), ("2 hours", 120), ("a full hour", 60),
    ),
    "seconds": (("a minute", 60), ("half a minute", 30), ("one minute", 60), ("two minutes", 120)),
    "hours": (("a day", 24), ("half a day", 12), ("a whole day", 24), ("two days", 48)),
    "days": (("a week", 7), ("two weeks", 14), ("a fortnight", 14), ("three weeks", 21)),
    "nights": (("a week", 7), ("two weeks", 14), ("a whole week", 7)),
    "months": (("a year", 12), ("half a year", 6), ("two years", 24), ("a year and a half", 18)),
    "years": (("a decade", 10), ("two decades", 20), ("half a century", 50), ("a century", 100)),
    "times": (("twice", 2), ("once", 1), ("three times", 3), ("four times", 4), ("thrice", 3)),
}  # fmt: skip
"""What is said instead of a number and its unit."""
_SPANS["mins"] = _SPANS["min"] = _SPANS["minutes"]
_COUNTS = (
    ("a dozen", 12), ("half a dozen", 6), ("two dozen", 24), ("three dozen", 36),
    ("a couple of", 2), ("a hundred", 100), ("two hundred", 200), ("a thousand", 1000),
)  # fmt: skip
"""What is said instead of a number of things."""
_MEASURES = frozenset(
    ("degrees", "percent", "dollars", "euros", "meters", "kilometers", "liters", "grams", "pixels",
     "points", "chars", "characters", "words", "lines", "stars", "digits", "letters")
)  # fmt: skip
"""Units that are counted in hundreds, but not in dozens."""
_NO_THINGS = frozenset(
    ("is", "as", "has", "was", "this", "its", "plus", "minus", "needs", "wants", "says", "goes",
     "gets", "comes", "gives", "costs", "takes", "does", "equals", "works", "makes", "times")
)  # fmt: skip
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_BEFORE = frozenset(("the", "last", "next", "first", "a", "an", "these", "all"))
_ARTICLES = ("a ", "an ", "half ")
_RANGE = re.compile(r"int:(\d+)-(\d+)")
_FREE = frozenset(("small", "number", "measure", "amount"))
"""Rules that draw any number."""


def in_words(number: int) -> str:
    """A number below 100 in English.

    Raises:
        IndexError: it is larger.
    """
    if number < len(_ONES):
        return _ONES[number]
    tens, one = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[one]}" if one else "")


def spoken(
    text: str, tool: Tool, given: dict[str, Value], r: Random
) -> tuple[str, dict[str, Value]]:
    """A request and what is given, at times with a number said in words, or another one so said."""
    for key, value in given.items():
        one = tool.family.parameters[key]
        if one.type not in ("integer", "number") or value.ask or not value.said.isdigit():
            continue
        found = list(re.finditer(rf"(?<![\w.,]){value.said}(?![.,]?\w)", text))
        beside = re.search(rf"(?:(\w+) |\(|^){value.said} (\w+)", text)
        if len(found) != 1 or beside is None:
            continue
        names = " ".join((key, tool.names[key]))
        timed = tool.family.known or beside[2].rstrip("s") in names.lower()
        said = _said(beside[2], int(value.said), one.value, r, timed=timed)
        if said is None or (beside[1] in _BEFORE and said[0].startswith(_ARTICLES)):
            continue
        words, number, whole = said
        end = found[0].end() + (len(beside[2]) + 1) * whole
        put = Value(words, copied(str(number)))
        return text[: found[0].start()] + words + text[end:], {**given, key: put}
    return text, given


def _said(
    unit: str, number: int, rule: str, r: Random, *, timed: bool
) -> tuple[str, int, bool] | None:
    """What is said instead, the number that is meant, and whether the unit is in it already.

    `timed`: the number counts what the unit says; beside made-up numbers stand any units.
    """
    if timed and unit in _SPANS and r.random() < 0.35:
        fitting = [(words, one) for words, one in _SPANS[unit] if _allowed(one, rule)]
        if fitting:
            return (*r.choice(fitting), True)
    draw = r.random()
    things = unit.endswith("s") or unit == "people"
    if draw < 0.12 and things and unit not in _NO_THINGS and unit not in _SPANS:
        few = _COUNTS[-3:] if unit in _MEASURES else _COUNTS
        fitting = [(words, one) for words, one in few if _allowed(one, rule)]
        if fitting:
            return (*r.choice(fitting), False)
    if draw < 0.25 and 10 < number < 100 and unit not in _NO_THINGS:
        return in_words(number), number, False
    return None


def _allowed(number: int, rule: str) -> bool:
    """Whether the rule of a parameter can draw a number."""
    if found := _RANGE.fullmatch(rule):
        return int(found[1]) <= number <= int(found[2])
    return rule in _FREE
