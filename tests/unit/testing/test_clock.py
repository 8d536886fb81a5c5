"""Does the clock of a test move when it is told to, and only then?"""

from __future__ import annotations

import time

import pytest

from toolrun import Retried, Runtime, ServerStatus
from toolrun.testing import Events, FakeClock, ScriptedModel


async def test_waits_move_it_and_take_no_time() -> None:
    clock = FakeClock(100.0)
    began = time.monotonic()
    await clock.sleep(3600)
    clock.advance(0.5)

    assert time.monotonic() - began < 60
    assert (clock.time(), clock.slept) == (3700.5, [3600])


def test_it_stands_still_otherwise_and_never_goes_back() -> None:
    clock = FakeClock()

    assert clock.time() == clock.time() == 1_767_225_600.0
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(-1)


async def test_a_runtime_waits_by_it_and_its_events_have_its_times() -> None:
    clock, events = FakeClock(1000.0), Events()
    busy = [ServerStatus("busy", 503), ServerStatus("busy", 429, retry_after=60.0)]
    model = ScriptedModel(*busy, "There.")
    began = time.monotonic()
    runtime = Runtime(model=model, clock=clock, sinks=[events])
    async with runtime, runtime.session() as session:
        assert (await session.ask("Hi.")).text == "There."

    assert time.monotonic() - began < 60
    waits = [each.wait for each in events.of(Retried)]
    assert clock.slept == waits
    assert waits[1] > 60
    assert events[0].time == 1000.0
    assert events[-1].time == pytest.approx(1000.0 + sum(waits))
    assert events.names()[0] == "SessionOpened"
