"""What of a text does not count when it is compared with the recorded one?

What is declared volatile, and what was redacted before it was recorded: the other side is redacted
in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun.trace.recording import expression

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
        self._volatile = [expression(pattern, "volatile:") for pattern in volatile]
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
