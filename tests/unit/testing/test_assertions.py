"""Do the assertions hold where they should, and do their failures say what the agent did?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from toolrun import Approve, Deny, Session, tool
from toolrun.testing import (
    ANY,
    Events,
    ScriptedModel,
    assert_called,
    assert_not_called,
    assert_order,
    call,
    calls,
    capture,
    matching,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun import Answer, Decision, ToolCall


@tool(trusted=True)
def weather(city: str, unit: str = "C") -> str:
    """Look up the weather."""
    return f"20 {unit} in {city}"


@tool(trusted=True, approve=True)
def send(to: list[str]) -> str:
    """Send a message."""
    return f"sent to {len(to)}"


async def asked(*steps: Any) -> tuple[Answer, Events]:
    async def only_ann(call: ToolCall) -> Decision:
        return Approve() if "Ann" in call.arguments else Deny("not to them")

    model = ScriptedModel(*steps, "Done.")
    async with Session(model=model, tools=[weather, send], approve=only_ann) as session:
        with capture(session) as events:
            answer = await session.ask("Go.")
    return answer, events


STEPS = (
    call("weather", {"city": "Berlin", "unit": "F"}),
    calls(call("weather", {"city": "Paris"}), call("send", {"to": ["Ann", "Bob"]})),
    calls(call("weather", {"town": "Rome"}), call("send", {"to": ["Eve"]}), call("sned", {})),
)
RAN = """The calls were:
  1. weather(city='Berlin', unit='F') -> '20 F in Berlin'
  2. weather(city='Paris') -> '20 C in Paris'
  3. send(to=['Ann', 'Bob']) -> 'sent to 2'
"""


async def test_what_ran_was_called() -> None:
    for where in await asked(*STEPS):
        assert_called(where, "weather")
        assert_called(where, "weather", times=2)
        assert_called(where, "weather", {"city": "Paris"})
        assert_called(where, "weather", {"city": matching("^Ber"), "unit": ANY}, times=1)
        assert_called(where, "weather", {"city": "Rome"}, times=0)
        assert_called(where, "send", {"to": [ANY, "Bob"]}, times=1)
        assert_not_called(where, "sned")
        assert_not_called(where, "weather", {"town": ANY})
        assert_not_called(where, "send", {"to": ["Eve"]})
        assert_order(where, "weather", "send")
        assert_order(where, "weather", "weather", "send")
        assert_order(where)


def failure(check: Callable[..., None], *arguments: Any, **more: Any) -> str:
    with pytest.raises(AssertionError) as raised:
        check(*arguments, **more)
    return str(raised.value)


async def test_a_failure_lists_the_calls_and_names_the_difference() -> None:
    for where in await asked(*STEPS):
        said = failure(assert_called, where, "weather", {"city": "Paris", "unit": "F", "day": 1})

        assert said.startswith(
            f"weather(city='Paris', unit='F', day=1) was not called.\n{RAN}  4. weather("
        )
        assert said.endswith(
            "\nThe nearest, call 1, differs in:\n"
            "  city: was 'Berlin', expected 'Paris'\n"
            "  day: is missing, expected 1"
        )


async def test_a_failure_says_which_calls_did_not_run_and_why() -> None:
    for where in await asked(*STEPS):
        lines = failure(assert_called, where, "sedn").splitlines()

        assert lines[0] == "sedn was not called."
        assert lines[5].startswith('  4. weather({"town": "Rome"}) -> not run, invalid: ')
        assert lines[6].startswith('  5. send({"to": ["Eve"]}) -> not run, denied: ')
        assert "not to them" in lines[6]
        assert lines[7].startswith("  6. sned({}) -> not run, invalid: ")
        assert lines[8] in ("Did you mean send?", "Did you mean sned?")


async def test_failures_of_times_of_absence_and_of_order() -> None:
    for where in await asked(*STEPS):
        assert failure(assert_called, where, "weather", times=1).startswith(
            f"weather was called twice, not once.\n{RAN}"
        )
        assert failure(assert_not_called, where, "send").startswith(
            f"send(to=['Ann', 'Bob']) was called.\n{RAN}"
        )
        assert failure(assert_order, where, "send", "weather").startswith(
            f"expected send, then weather: weather was not called after send.\n{RAN}"
        )
        assert failure(assert_order, where, "other", "weather").startswith(
            f"expected other, then weather: other was not called.\n{RAN}"
        )


async def test_where_nothing_was_called() -> None:
    for where in await asked():
        said = failure(assert_called, where, "send")
        assert said == "send was not called.\nNo tool was called."


async def test_a_call_that_waits_has_not_run() -> None:
    model = ScriptedModel(call("send", {"to": ["Ann"]}))
    async with Session(model=model, tools=[send]) as session:
        with capture(session) as events:
            answer = await session.ask("Go.")

    for where in (answer, events):
        assert_not_called(where, "send")
        said = failure(assert_called, where, "send")
        assert said.endswith('\n  1. send({"to": ["Ann"]}): not run, it waits')


async def test_of_what_is_heard_from_the_middle_only_a_call_that_began_there_counts() -> None:
    model = ScriptedModel(
        calls(call("send", {"to": ["Ann"]}), call("send", {"to": ["Eve"]})), "Ok."
    )
    async with Session(model=model, tools=[send]) as session:
        waiting = (await session.ask("Go.")).pending
        with capture(session) as events:
            for each in waiting:
                ann = each.arguments == {"to": ["Ann"]}
                await session.decide(each.call_id, Approve() if ann else Deny("not to her"))
            await session.go_on()

    assert_called(events, "send", {"to": ["Ann"]}, times=1)
    # Its message was not heard: that it was denied is no call of which anything could be said.
    assert_not_called(events, "send", {"to": ["Eve"]})


async def test_of_calls_that_were_cancelled_the_one_that_had_begun_was_made() -> None:
    @tool(trusted=True)
    async def last() -> None:
        """Be the last thing that happens."""
        session.cancel()
        await anyio.sleep_forever()

    steps = calls(call("last"), call("send", {"to": ["Ann"]}))
    async with Session(model=ScriptedModel(steps), tools=[last, send]) as session:
        answer = await session.ask("Go.")

    assert answer.status == "cancelled"
    assert_called(answer, "last", times=1)
    assert_not_called(answer, "send")


async def test_long_values_are_cut() -> None:
    for where in await asked(call("weather", {"city": "x" * 10_000})):
        said = failure(assert_not_called, where, "weather")
        assert "more)" in said
        assert len(said) < 600


def test_only_answers_and_events_hold_calls() -> None:
    session: Any = Session(model=ScriptedModel())
    with pytest.raises(TypeError, match=r"not of a Session; .* capture\(session\)"):
        assert_called(session, "weather")
