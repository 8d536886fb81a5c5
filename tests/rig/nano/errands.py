"""Which errands need the reasoning of the first step at the end, and was one of them done?

In the first step the model settles on something and says it to nobody: a secret, or what it worked
out. One or two tools are called; then a last one is to be told, and only the reasoning has it. The
tools and the wordings are written by hand and stand in no training data; the values are drawn from
a seed of their own.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from tests.rig.nano import errand_tools as tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.nano.between import Heard

Kind: TypeAlias = Literal["secret", "worked out"]
KINDS: Final[tuple[Kind, ...]] = ("secret", "worked out")

SEED: Final = 20_261_127
_SECRETS: Final = ("animal", "colour", "number", "city", "fruit", "password")
_CHOOSE: Final = (
    "Think of a secret {k} and tell nobody",
    "Choose a {k} and keep it to yourself",
    "Pick a {k} in your head, don't say which",
)
_CITIES: Final = (
    "Madrid",
    "Berlin",
    "Seoul",
    "Dublin",
    "Vienna",
    "Boston",
    "Nairobi",
    "Lisbon",
    "Sydney",
    "Toronto",
)
_ASKS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "get_weather": (("check the weather in {}", "tell me the weather in {}"), _CITIES),
    "get_time": (("tell me the time in {}", "look up the local time in {}"), _CITIES),
    "get_stock_price": (
        ("get the stock price of {}", "look up the price of {} stock"),
        ("AAPL", "MSFT", "TSLA", "NVDA", "IBM", "ORCL"),
    ),
    "add_reminder": (
        ("set a reminder to {}", "remind me to {}"),
        ("call Anna", "water the plants", "buy milk", "pay the rent", "book the train"),
    ),
    "set_timer": (("start a timer for {} minutes",), ("5", "10", "12", "20", "45")),
    "track_package": (("track package {}", "track the parcel {}"), ("AB1234", "QX5520", "ZT9071")),
    "list_events": (("list my events on {}",), ("Monday", "Friday", "Sunday", "2026-03-14")),
    "list_files": (("list the files in {}",), ("/tmp", "docs", "src/app", "reports")),
}
_TELL: Final = (
    "pass your {k} to {n}",
    "call {n} with your {k}",
    "hand the {k} to {n}",
    "give the {k} to {n}",
)
_THEN: Final = (". Then ", ". After that ", ". Now ")
_LAST: Final = (". At last ", ". When that is done, ", ". Then ")
_WORDS: Final = (
    "table",
    "river",
    "window",
    "garden",
    "silver",
    "coffee",
    "letter",
    "market",
    "bridge",
    "candle",
    "forest",
)
_SAID_SECRET: Final = re.compile(r"\bMy (\w+) is (\S+?)\.(?:\s|$)")


class Errand(Struct, frozen=True):
    """A task for an agent.

    Attributes:
        name: of it, among all.
        user: what the user says.
        tools: the names of those that are offered.
        between: those that are to be called first, in their order.
        tell: the one that is to be called last.
        subject: what is to be told: what kind of secret, or "result".
        truth: what is to be told; "" where the model chooses it.
    """

    name: str
    kind: Kind
    user: str
    tools: tuple[str, ...]
    between: tuple[str, ...]
    tell: str
    subject: str
    truth: str = ""


class Verdict(Struct, frozen=True):
    """Of one errand that an agent ran.

    Attributes:
        prepared: whether all before the last call went right: the first step's reasoning has what
            is to be told, then the tools were called in their order, each once.
        done: whether the last call told it, after all the others were called.
        back: of how many prompts after the first the first reasoning was a part, and of how many.
        fields: in which fields of the requests it was.
    """

    prepared: bool
    done: bool
    back: tuple[int, int]
    fields: frozenset[str]


def make(kind: Kind, count: int, seed: int = SEED) -> list[Errand]:
    """Errands of one kind, always the same for a seed."""
    r = Random(f"{seed} {kind}")
    return [_errand(kind, number, r) for number in range(count)]


def judged(errand: Errand, heard: Sequence[Heard]) -> Verdict:
    """What became of an errand, by the requests and replies between the agent and the server."""
    first = heard[0].reasoning if heard else ""
    wanted = errand.truth or _secret(errand.subject, first)
    calls = [call for each in heard for call in each.calls]
    names = [name for name, _ in calls]
    told = names.index(errand.tell) if errand.tell in names else len(names)
    begun = names[:told]
    later = heard[1:]
    return Verdict(
        prepared=bool(wanted) and _has(first, wanted) and begun == [*errand.between],
        done=told < len(names)
        and bool(wanted)
        and set(errand.between) <= set(begun)
        and _tells(calls[told][1], wanted),
        back=(sum(each.has(heard[0]) for each in later), len(later)),
        fields=frozenset(field for each in later for field in each.fields(heard[0])),
    )


def _errand(kind: Kind, number: int, r: Random) -> Errand:
    between = r.sample(tools.ASKING, r.choice((1, 2)))
    extra = r.choice([each for each in tools.ASKING if each not in between])
    tell = r.choice(tools.TELLING).__name__
    subject = r.choice(_SECRETS) if kind == "secret" else "result"
    first, truth = (r.choice(_CHOOSE).format(k=subject), "") if kind == "secret" else _work(r)
    text = first
    for each in between:
        wordings, values = _ASKS[each.__name__]
        text += r.choice(_THEN) + r.choice(wordings).format(r.choice(values))
    text += r.choice(_LAST) + r.choice(_TELL).format(k=subject, n=tell) + "."
    names = tuple(each.__name__ for each in between)
    offered = [*names, extra.__name__, tell]
    r.shuffle(offered)
    name = f"{kind.replace(' ', '-')}-{number}"
    return Errand(name, kind, text, tuple(offered), names, tell, subject, truth)


def _work(r: Random) -> tuple[str, str]:
    """Something that is worked out without a tool, and what comes out."""
    match r.choice(("row", "row", "sum", "words")):
        case "row":
            numbers = r.sample(range(2, 100), 3)
            word = r.choice(("largest", "smallest"))
            best = max(numbers) if word == "largest" else min(numbers)
            return f"Find the {word} of {', '.join(map(str, numbers))}", str(best)
        case "sum":
            one, two = r.randint(2, 30), r.randint(2, 30)
            return f"Add {one} and {two} in your head", str(one + two)
        case _:
            words = r.sample(_WORDS, 3)
            at = r.choice(("first", "last"))
            found = words[0] if at == "first" else words[-1]
            return f"Take the {at} word of '{' '.join(words)}'", found


def _secret(subject: str, reasoning: str) -> str:
    """What a reasoning settles on; "" where that cannot be read from it."""
    found = _SAID_SECRET.search(reasoning)
    return found[2] if found and found[1] == subject else ""


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _tells(arguments: str, wanted: str) -> bool:
    """Whether a call's arguments, JSON as they should be, have it as one value's text."""
    try:
        given: Any = json.loads(arguments)
    except ValueError:
        return False
    return isinstance(given, dict) and any(str(value) == wanted for value in given.values())
