"""Can a tool use more than its profile allows?"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.security.conftest import Attack, Control

pytestmark = pytest.mark.security
MIB = 1 << 20


def test_a_fork_bomb_is_bounded(attack: Attack, control: Control) -> None:
    assert control("fork_bomb", limit=100)["started"] == 100
    saw = attack("fork_bomb", limit=1000).saw

    assert saw["why"] == "EAGAIN"
    assert 16 < saw["started"] < 64


def test_a_thread_bomb_is_bounded(attack: Attack) -> None:
    saw = attack("thread_bomb", limit=1000).saw

    assert "start" in saw["why"]
    assert 16 < saw["started"] < 64


def test_one_process_cannot_take_all_memory(attack: Attack) -> None:
    attacked = attack("take_memory", mebibytes=1000, change={"memory_bytes": 100 * MIB})

    assert attacked.outcome.status == "memory_limit"
    assert attacked.outcome.error == "used more than 100 MiB of memory"


def test_a_tree_cannot_take_all_memory(attack: Attack) -> None:
    attacked = attack(
        "take_memory_together", children=8, mebibytes=40, change={"memory_bytes": 150 * MIB}
    )

    assert attacked.outcome.status == "memory_limit"


def test_memory_below_the_limit_is_fine(attack: Attack) -> None:
    attacked = attack(
        "take_memory_together",
        children=3,
        mebibytes=20,
        timeout=2,
        change={"memory_bytes": 150 * MIB},
    )

    assert attacked.outcome.status == "timeout"


def test_shared_memory_counts(attack: Attack) -> None:
    attacked = attack("take_shared_memory", mebibytes=400, change={"memory_bytes": 100 * MIB})

    assert attacked.outcome.status == "memory_limit"


def test_address_space_is_bounded(attack: Attack) -> None:
    attacked = attack("large_result", size=1 << 40)

    assert attacked.outcome.status == "exception"
    assert attacked.outcome.error == "MemoryError"


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_the_disk_cannot_be_filled(attack: Attack, folder: str) -> None:
    saw = attack("fill", folder=folder, mebibytes=100).saw

    assert saw["why"] == "ENOSPC"
    assert saw["written"] <= 64 * MIB


def test_inodes_are_bounded(attack: Attack) -> None:
    attacked = attack("many_files", count=20_000)

    assert attacked.outcome.status == "disk_limit"


def test_a_file_cannot_be_larger_than_the_disk(attack: Attack) -> None:
    assert attack("large_file", size=1 << 40).saw == "EFBIG"


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_flood_of_output_ends_the_call(attack: Attack, descriptor: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attacked = attack("flood", descriptor=descriptor)

    assert attacked.outcome.status == "output_limit"
    assert len(attacked.outcome.stdout) + len(attacked.outcome.stderr) == MIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_a_large_result_ends_the_call(attack: Attack) -> None:
    attacked = attack("large_result", size=2 * MIB)

    assert attacked.outcome.status == "output_limit"
    assert attacked.outcome.value is None


def test_cpu_time_is_bounded(attack: Attack) -> None:
    attacked = attack("burn", change={"cpu_seconds": 1})

    assert attacked.outcome.error == "used up its CPU time and was stopped"
    assert attacked.seconds < 5


def test_wall_time_of_the_profile_holds_too(attack: Attack) -> None:
    attacked = attack("burn", timeout=60, change={"wall_seconds": 1.0})

    assert attacked.outcome.status == "timeout"
    assert attacked.seconds < 1.5
