"""How much did an agent take? Assertions on steps, tokens and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from toolrun.answer import Answer
from toolrun.events import AssistantMessage, SessionOpened
from toolrun.limits import Prices
from toolrun.testing.conversation import AgentAssertionError, Where, conversation_of
from toolrun.trace.shown import counted
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence


def assert_steps(where: Where, most: int) -> None:
    """The model was sampled at most so often.

    Args:
        where: the answer of a turn, or captured `Events`, for all turns that they hold.
        most: steps.

    Raises:
        AssertionError: it was sampled more often; the message says what each step came to.
    """
    __tracebackhide__ = True
    steps = _steps(where)
    if len(steps) > most:
        head = f"{counted(len(steps), 'step')}, and at most {most} were expected."
        _fail(where, [head, *_listed(steps)])


def assert_tokens(where: Where, most: int) -> None:
    """Prompts and completions together took at most so many tokens, as the server counted them.

    Args:
        where: see `assert_steps`.
        most: tokens; the prompt of each step counts, as a server bills it.

    Raises:
        AssertionError: they took more, or the server did not say how many.
    """
    __tracebackhide__ = True
    steps = _steps(where)
    used = _used(where, steps)
    if used.total_tokens > most:
        head = f"{used.total_tokens:,} tokens, and at most {most:,} were expected."
        _fail(where, [head, *_listed(steps)])


def assert_cost(where: Where, most: float, prices: Prices | None = None) -> None:
    """The steps cost at most so much.

    Args:
        where: see `assert_steps`.
        most: in the currency of the prices.
        prices: what tokens cost; where None, those of the session's `Budget`, which `Events` know
            that heard the session open.

    Raises:
        AssertionError: they cost more, or the server did not say how many tokens they took.
        TypeError: there are no prices.
    """
    __tracebackhide__ = True
    prices = prices or _prices(where)
    steps = _steps(where)
    cost = prices.cost(_used(where, steps))
    if cost > most:
        head = f"the steps cost {cost:.6g}, and at most {most:.6g} was expected."
        _fail(where, [head, *_listed(steps, prices)])


def _steps(where: Where) -> Sequence[AssistantMessage]:
    if isinstance(where, Answer):
        return where.steps
    return [event for event in where if isinstance(event, AssistantMessage)]


def _used(where: Where, steps: Sequence[AssistantMessage]) -> Usage:
    """The tokens of all steps; where there are none the assertion could not fail."""
    __tracebackhide__ = True
    used = sum((step.usage for step in steps), Usage())
    if steps and not used.total_tokens:
        said = "the model did not say how many tokens it took; say(..., usage=Usage(...)) does"
        _fail(where, [said])
    return used


def _prices(where: Where) -> Prices:
    for event in () if isinstance(where, Answer) else where:
        if isinstance(event, SessionOpened):
            budget: dict[str, Any] = event.settings.get("budget") or {}
            if budget.get("prices"):
                return msgspec.convert(budget["prices"], Prices)
    raise TypeError("a cost needs prices: assert_cost(..., prices=Prices(prompt=0.1, ...))")


def _listed(steps: Sequence[AssistantMessage], prices: Prices | None = None) -> list[str]:
    """Each step, a line each."""
    lines = ["The steps were:"]
    for number, step in enumerate(steps, 1):
        did = ", ".join(call.name for call in step.tool_calls) or "answered"
        usage = step.usage
        took = f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"
        cost = f", {prices.cost(usage):.6g}" if prices is not None else ""
        lines.append(f"  {number}. {did}: {took}{cost}")
    return lines


def _fail(where: Where, lines: Sequence[str]) -> NoReturn:
    __tracebackhide__ = True
    raise AgentAssertionError("\n".join(lines), conversation_of(where))
