"""Is no turn lost and no tool run twice when a server is killed under two hundred sessions?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from tests.integration.fleet_load import ANSWER, check, kill_one
from tests.rig import leaks
from tests.rig.mock import Call, MockServer, Step
from tests.rig.server import VllmServer

if TYPE_CHECKING:
    from tests.integration.fleet_load import Killed

SCRIPT = (
    Step(
        "Need the weather.",
        tool_calls=(Call("get_weather", '{"city":"Paris"}'),),
        delay_s=0.02,
        chunk_delay_s=0.01,
    ),
    Step("Got it.", ANSWER, delay_s=0.02, chunk_delay_s=0.01),
)


async def mock_round(survivor: MockServer, seed: int, sessions: int = 200) -> Killed:
    survivor.reset()
    with MockServer() as victim:
        leaks.KNOWN.add(victim.process.pid, victim.fds)
        for server in (victim, survivor):
            server.script(*SCRIPT)
        came = await kill_one(
            (victim.url, survivor.url),
            victim.process.kill,
            seed=seed,
            sessions=sessions,
            text="How warm is Paris?",
            model=survivor.model,
        )
    check(came, sessions)
    return came


@pytest.mark.parametrize("seed", [1, 7])  # early moments: at a late one nobody may need the victim
async def test_a_server_is_killed(mock: MockServer, seed: int) -> None:
    came = await mock_round(mock, seed, sessions=60)

    assert came.counts["FailedOver"]


@pytest.mark.load
@pytest.mark.timeout(400)
async def test_a_server_is_killed_in_twenty_rounds_on_either_loop(mock: MockServer) -> None:
    rounds = [await mock_round(mock, seed) for seed in range(20)]

    assert sum(came.counts["FailedOver"] for came in rounds) > 20 * 5
    assert sum(came.in_flight > 0 for came in rounds) > 10


@pytest.mark.timeout(600, func_only=True)
async def test_a_real_server_is_killed(vllm32: VllmServer, anyio_backend_name: str) -> None:
    # A round on either loop, each of which costs a victim.
    victim = VllmServer("0.32.0")
    await anyio.to_thread.run_sync(victim.start)
    try:
        came = await kill_one(
            (victim.url, vllm32.url),
            victim.kill,
            seed={"asyncio": 3, "trio": 4}[anyio_backend_name],
            text=vllm32.script("one-call"),
            model=vllm32.model,
            verify_reasoning=0.1,
        )
    finally:
        victim.stop()
    check(came)
    assert came.counts["FailedOver"]
    assert came.counts["ReasoningProved"], "by the server that sampled the step"
    assert not came.counts["ReasoningDropped"]
