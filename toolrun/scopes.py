"""What is under way, a turn, a step or a call, and who is told where it begins and ends?

Events say what happened; a scope is there while it happens. All that is logged inside has its
session, turn, step and call (structlog's context variables), and what a sink makes current at its
beginning (a span) is current for what runs inside: requests to servers, trusted tools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from types import TracebackType


class Scope(Struct, frozen=True, kw_only=True):
    """Something of a session that is under way.

    Attributes:
        kind: what it is.
        session: the id of the session.
        turn, step: their numbers; step 0 for a turn.
        call_id: of a call.
        name: the model that a step is sampled from, or the tool that a call is of; "" where there
            is no tool of the name that the model wrote.
        settings: of the session, as its journal has them; empty outside of a session.
        after: the `TurnFinished.traceparent` of the end that a turn goes on from.
    """

    kind: Literal["turn", "step", "call"]
    session: str
    turn: int
    step: int = 0
    call_id: str = ""
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    after: str = ""


Enter: TypeAlias = Callable[[Scope], AbstractContextManager[str]]
"""A sink's `within`; what it gives is the W3C traceparent of its span, "" where it has none."""

carried: ContextVar[Mapping[str, str] | None] = ContextVar("toolrun-carried", default=None)
"""The headers that requests to servers carry beside their own: which trace they belong to."""


class Within:
    """Is there while something is under way; a context manager that gives the traceparent of it.

    Args:
        names: what a line that is logged inside says beside what is around it.
        scope: what is under way, where somebody is told.
        entering: who is told, in order.
    """

    def __init__(
        self, names: Mapping[str, Any], scope: Scope | None = None, entering: Sequence[Enter] = ()
    ) -> None:
        self._names = names
        self._scope = scope
        self._entering = entering
        self._entered: list[AbstractContextManager[str]] = []

    def __enter__(self) -> str:
        bind, self._reset = _binding()
        self._bound = bind(**self._names)
        traceparent = ""
        if (scope := self._scope) is not None:
            for enter in self._entering:
                manager = enter(scope)
                traceparent = manager.__enter__() or traceparent
                self._entered.append(manager)
        return traceparent

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._entered:
            self._entered.pop().__exit__(kind, error, traceback)
        # A coroutine that is thrown away is closed in somebody else's context.
        if kind is not GeneratorExit:
            self._reset(**self._bound)


def bound(kind: str, session: str, turn: int, step: int, call_id: str) -> dict[str, Any]:
    """What a line that is logged inside says of where it comes from; a turn is around a step."""
    names: dict[str, Any] = {}
    if kind == "turn" or not turn:
        names["session"] = session
    if kind == "turn":
        names["turn"] = turn
    else:
        names["step"] = step
    if kind == "call":
        names["call"] = call_id
    return names


@cache
def _binding() -> tuple[Callable[..., Mapping[str, Any]], Callable[..., None]]:
    """What binds for structlog and lets go; found once, and late: importing it takes 100 ms."""
    from structlog.contextvars import bind_contextvars, reset_contextvars

    return bind_contextvars, reset_contextvars
