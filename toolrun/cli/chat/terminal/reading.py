"""How are keys read, where somebody pastes a megabyte?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from prompt_toolkit.input import create_input
from prompt_toolkit.input.posix_utils import PosixStdinReader
from prompt_toolkit.input.vt100 import Vt100Input

if TYPE_CHECKING:
    from prompt_toolkit.input import Input

_MOST: Final = 64 * 1024


class _Greedy(PosixStdinReader):
    """Reads all that is there: prompt_toolkit looks through a paste again with every piece."""

    def read(self, count: int = _MOST) -> str:
        """The text that is there, in so many characters or a few more; "" for none."""
        text = more = super().read(count)
        while more and len(text) < count:
            more = super().read(count)
            text += more
        return text


def keyboard() -> Input:
    """The keys of stdin."""
    keys = create_input(sys.stdin)
    if isinstance(keys, Vt100Input):
        # What is no text is shown as that: escaped, it could not be sent.
        keys.stdin_reader = _Greedy(keys.fileno(), "replace", sys.stdin.encoding)
    return keys
