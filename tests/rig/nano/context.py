"""What stands around a request and holds nothing for the call?

People say why, for whom, how late it is: `data/context.toml` has such sentences, with numbers,
names, places and prices that belong to no parameter. What a parameter of the tool could be meant by
is not said, so that there is one right call.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tests.rig.nano.values import DATA, rules
from tests.rig.nano.wording import dressed, upper_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.rig.nano.tools import Tool, Value
    from tests.rig.nano.values import Values

Call: TypeAlias = "tuple[Tool, dict[str, Value]]"
"""A tool and what it is given."""

_AROUND = 0.17
"""How often something stands around a request."""
_TYPO = 0.03
_PIECE = re.compile(r"[A-Z]?[a-z]+")
_TYPED = re.compile(r"(?<![\w'./@-])[a-z]{5,12}(?![\w'./@-])")
_OPEN = frozenset((
    "text", "saying", "sentence", "phrase", "topic", "errand", "headline", "trouble", "entry",
    "code", "command", "sql", "expression", "question", "appointment", "jumble", "scene",
    "news_topic", "patch", "talked",
))  # fmt: skip
"""Rules of values that a sentence behind them could be taken for a part of."""


class _Kind(NamedTuple):
    """Sentences of one kind; see `data/context.toml`."""

    says: tuple[str, ...]
    clash: frozenset[str]
    away: bool
    numbers: bool


@cache
def kinds() -> tuple[_Kind, ...]:
    """What `data/context.toml` holds."""
    body = tomllib.loads((DATA / "context.toml").read_text())
    return tuple(
        _Kind(
            tuple(each["says"]),
            frozenset(each.get("clash", "").split()),
            each.get("away", False),
            each.get("numbers", False),
        )
        for each in body["kind"]
    )


def sent(text: str, calls: Sequence[Call], values: Values, r: Random) -> str:
    """A bare request as it is sent: dressed, and some with a sentence before or behind it.

    Args:
        text: the request.
        calls: what it asks for; none: no call follows, and the sentence says no value.
        values: fills the holes of sentences.
        r: decides.
    """
    free = _ends_open(text, calls)
    said = _mistyped(_restored(dressed(text, r, free=free), calls), calls, r)
    fitting = [one for one in kinds() if fits(one, calls)] if r.random() < _AROUND else []
    if not fitting:
        return said
    kind = r.choice(fitting)
    more = values.fill(r.choice(kind.says), r)
    if r.random() < 0.1 and not free:
        more = f"{more} {values.fill(r.choice(kinds()[0].says), r)}"
    if r.random() < 0.55 or free:
        return _restored(f"{more} {upper_first(said)}", calls)
    return f"{said}{'' if said[-1] in '?.!' else '.'} {more}"


def fits(kind: _Kind, calls: Sequence[Call]) -> bool:
    """Whether no parameter of the calls could be meant by such a sentence."""
    if not calls:
        return not kind.clash
    for tool, given in calls:
        for key, one in tool.family.parameters.items():
            if key in given and kind.away:
                continue
            words = {key, *one.names, tool.names[key]}
            if kind.clash.intersection(piece.lower() for w in words for piece in _PIECE.findall(w)):
                return False
            if kind.numbers and key not in given and one.type != "string":
                return False
    return True


@cache
def is_open(rule: str) -> bool:
    """Whether a sentence behind a value of a rule could be taken for a part of the value."""
    if rule in _OPEN:
        return True
    parts = [one for one in rules().get(rule, ()) if len(one) > 1]
    return any(not one[-1] and one[-2] != rule and is_open(one[-2]) for one in parts)


def _ends_open(text: str, calls: Sequence[Call]) -> bool:
    """Whether the request ends with a free text, which a sentence behind could belong to."""
    bare = text.rstrip("?.!\"'` ")
    for tool, given in calls:
        for key, value in given.items():
            rule = tool.family.parameters[key].value
            if (
                is_open(rule)
                and value.said
                and (value.ask or bare.endswith(value.said.rstrip("?.!")))
            ):
                return True
    return False


def _restored(text: str, calls: Sequence[Call]) -> str:
    """The text, with the values as they are written where a sentence now begins or goes on."""
    for tool, given in calls:
        for key, value in given.items():
            if value.said in text or tool.family.parameters[key].enum:
                continue
            bare = value.said.rstrip("?.!")
            if bare and (found := re.search(rf"{re.escape(bare)}[?.!]?", text, re.IGNORECASE)):
                text = text[: found.start()] + value.said + text[found.end() :]
    return text


def _mistyped(text: str, calls: Sequence[Call], r: Random) -> str:
    """The text, at times with a letter wrong in a word that is no value's."""
    if r.random() >= _TYPO or not calls:
        return text
    taken = " ".join(
        f"{value.said} {value.json} {' '.join(tool.names.values())}".lower()
        for tool, given in calls
        for value in given.values()
    )
    words = [word for word in _TYPED.finditer(text) if word[0] not in taken]
    if not words:
        return text
    word = r.choice(words)
    at = r.randrange(1, len(word[0]) - 2)
    one, two = word[0][at], word[0][at + 1]
    changed = r.choice((two + one, one, one + one + two, two))
    return text[: word.start()] + word[0][:at] + changed + word[0][at + 2 :] + text[word.end() :]
