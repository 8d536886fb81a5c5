"""What has a running tool printed, as lines that a person reads?

A carriage return begins its line anew, as the progress bars of programs mean it, and sequences
that only set colours are left out. Every other control character is shown as a sign.
"""

from __future__ import annotations

import re
from typing import Final

from toolrun.cli.chat.view.paint import clean

_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]*m")
_UNFINISHED: Final = re.compile(r"(?:\r|\r*\x1b(?:\[[0-9;:]*)?)\Z")
_MOST: Final = 10_000
_LONGEST: Final = 100_000


class Output:
    """Lines that grow at their end; of very many, the last are kept.

    Attributes:
        dropped: how many lines at the beginning are not kept.
    """

    def __init__(self, text: str = "") -> None:
        self.dropped: int = 0
        self._lines: list[str] = []
        self._last = ""
        self._rest = ""
        if text:
            self.feed(text)

    def feed(self, text: str) -> None:
        """Add what was printed."""
        text = self._rest + text
        # What is cut off here goes on in the next piece: "\r" before "\n", a colour.
        cut = _UNFINISHED.search(text)
        end = cut.start() if cut else len(text)
        text, self._rest = text[:end], text[end:]
        if "\x1b" in text:
            text = _COLOURS.sub("", text)
        first, *others = text.replace("\r\n", "\n").split("\n")
        if not others:
            self._last = _overwritten(self._last + first)[:_LONGEST]
            return
        whole = [self._last + first, *others]
        self._last = _overwritten(whole.pop())[:_LONGEST]
        self._lines += [clean(_overwritten(line)[:_LONGEST]) for line in whole]
        if len(self._lines) > 2 * _MOST:
            self.dropped += len(self._lines) - _MOST
            del self._lines[:-_MOST]

    @property
    def lines(self) -> list[str]:
        """All lines that are kept."""
        last = self._unended()
        return [*self._lines, last] if last else self._lines

    def last(self, count: int) -> list[str]:
        """The last of the lines."""
        last = self._unended()
        return [*self._lines[-count:], last][-count:] if last else self._lines[-count:]

    def __len__(self) -> int:
        return self.dropped + len(self._lines) + bool(self._last)

    def _unended(self) -> str:
        return clean(self._last)


def _overwritten(line: str) -> str:
    """What is left of a line that was begun anew."""
    if "\r" not in line:
        return line
    kept = line.rstrip("\r")
    return kept[kept.rfind("\r") + 1 :]
