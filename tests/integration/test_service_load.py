"""Does a worker of the service hold many streams at once, each to its end with all its pieces?

How many, and how late its clients hear, is measured by `python -m tests.integration.service_load`
on a quiet machine; what is held here holds on a busy one, too.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.service_load import measure

SESSIONS = 1000
SECONDS = 15.0


@pytest.mark.load
@pytest.mark.alone
@pytest.mark.timeout(300)
def test_no_stream_of_many_loses_a_piece_or_breaks() -> None:
    load = asyncio.run(measure(SESSIONS, ramp_s=15, seconds=SECONDS))

    assert load.errors == []
    assert load.finished == SESSIONS
    assert load.pieces > SESSIONS * SECONDS / 2, "they did not stream at once"
    before, begin, end = load.rss_mib
    assert end - before < 300, f"{before} MiB, then {begin}, {end}"
