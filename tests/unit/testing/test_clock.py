"""Does the clock of a test move when it is told to, and only then?"""

from __future__ import annotations

import time

import pytest

from toolrun.testing import FakeClock


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
