"""Are budgets and answers held, and do failures say which step took how much?"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import msgspec
import pydantic
import pytest

from toolrun import Budget, Prices, Runtime, Session, Usage, tool
from toolrun.testing import (
    AgentAssertionError,
    Events,
    ScriptedModel,
    assert_answer,
    assert_cost,
    assert_steps,
    assert_tokens,
    call,
    capture,
    say,
)
from toolrun.testing.conversation import conversation

PRICES = Prices(prompt=1.0, completion=10.0)


@tool(trusted=True)
def weather(city: str) -> str:
    """Look up the weather."""
    return f"20 C in {city}"


def model() -> ScriptedModel:
    return ScriptedModel(
        call("weather", {"city": "Paris"}, usage=Usage(1000, 20)),
        say("Warm.", usage=Usage(1100, 5)),
        say("Bye.", usage=Usage(1200, 5)),
    )


@pytest.fixture
async def told() -> tuple[Any, Events]:
    """The answer of the first of two turns, and the events of both."""
    events = Events()
    runtime = Runtime(model=model(), tools=[weather], sinks=[events], budget=Budget(prices=PRICES))
    async with runtime, runtime.session() as session:
        answer = await session.ask("How warm is Paris?")
        await session.ask("Thanks.")
    return answer, events


def failure(assertion: Any, *arguments: Any, **named: Any) -> AgentAssertionError:
    with pytest.raises(AssertionError) as raised:
        assertion(*arguments, **named)
    assert isinstance(raised.value, AgentAssertionError)
    return raised.value


async def test_budgets_hold_to_the_last_step_and_token(told: tuple[Any, Events]) -> None:
    answer, events = told
    assert_steps(answer, 2)
    assert_steps(events, most=3)
    assert_tokens(answer, most=2125)
    assert_tokens(events, 3330)
    assert_cost(answer, most=0.00235, prices=PRICES)
    assert_cost(events, most=0.0036)

    failure(assert_steps, answer, 1)
    failure(assert_steps, events, 2)
    failure(assert_tokens, answer, 2124)
    failure(assert_tokens, events, 3329)
    failure(assert_cost, answer, 0.00234, prices=PRICES)
    failure(assert_cost, events, 0.00359)


async def test_a_failure_says_what_each_step_took(told: tuple[Any, Events]) -> None:
    answer, events = told

    assert str(failure(assert_steps, answer, most=1)) == (
        "2 steps, and at most 1 were expected.\n"
        "The steps were:\n"
        "  1. weather: 1,000 + 20 tokens\n"
        "  2. answered: 1,100 + 5 tokens"
    )
    assert str(failure(assert_tokens, answer, most=2000)).startswith(
        "2,125 tokens, and at most 2,000 were expected.\nThe steps were:\n"
    )
    assert str(failure(assert_cost, events, most=0.001)) == (
        "the steps cost 0.0036, and at most 0.001 was expected.\n"
        "The steps were:\n"
        "  1. weather: 1,000 + 20 tokens, 0.0012\n"
        "  2. answered: 1,100 + 5 tokens, 0.00115\n"
        "  3. answered: 1,200 + 5 tokens, 0.00125"
    )
    said = failure(assert_steps, events, most=1).said
    assert [str(line) for line in said] == [
        "user       How warm is Paris?",
        "call       weather(city='Paris')",
        "result     20 C in Paris",
        "text       Warm.",
        "user       Thanks.",
        "text       Bye.",
    ]


async def test_tokens_that_nobody_counted_keep_no_budget(told: tuple[Any, Events]) -> None:
    async with Session(model=ScriptedModel("Hello.")) as session:
        answer = await session.ask("Hello.")

    assert "did not say how many tokens" in str(failure(assert_tokens, answer, most=9))
    assert "did not say how many tokens" in str(failure(assert_cost, answer, 1, PRICES))
    with pytest.raises(TypeError, match="a cost needs prices"):
        assert_cost(told[0], most=1)


async def test_events_that_know_no_prices_give_no_cost() -> None:
    """Heard from the middle, or of a session whose budget is none of money."""
    heard = Events()
    budget = Budget(tokens=10_000)
    async with Session(model=model(), tools=[weather], sinks=[heard], budget=budget) as session:
        await session.ask("How warm is Paris?")
        with capture(session) as late:
            await session.ask("Thanks.")

    for events, cost in ((heard, 0.0036), (late, 0.00125)):
        with pytest.raises(TypeError, match="a cost needs prices"):
            assert_cost(events, most=1)
        assert_cost(events, most=cost, prices=PRICES)


class Degrees(pydantic.BaseModel):
    city: str
    degrees: int = pydantic.Field(le=60)


class Plain(msgspec.Struct):
    city: str
    degrees: int


@dataclasses.dataclass
class Data:
    city: str
    degrees: int


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
}


async def answered(text: str) -> Any:
    async with Session(model=ScriptedModel(text)) as session:
        return await session.ask("As JSON, please.")


@pytest.mark.parametrize("kind", [Degrees, Plain, Data, SCHEMA])
async def test_an_answer_that_fits_is_given_as_a_value(kind: Any) -> None:
    value = assert_answer(await answered('{"city": "Rome", "degrees": 21}'), kind)

    if kind is SCHEMA:
        assert value == {"city": "Rome", "degrees": 21}
    else:
        assert value == kind(city="Rome", degrees=21)


@pytest.mark.parametrize("kind", [Degrees, Plain, Data, SCHEMA])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("It is warm.", "the answer is not JSON: .*"),
        ('{"city": "Rome"}', "the answer does not fit:\n.*degrees.*"),
        ('{"city": "Rome", "degrees": "warm"}', "the answer does not fit:\n.*degrees.*"),
    ],
)
async def test_one_that_does_not_fit_says_where(kind: Any, text: str, says: str) -> None:
    found = str(failure(assert_answer, await answered(text), kind))

    assert re.fullmatch(f"{says}\nThe answer was: {re.escape(repr(text))}", found, re.DOTALL)


async def test_a_turn_that_did_not_finish_has_no_answer() -> None:
    model = ScriptedModel(call("send", {}))

    @tool(trusted=True, approve=True)
    def send() -> str:
        """Send it."""
        return "sent"

    async with Session(model=model, tools=[send]) as session:
        answer = await session.ask("Send it.")
    found = failure(assert_answer, answer, SCHEMA)

    assert str(found) == "there is no final answer: the turn is parked."
    assert [str(line) for line in found.said] == [
        "call       send()",
        "result     (waits for a decision)",
    ]
    with pytest.raises(TypeError, match="that of an Answer, not of a str"):
        assert_answer("text", SCHEMA)  # type: ignore[call-overload]


def test_a_long_conversation_is_shown_from_both_ends_in_single_safe_lines() -> None:
    messages = [{"role": "user", "content": f"{n}\n\x1b[2J" + "x" * 500} for n in range(100)]
    lines = [str(line) for line in conversation(messages)]

    assert len(lines) == 24
    assert lines[0] == f"user       0 \\x1b[2J{'x' * 231}... (269 more)"
    assert lines[4] == "left out   ... 77 lines ..."
    assert lines[-1].startswith("user       99 ")


def test_parts_and_malformed_calls_are_shown_as_they_are() -> None:
    function = {"name": "weather", "arguments": '{"city": '}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": [{"type": "text", "text": "Be "}, {"text": "brief."}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": function}]},
    ]

    assert [str(line) for line in conversation(messages)] == [
        "developer  Be brief.",
        'call       weather({"city": )',
    ]
