"""Do sinks behind a store hear of events in order, and does a wait end where a turn is parked?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from toolrun.copying import before_running_turn, copied
from toolrun.errors import ConfigError
from toolrun.events import TurnFinished, UserMessage, Warned
from toolrun.parking import Parking
from toolrun.turnstile import Turnstile

if TYPE_CHECKING:
    from toolrun.events import Durable, Event


def said(seq: int) -> UserMessage:
    return structs.replace(UserMessage(f"message {seq}"), seq=seq)


class Slow:
    """A sink that waits until it is let go on."""

    observes = True

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.begun, self.go = anyio.Event(), anyio.Event()

    async def record(self, event: Durable) -> None:
        self.begun.set()
        await self.go.wait()
        self.heard.append(event)

    def observe(self, event: Event) -> None:
        self.heard.append(event)


async def test_who_comes_while_others_are_told_waits_for_its_turn() -> None:
    sink: Any = Slow()
    turnstile = Turnstile()
    turnstile.lead_to((sink,))
    first, second, seen = said(1), said(2), Warned("seen", "between")
    turnstile.hold(first)
    turnstile.observe(seen)
    turnstile.hold(second)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turnstile.pass_on, 1)
        await sink.begun.wait()
        tasks.start_soon(turnstile.pass_on, 2)
        await anyio.wait_all_tasks_blocked()
        assert sink.heard == []
        sink.go.set()

    assert sink.heard == [first, seen, second]
    assert turnstile.told == 2


async def test_a_sink_that_was_taken_away_hears_no_more() -> None:
    gone: Any = Slow()
    turnstile = Turnstile()
    turnstile.lead_to((gone,))
    turnstile.hold(said(1))
    turnstile.observe(Warned("seen", "after it"))
    turnstile.lead_to(())

    await turnstile.pass_on(1)

    assert gone.heard == []
    assert turnstile.told == 1


async def test_a_turn_that_shall_end_waits_for_nobody() -> None:
    parking = Parking()
    waits: list[str] = []

    async def wait() -> str:
        waits.append("begun")
        parking.ask("first")
        parking.ask("second")
        await anyio.sleep_forever()
        return "never"

    assert await parking.unless_asked(wait) is None
    assert await parking.unless_asked(wait) is None
    assert waits == ["begun"]
    assert parking.reason == "first"


def test_a_copy_begins_before_the_turn_that_runs() -> None:
    over: list[Durable] = [said(1), structs.replace(TurnFinished("finished"), seq=2)]

    assert before_running_turn(over) == over
    assert before_running_turn([*over, said(3)]) == over


def test_of_nothing_there_is_no_copy() -> None:
    runtime: Any = None
    with pytest.raises(ConfigError, match="nothing of session 's' is whole"):
        copied(runtime, "s", [])
