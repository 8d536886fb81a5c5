"""What of a text does not count when it is compared with the recorded one?

What is declared volatile, and what was redacted before it was recorded: the other side is redacted
in the same way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VOLATILE = "[volatile]"


class Normal:
    """Takes out of values what does not count.

    Args:
        volatile: regular expressions.
        redact: takes the secrets out of a text as it was done when the trace was recorded.

    Raises:
        ConfigError: an expression does not compile, or matches nothing at all, too.
    """

    def __init__(
        self, volatile: Sequence[str] = (), redact: Callable[[str], str] | None = None
    ) -> None:
        self._volatile = [_compiled(pattern) for pattern in volatile]
        self._redact = redact

    def text(self, text: str) -> str:
        """A text without it."""
        if self._redact is not None:
            text = self._redact(text)
        for pattern in self._volatile:
            text = pattern.sub(VOLATILE, text)
        return text

    def value(self, value: Any) -> Any:
        """JSON values without it; keys are left as they are."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {key: self.value(each) for key, each in value.items()}
            case list() | tuple():
                return [self.value(each) for each in value]
            case _:
                return value


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"volatile: {pattern!r} does not compile: {error}") from error
    if compiled.search("") is not None:
        raise ConfigError(
            f"volatile: {pattern!r} matches nothing at all, too, and so stands everywhere; write "
            "it so that it needs a character (+ for *)"
        )
    return compiled
