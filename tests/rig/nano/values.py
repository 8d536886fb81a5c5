"""What do the values of made-up conversations look like?

Values are strings as a person would type them. `data/grammar.toml` says what they are made of;
`Values` draws them. Everything is a function of the random generator that is handed in.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

DATA = Path(__file__).with_name("data")
Rule: TypeAlias = "tuple[tuple[str, ...], ...]"
"""Alternatives; each is text and, at every second place, the name of what stands there."""

_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLAIN = re.compile(r" [a-z]{3,14}")
_INNER = re.compile(r"[a-z]{2,5}")
_CAPITAL = re.compile(r" [A-Z][a-z]{2,13}")
_CAPITALS = re.compile(r" ?[A-Z]{2,6}")
_FOREIGN = re.compile(r" ?[^\W\d_]{2,12}")
_RARE = 0.3
"""How many plain words are drawn whatever their frequency."""
_PIECED = 0.15
"""How many of these are made up of pieces: rare names, which are copied piece by piece."""
_BETWEEN = ("-", "-", "/", ".", ":", "_", " ", "")
_WEIGHT = re.compile(r"\*(\d+) ")
_HOLE = re.compile(r"\{([\w:-]+)\}")


class Values:
    """Draws values.

    Args:
        texts: of the vocabulary's tokens by id; None for what is no text by itself. Words that one
            token spells after a space are drawn from them, so that no word is never seen.
    """

    def __init__(self, texts: Sequence[str | None]) -> None:
        known = [text for text in texts[300:] if text]
        self._plain = [text[1:] for text in known if _PLAIN.fullmatch(text)]
        self._capital = [text[1:] for text in known if _CAPITAL.fullmatch(text)]
        self._inner = [text for text in known if _INNER.fullmatch(text)]
        self._foreign = [text.strip() for text in known if _FOREIGN.fullmatch(text)]
        self._capitals = [text.strip() for text in known if _CAPITALS.fullmatch(text)]
        self._rules = rules()
        self._drawn: dict[str, Callable[[Random], str]] = {
            "token": self._token,
            "Token": lambda r: self._rare(r, self._capital),
            "foreign": lambda r: r.choice(self._foreign),
            "CAPS": lambda r: r.choice(self._capitals),
            "made": _made,
            "Made": lambda r: _made(r).capitalize(),
            "Thing": lambda r: self.draw("thing", r).capitalize(),
            "A": lambda r: r.choice(_UPPER),
            "a": lambda r: r.choice(_UPPER).lower(),
            "hex6": lambda r: f"{r.randrange(16**6):06x}",
            "number": lambda r: str(r.randint(0, r.choice((12, 99, 999, 99_999)))),
            "small": lambda r: str(r.randint(1, 20) if r.random() < 0.7 else 5 * r.randint(4, 30)),
            "decimal": lambda r: str(round(r.uniform(0, 10 ** r.randint(1, 4)), r.randint(1, 2))),
            "meters": lambda r: str(round(r.uniform(0.5, 30), r.randint(1, 2))),
            "latitude": lambda r: str(round(r.uniform(-90, 90), r.randint(1, 4))),
            "longitude": lambda r: str(round(r.uniform(-180, 180), r.randint(1, 4))),
            "serial": self._serial,
            "isodate": _isodate,
            "dayform": _isodate,
            "clock": _clock,
            "timeform": _time,
        }

    def draw(self, name: str, r: Random) -> str:
        """A value by the name of its rule, or one of "on|off", or of "int:1-9"."""
        if name.startswith("int:"):
            least, _, most = name[4:].partition("-")
            return str(r.randint(int(least), int(most)))
        if "|" in name:
            return r.choice(name.split("|"))
        if name in self._drawn:
            return self._drawn[name](r)
        return self._filled(r.choice(self._rules[name]), r)

    def fill(self, template: str, r: Random) -> str:
        """A template with its holes filled."""
        return self._filled(_split(template), r)

    def _filled(self, parts: tuple[str, ...], r: Random) -> str:
        if len(parts) == 1:
            return parts[0]
        return "".join(self.draw(p, r) if i % 2 else p for i, p in enumerate(parts))

    def _token(self, r: Random) -> str:
        """A plain word, the frequent ones more often."""
        if r.random() < _RARE:
            return self._rare(r, self._plain)
        return self._plain[int(len(self._plain) * r.random() ** 1.5)]

    def _serial(self, r: Random) -> str:
        """A code of some groups of letters, digits and words, as people number things."""
        found = self._group(r)
        mark = r.choice(_BETWEEN)
        for _ in range(r.choice((0, 1, 1, 1, 2, 2, 3))):
            found += (mark if r.random() < 0.8 else r.choice(_BETWEEN)) + self._group(r)
        return found if any(one.isdigit() for one in found) else f"{found}{r.randint(1, 99)}"

    def _group(self, r: Random) -> str:
        draw = r.random()
        if draw < 0.5:
            return str(r.randrange(10 ** r.choice((1, 1, 2, 2, 3, 4, 4, 5, 6, 8))))
        letters = "".join(r.choice(_UPPER) for _ in range(r.choice((1, 1, 2, 2, 3, 4))))
        if draw < 0.7:
            return letters
        if draw < 0.78:
            return letters.lower()
        if draw < 0.84:
            return self.draw("CAPS", r)
        if draw < 0.92:
            return f"{letters}{r.randrange(10 ** r.randint(1, 4))}"
        return self._token(r)

    def _rare(self, r: Random, words: list[str]) -> str:
        """A word, or one of several tokens, as rare words and names are."""
        if r.random() > _PIECED:
            return r.choice(words)
        head = r.choice(words)[: r.randint(2, 6)]
        return head + "".join(r.choice(self._inner) for _ in range(r.choice((1, 1, 2, 3))))


@cache
def _split(template: str) -> tuple[str, ...]:
    return tuple(_HOLE.split(template))


@cache
def rules() -> dict[str, Rule]:
    """Those of all tools, and those that a file of tools has for its own."""
    found: dict[str, Rule] = {}
    for path in (DATA / "words.toml", DATA / "grammar.toml", *sorted(DATA.glob("natural*.toml"))):
        of_file = tomllib.loads(path.read_text())
        if path.stem.startswith("natural"):
            of_file = of_file.get("rules", {})
        for rule, body in of_file.items():
            if rule in found:
                raise ValueError(f"{path.name}: there is a rule {rule} already")
            lines = body.split() if isinstance(body, str) else body
            found[rule] = tuple(_split(text) for line in lines for text in weighed(line))
    return found


def weighed(line: str) -> list[str]:
    """A line as often as it counts: "*3 x" thrice."""
    weight = _WEIGHT.match(line)
    return [line[weight.end() :]] * int(weight[1]) if weight else [line]


def _made(r: Random) -> str:
    """A word that nobody has ever written."""
    syllables = range(r.randint(2, 4))
    return "".join(
        r.choice(_CONSONANTS)
        + r.choice(_VOWELS)
        + (r.choice(_CONSONANTS) if r.random() < 0.3 else "")
        for _ in syllables
    )


def _isodate(r: Random) -> str:
    return str(dt.date(2024, 1, 1) + dt.timedelta(days=r.randrange(1400)))


def _clock(r: Random) -> str:
    return f"{r.randint(1, 12)} {r.choice(('am', 'pm'))}" if r.random() < 0.2 else _time(r)


def _time(r: Random) -> str:
    minute = r.choice((0, 15, 30, 45, r.randint(0, 59)))
    return f"{r.randint(0, 23):02d}:{minute:02d}"
