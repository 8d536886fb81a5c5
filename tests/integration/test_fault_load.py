"""Do thousands of turns end well when one request in ten meets a fault, whichever?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.integration.load import UNTIMED, StillClock, run_load, tell
from toolrun import Timeouts

if TYPE_CHECKING:
    from tests.integration.load import Load
    from tests.rig.mock import MockServer

HASTY = Timeouts(first_token=1.0, between_tokens=1.0, step=1.5)

# httpx leaves its own generators half read where a body cannot be decompressed.
pytestmark = pytest.mark.filterwarnings("ignore:.*PoolByteStream")


async def check_load(mock: MockServer, sessions: int, turns: int) -> Load:
    """Every turn has its answer in the end; `run_load` looks at each error and transcript."""
    with anyio.fail_after(sessions * turns * 0.1 + 20):
        load = await run_load(mock, sessions=sessions, turns=turns, at_once=100, timeouts=HASTY)
    print(load)
    assert load.turns == load.answers == sessions * turns, load
    # So many that no kind of run can have met none.
    assert load.retried.total() > sessions * turns / 10, load
    assert load.errors, load
    assert len(load.transcripts) == sessions
    return load


async def test_every_turn_ends_in_an_answer_or_a_named_error(mock: MockServer) -> None:
    await check_load(mock, sessions=50, turns=3)


@pytest.mark.load
@pytest.mark.timeout(300)
async def test_two_thousand_turns_do(mock: MockServer) -> None:
    load = await check_load(mock, sessions=200, turns=10)
    # Each kind of fault has a chance of 1 in 400 for each of some 5,000 requests.
    assert {"malformed-reply", "broken-stream", "malformed-header", "analysis-only"} <= set(
        load.retried
    ), load
    assert {code for code in load.errors if code.startswith("ServerTimeout")}, load


def journals(
    mock: MockServer, backend: str, *, sessions: int, at_once: int, seed: int = 7
) -> dict[str, list[str]]:
    """What the sessions' journals hold after a load."""
    run = partial(
        run_load, mock, sessions=sessions, turns=5, at_once=at_once, seed=seed,
        faults=UNTIMED, clock=StillClock(),
    )  # fmt: skip
    load: Load = anyio.run(run, backend=backend)
    assert load.retried
    return tell(load.events)


def check_journals(mock: MockServer, sessions: int) -> None:
    """The same seeds give the same journals, in whatever company each session is."""
    first = journals(mock, "asyncio", sessions=sessions, at_once=sessions)
    assert len(first) == sessions
    assert journals(mock, "asyncio", sessions=sessions, at_once=1) == first
    assert journals(mock, "trio", sessions=sessions, at_once=sessions) == first
    assert journals(mock, "asyncio", sessions=sessions, at_once=sessions, seed=8) != first


def test_the_same_seeds_give_the_same_journals(mock: MockServer) -> None:
    check_journals(mock, 12)


@pytest.mark.load
@pytest.mark.timeout(300)
def test_the_same_seeds_give_the_same_journals_of_two_hundred_turns(mock: MockServer) -> None:
    check_journals(mock, 40)
