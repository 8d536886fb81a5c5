"""How is a function marked as a tool?

Standard library only: inside a sandbox this module is all that `from toolrun import tool` loads,
and there a mark is all that is needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal, TypeVar, overload

    from toolrun.values import Json

    F = TypeVar("F", bound=Callable[..., object])

MARK = "__toolrun__"


class Options:
    """What a tool's author said of it; see `tool`."""

    __slots__ = (
        "approve",
        "concurrency",
        "description",
        "max_output",
        "name",
        "on_crash",
        "profile",
        "python",
        "repeatable",
        "secrets",
        "timeout",
        "trusted",
    )

    def __init__(  # noqa: PLR0913 - each is an option of `tool`
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        trusted: bool = False,
        timeout: float = 60.0,
        profile: str | Mapping[str, Any] | None = None,
        approve: bool | Callable[[dict[str, Any]], bool] = False,
        max_output: int = 16 * 1024,
        repeatable: bool = False,
        concurrency: int | None = None,
        secrets: Sequence[str] = (),
        python: str | None = None,
        on_crash: Literal["rerun", "key", "ask", "never"] | None = None,
    ) -> None:
        self.name: str | None = name
        self.description: str | None = description
        self.trusted: bool = trusted
        self.timeout: float = timeout
        self.profile: str | Mapping[str, Any] | None = profile
        self.approve: bool | Callable[[dict[str, Any]], bool] = approve
        self.max_output: int = max_output
        self.repeatable: bool = repeatable
        self.concurrency: int | None = concurrency
        self.python: str | None = python
        self.on_crash = on_crash
        self.secrets: Sequence[str] = tuple(secrets) if isinstance(secrets, list) else secrets


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
        profile: str | Mapping[str, Json] | None = None,
        approve: bool | Callable[[dict[str, Json]], bool] = False,
        max_output: int = 16 * 1024,
        repeatable: bool = False,
        concurrency: int | None = None,
        secrets: Sequence[str] = (),
        python: str | None = None,
        on_crash: Literal["rerun", "key", "ask", "never"] | None = None,
    ) -> Callable[[F], F]: ...


def tool(function: Any = None, /, **options: Any) -> Any:
    """Mark a function as a tool; it stays an ordinary function.

    A method is marked in the body of its class, and offered bound: `tools=[thermometer.read]`. What
    cannot carry a mark (a method that is bound already) comes back wrapped in a callable that does.

    Args:
        function: where the decorator stands without parentheses.
        **options: as follows.
        name: what the model calls it; the function's own by default.
        description: what the model reads; the docstring's text by default.
        trusted: run it in this process instead of a sandbox. Said, never assumed.
        timeout: seconds that a call may take (60).
        profile: the sandbox profile for it; the session's by default. A table narrows the
            session's, or the one that it `extends`: {"wall_seconds": 5}.
        approve: every call waits for a decision; or a function from the validated arguments to
            whether this one does.
        max_output: bytes of a result that the model reads (16 KiB); more is cut in the middle.
        repeatable: the guard against the same call again and again does not count it.
        concurrency: how many calls of it run at once in a runtime; no limit by default.
        secrets: the names of the secrets that it needs, of the session's: a sandboxed tool finds
            them in its environment, a trusted one in its `CallContext`; masked wherever it says
            them.
        python: a virtual environment (its folder, or its bin/python) that the tool's box sees, and
            whose packages the function may import. Of the version that toolrun runs under. This
            process does not have them: import them in the function, not at the module's top.
        on_crash: what becomes of a call whose process died while it ran, where the session is
            resumed. "rerun": it runs again (at least once). "key": the same, of a tool that does
            nothing twice for one idempotency key (`CallContext.idempotency_key`, in a box the
            variable TOOLRUN_IDEMPOTENCY_KEY), which is the same both times. "ask": somebody
            decides. "never": it does not run again (at most once), and the model is told that its
            outcome is unknown. By default "rerun" where its sandbox lets it change nothing: no
            network, no writable workspace; else "ask".

    Raises:
        TypeError: an unknown option; the message names the nearest.
    """
    unknown = [name for name in options if name not in Options.__slots__]
    if unknown:
        raise TypeError(_no_option(unknown[0]))
    marked = Options(**options)

    def mark(function: Any) -> Any:
        # The attributes of a class or static method are not those of the function that it gives.
        inner = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        try:
            setattr(inner, MARK, marked)
        except AttributeError:
            if not callable(function):
                raise TypeError(f"@tool marks functions, not {type(function).__name__}") from None
            import functools

            function = functools.partial(function)
            setattr(function, MARK, marked)
        return function

    return mark if function is None else mark(function)


def _no_option(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, Options.__slots__, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(Options.__slots__)}"
    return f"@tool has no option {name!r}; {hint}"
