"""Can a tool that writes anything at all to the result's pipe confuse who reads it?"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from tests.security import arena
from tests.security.frames import mutated
from toolrun.sandbox import Sandbox, load_profile

if TYPE_CHECKING:
    from toolrun.sandbox import Outcome

pytestmark = pytest.mark.security
FEW, MANY = 16, 400
"""Jobs; each costs a box, or a new process in one."""


async def call(sandbox: Sandbox, payload: str, marker: str, **arguments: Any) -> Outcome:
    given = {"name": payload, "marker": marker, "arguments": arguments}
    return await sandbox.call(arena.job("alone", **given), timeout=10, tenant="fuzz")


@pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.load, pytest.mark.timeout(600)])]
)
def test_random_bytes_are_a_wrong_result_at_worst(count: int) -> None:
    seed = secrets.randbits(32)
    print("seed", seed)
    rng = random.Random(seed)

    async def run() -> None:
        async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
            for _ in range(count):
                await one(sandbox, rng)
            outcome = await call(sandbox, "secrecy.other_modules", "last")
            assert outcome.status == "ok"

    anyio.run(run)


async def one(sandbox: Sandbox, rng: random.Random) -> None:
    marker = f"{rng.getrandbits(64):016x}"
    noise = mutated(rng)[:60_000] if rng.random() < 0.8 else rng.randbytes(rng.randrange(5_000))
    outcome = await call(
        sandbox, "forgery.write", marker, hexadecimal=noise.hex(), then_exit=rng.choice([0, 1, 9])
    )

    assert outcome.stdout.startswith(marker)
    assert outcome.status in {"ok", "exception", "crash", "output_limit"}, outcome
    assert (outcome.value is not None) == (outcome.status == "ok")
    assert (outcome.error is None) == (outcome.status == "ok")
    if outcome.value is not None:
        msgspec.json.decode(outcome.value)
