"""Is what nobody waits for done, and what it raises told, on whichever loop runs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from toolrun.sandbox.later import later

if TYPE_CHECKING:
    import pytest


async def test_what_nobody_waits_for_ends_nothing_when_it_raises(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("said so")

    later(fail)
    said = ""
    with anyio.fail_after(20):
        while "said so" not in said:
            await anyio.sleep(0.01)
            said += "".join(capfd.readouterr())
