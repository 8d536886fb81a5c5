"""Do limits hold exactly, and not before?"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.security.conftest import Attacks

pytestmark = pytest.mark.security
MIB = 1 << 20


def test_memory_below_the_limit_is_fine(attack: Attacks) -> None:
    attacked = attack(
        "bombs.take_memory_together",
        children=3,
        mebibytes=20,
        change={"memory_bytes": 150 * MIB},
    )

    assert attacked.status == "ok"


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_flood_of_output_is_cut_and_not_kept(attack: Attacks, descriptor: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attacked = attack("floods.flood", descriptor=descriptor)
    marker = 16

    assert attacked.status == "output_limit"
    assert len(attacked.stdout) + len(attacked.stderr) + marker == MIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
