"""How is a function marked as a tool?

Standard library only: inside a sandbox this module is all that `from toolrun import tool` loads,
and there a mark is all that is needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])

MARK = "__toolrun__"


class Options:
    """What a tool's author said of it; see `tool`."""

    __slots__ = ("approve", "description", "max_output", "name", "profile", "timeout", "trusted")

    def __init__(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        trusted: bool = False,
        timeout: float = 60.0,
        profile: str | None = None,
        approve: bool = False,
        max_output: int = 16 * 1024,
    ) -> None:
        self.name = name
        self.description = description
        self.trusted = trusted
        self.timeout = timeout
        self.profile = profile
        self.approve = approve
        self.max_output = max_output


if TYPE_CHECKING:

    @overload
    def tool(function: F, /) -> F: ...

    @overload
    def tool(
        *,
        name: str | None = None,
        description: str | None = None,
        trusted: bool = False,
        timeout: float = 60.0,
        profile: str | None = None,
        approve: bool = False,
        max_output: int = 16 * 1024,
    ) -> Callable[[F], F]: ...


def tool(function: Any = None, /, **options: Any) -> Any:
    """Mark a function as a tool; it stays an ordinary function.

    Args:
        function: where the decorator stands without parentheses.
        **options: as follows.
        name: what the model calls it; the function's own by default.
        description: what the model reads; the docstring's text by default.
        trusted: run it in this process instead of a sandbox. Said, never assumed.
        timeout: seconds that a call may take (60).
        profile: the sandbox profile for it; the session's by default.
        approve: every call waits for a decision.
        max_output: bytes of a result that the model reads (16 KiB); more is cut in the middle.

    Raises:
        TypeError: an unknown option.
    """
    marked = Options(**options)

    def mark(function: Any) -> Any:
        setattr(function, MARK, marked)
        return function

    return mark if function is None else mark(function)
