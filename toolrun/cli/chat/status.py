"""What does the status line say: how full is the model, how fast, at what price, and what runs?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from msgspec import Struct

from toolrun.cli.screen import cells, cut, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

Fragments: TypeAlias = list[tuple[str, str]]
"""Text and the class of its style, as prompt_toolkit has them."""

_PLAIN: Final = "class:status"
_DIM: Final = "class:status.dim"
_LIVE: Final = "class:status.live"
_WARNING: Final = "class:status.warning"
_FULL: Final = 0.8
"""The part of the context from which it is shown as a warning."""
_CENT: Final = 0.01
_THOUSAND: Final = 1_000
_MILLION: Final = 1_000_000
_MINUTE: Final = 60


class _Part(NamedTuple):
    """A piece of the line, and how much it matters: the lowest goes first where room is short."""

    weight: int
    style: str
    forms: tuple[str, ...]
    """From the longest to the shortest."""


class Status(Struct, frozen=True):
    """What is known of a conversation at the moment.

    Attributes:
        model: its name.
        server: what it is served by, such as "vLLM 0.32.0".
        profile: of the sandbox.
        used: tokens of the context that the last step took, prompt and reply; 0: none was taken.
        length: tokens that the model takes; None: the server does not say.
        rate: tokens a second, of the running step, else of the last one; 0: not known.
        live: whether `rate` is of a running step: counted by the pieces that came.
        cached: the part of the last step's prompt that the server had cached, from 0 to 1; None: it
            does not say.
        cost: of the session, in the currency of the prices; None: the model has no price.
        tools: names of the tools that run.
        since: when the first of them began, as `time.monotonic` counts.
    """

    model: str = ""
    server: str = ""
    profile: str = ""
    used: int = 0
    length: int | None = None
    rate: float = 0.0
    live: bool = False
    cached: float | None = None
    cost: float | None = None
    tools: tuple[str, ...] = ()
    since: float = 0.0

    @property
    def ticks(self) -> bool:
        """Whether the line changes by itself, since it shows a clock."""
        return bool(self.tools)

    def text(self, width: int, *, unicode: bool = True, now: float | None = None) -> Fragments:
        """The line, in so many columns at most: what matters least is shortened and dropped first.

        Args:
            width: columns.
            unicode: whether the terminal takes more than ASCII.
            now: as `time.monotonic` counts.
        """
        separator = " \u00b7 " if unicode else " | "
        parts = self._parts(unicode=unicode, now=time.monotonic() if now is None else now)
        shown = _fitted(parts, width, len(separator))
        line: Fragments = []
        for style, text in shown:
            line += [(_DIM, separator)] if line else []
            line.append((style, text))
        if len(line) == 1:  # what matters most is cut, rather than left out
            line = [(line[0][0], cut(line[0][1], max(width, 1)))]
        return line

    def plain(self, width: int, *, unicode: bool = True, now: float | None = None) -> str:
        """The same without styles."""
        return "".join(text for _, text in self.text(width, unicode=unicode, now=now))

    def _parts(self, *, unicode: bool, now: float) -> list[_Part]:
        """From left to right."""
        model = _flat(self.model)
        tool = self._tool(now, "\u25b6" if unicode else ">")
        parts = [
            _Part(7, _PLAIN, (model, model.rpartition("/")[2])) if model else None,
            _Part(1, _DIM, (_flat(self.server),)) if self.server else None,
            _Part(6, _PLAIN, (_flat(self.profile),)) if self.profile else None,
            self._context(),
            self._speed("\u2248" if unicode else "~"),
            _Part(2, _DIM, (f"{self.cached:.0%} cached",)) if self.cached is not None else None,
            _Part(3, _DIM, (f"cost {price(self.cost)}",)) if self.cost is not None else None,
            _Part(9, _LIVE, tool) if tool else None,
        ]
        return [each for each in parts if each is not None]

    def _context(self) -> _Part | None:
        if not self.used:
            return None
        if self.length is None:
            return _Part(8, _PLAIN, (f"{short(self.used)} tokens", short(self.used)))
        share = self.used / self.length
        forms = (f"{share:.0%} of {short(self.length)} tokens", f"{share:.0%}")
        return _Part(8, _PLAIN if share < _FULL else _WARNING, forms)

    def _speed(self, about: str) -> _Part | None:
        if not self.rate:
            return None
        rate = f"{about if self.live else ''}{self.rate:.0f} tok/s"
        return _Part(4, _LIVE if self.live else _DIM, (rate,))

    def _tool(self, now: float, glyph: str) -> tuple[str, ...]:
        if not self.tools:
            return ()
        seconds = clock(now - self.since)
        names = ", ".join(dict.fromkeys(map(_flat, self.tools)))
        some = f"{len(self.tools)} tools" if len(self.tools) > 1 else cut(names, 16)
        return f"{glyph} {names} {seconds}", f"{glyph} {some} {seconds}", f"{glyph} {seconds}"


def _fitted(parts: Sequence[_Part], width: int, between: int) -> list[tuple[str, str]]:
    """The longest forms that fit together."""
    forms = [list(part.forms) for part in parts]
    order = sorted(range(len(parts)), key=lambda at: parts[at].weight)
    left = set(order)

    def room() -> int:
        return sum(cells(forms[at][0]) for at in left) + between * max(len(left) - 1, 0)

    # First what can be said shorter is said shorter, then what matters least goes.
    for at in order:
        while room() > width and len(forms[at]) > 1:
            forms[at].pop(0)
    for at in order[:-1]:
        if room() > width:
            left.discard(at)
    for at in reversed(order):  # what was shortened for others that have gone can be said again
        if at in left:
            for form in parts[at].forms:
                kept, forms[at] = forms[at], [form]
                if room() <= width:
                    break
                forms[at] = kept
    return [(part.style, forms[at][0]) for at, part in enumerate(parts) if at in left]


def _flat(text: str) -> str:
    """A text of others on one line."""
    return visible(text).replace("\n", " ").replace("\t", " ")


def short(count: int) -> str:
    """A number of tokens in few signs: 950, 15.2k, 131k, 1.05M."""
    if count < _THOUSAND:
        return str(count)
    if count < _MILLION:
        value = count / _THOUSAND
        return f"{value:.1f}k" if value < 99.95 else f"{value:.0f}k"  # noqa: PLR2004 - 3 digits
    return f"{count / _MILLION:.2f}M"


def price(cost: float) -> str:
    """A price in two digits behind the point, more where it is less than a cent."""
    return f"{cost:.2f}" if cost >= _CENT or not cost else f"{cost:.2g}"


def clock(seconds: float) -> str:
    """How long something has run: 3.2 s, 2:05."""
    seconds = max(seconds, 0.0)
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // _MINUTE}:{int(seconds) % _MINUTE:02}"
