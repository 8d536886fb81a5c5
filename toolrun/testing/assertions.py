"""Which tools did an agent call, with which arguments? Assertions whose failure says what it did.

A call counts where it ran: one whose arguments did not fit, or that was denied, did not. Failures
list those too, with the reason.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn
from unittest.mock import ANY

import msgspec
from msgspec import Struct

from toolrun.answer import Answer
from toolrun.events import AssistantMessage, ToolCallFinished, ToolCallStarted
from toolrun.testing.conversation import AgentAssertionError, Where, conversation_of
from toolrun.testing.listening import Events
from toolrun.values import ToolResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.values import Json

__all__ = ["ANY", "assert_called", "assert_not_called", "assert_order", "matching"]

_VALUE: Final = 80
_RESULT: Final = 120


class matching:  # noqa: N801 - reads as a word: {"city": matching("Par")}
    """Equal to every text in which the pattern, a regular expression, is found.

    Args:
        pattern: as of `re`.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.search(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"matching({self._pattern.pattern!r})"


def assert_called(
    where: Where,
    tool: str,
    arguments: Mapping[str, Json] | None = None,
    *,
    times: int | None = None,
) -> None:
    """A tool ran.

    Args:
        where: the answer of a turn, or captured `Events`, for all turns that they hold.
        tool: its name.
        arguments: those that matter, by name; `ANY` and `matching(...)` stand for values. None for
            whatever they were.
        times: how often, exactly; at least once where None.

    Raises:
        AssertionError: it did not; the message lists the calls, and what the nearest one differs
            in.
    """
    __tracebackhide__ = True
    made = _made(where)
    ran = [each for each in made if each.name == tool and each.ran]
    fitting = [each for each in ran if each.fits(arguments)]
    if len(fitting) == times or (times is None and fitting):
        return
    what = tool if arguments is None else _call(tool, arguments)
    if times is None:
        head = f"{what} was not called."
    else:
        head = f"{what} was called {_times(len(fitting))}, not {_times(times)}."
    hint: list[str] = []
    if not ran:
        hint = _similar(tool, made)
    elif arguments is not None and not fitting:
        hint = _nearest(arguments, ran, made)
    _fail(where, [head, *_listed(made), *hint])


def assert_not_called(where: Where, tool: str, arguments: Mapping[str, Json] | None = None) -> None:
    """A tool did not run, or not with these arguments; see `assert_called`.

    Raises:
        AssertionError: it did.
    """
    __tracebackhide__ = True
    made = _made(where)
    for each in made:
        if each.ran and each.name == tool and each.fits(arguments):
            head = f"{_call(each.name, each.arguments)} was called."
            _fail(where, [head, *_listed(made)])


def assert_order(where: Where, *tools: str) -> None:
    """Tools ran in this order; other calls may stand between them. See `assert_called`.

    Args:
        where: see `assert_called`.
        *tools: their names, in order.

    Raises:
        AssertionError: they did not.
    """
    __tracebackhide__ = True
    made = _made(where)
    left = iter([each.name for each in made if each.ran])
    for number, tool in enumerate(tools):
        if tool not in left:  # takes what comes before it from the iterator
            after = f" after {tools[number - 1]}" if number else ""
            head = f"expected {', then '.join(tools)}: {tool} was not called{after}."
            _fail(where, [head, *_listed(made)])


def _fail(where: Where, lines: Sequence[str]) -> NoReturn:
    __tracebackhide__ = True
    raise AgentAssertionError("\n".join(lines), conversation_of(where))


class _Made(Struct, frozen=True):
    """A call that the model made."""

    name: str
    arguments: dict[str, Any]
    written: str
    result: ToolResult | None
    ran: bool

    def fits(self, arguments: Mapping[str, Any] | None) -> bool:
        return not _differing(arguments or {}, self.arguments)

    def __str__(self) -> str:
        call = _call(self.name, self.arguments) if self.ran else f"{self.name}({self.written})"
        if self.result is None:
            return f"{call}: not run, it waits"
        how = "" if self.result.outcome == "ok" else f"{self.result.outcome}: "
        if not self.ran:
            how = f"not run, {how}"
        return f"{call} -> {how}{_short(repr(self.result.content), _RESULT)}"


def _made(where: Where) -> list[_Made]:
    """The calls, in order."""
    if isinstance(where, Events):
        return _of_events(where)
    if not isinstance(where, Answer):
        raise TypeError(
            f"calls are those of an Answer or of Events, not of a {type(where).__name__}; "
            "Runtime(sinks=[events := Events()]) or capture(session) gives the events"
        )
    return [
        _Made(
            each.name,
            _parsed(each.arguments),
            each.arguments,
            each.result,
            each.result is not None and _ran(each.result),
        )
        for each in where.tool_calls
    ]


def _of_events(events: Events) -> list[_Made]:
    made: dict[tuple[str, int, int, str], _Made] = {}
    for event in events:
        match event:
            case AssistantMessage():
                for call in event.tool_calls:
                    key = (event.session, event.turn, event.step, call.id)
                    parsed = _parsed(call.arguments)
                    made[key] = _Made(call.name, parsed, call.arguments, None, ran=False)
            case ToolCallStarted():
                key = (event.session, event.turn, event.step, event.call_id)
                written = json.dumps(event.arguments)
                made[key] = _Made(event.name, event.arguments, written, None, ran=True)
            case ToolCallFinished():
                key = (event.session, event.turn, event.step, event.call_id)
                if (known := made.get(key)) is not None:
                    made[key] = msgspec.structs.replace(known, result=event.result)
            case _:
                pass
    return list(made.values())


def _ran(result: ToolResult) -> bool:
    """Whether a call with this result was run; of a cancelled one only the words tell."""
    if result.outcome == "cancelled":
        return " was not run" not in result.content
    return result.outcome not in ("invalid", "denied")


def _parsed(arguments: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def _differing(expected: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    """The names of the arguments that are not as expected."""
    return [name for name in expected if name not in seen or expected[name] != seen[name]]


def _nearest(expected: Mapping[str, Any], ran: Sequence[_Made], made: Sequence[_Made]) -> list[str]:
    """What the call that fits best differs in."""
    nearest = min(ran, key=lambda each: len(_differing(expected, each.arguments)))
    lines = [f"The nearest, call {made.index(nearest) + 1}, differs in:"]
    for name in _differing(expected, nearest.arguments):
        there = name in nearest.arguments
        was = f"was {_value(nearest.arguments[name])}" if there else "is missing"
        lines.append(f"  {name}: {was}, expected {_value(expected[name])}")
    return lines


def _similar(tool: str, made: Sequence[_Made]) -> list[str]:
    near = get_close_matches(tool, [each.name for each in made if each.name != tool], n=1)
    return [f"Did you mean {near[0]}?"] if near else []


def _listed(made: Sequence[_Made]) -> list[str]:
    """All calls, a line each."""
    if not made:
        return ["No tool was called."]
    return ["The calls were:", *(f"  {number}. {each}" for number, each in enumerate(made, 1))]


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={_value(value)}' for key, value in arguments.items())})"


def _value(value: Any) -> str:
    return _short(repr(value), _VALUE)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text) - longest:,} more)"


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
