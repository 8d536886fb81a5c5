"""Is memory that several processes share counted once?"""

from __future__ import annotations

import os

import msgspec
import pytest

from toolrun.sandbox import Sandbox, load_profile, watch
from toolrun.sandbox.box import Box

FORKS = """
import os, time
held = b"x" * (60 << 20)
for _ in range(8):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
print("forked", flush=True)
time.sleep(0.5)
"""


@pytest.fixture(autouse=True)
def no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where no control group can be had."""
    monkeypatch.setattr(Box, "bound", lambda self, memory_bytes: None)


@pytest.mark.anyio
async def test_what_forks_share_counts_once(anyio_backend: str) -> None:
    profile = msgspec.structs.replace(load_profile("python"), memory_bytes=200 << 20)
    async with Sandbox(profile) as box:
        done = await box.run(FORKS, timeout=20)

    assert (done.status, done.stdout) == ("ok", b"forked\n")


@pytest.mark.anyio
async def test_what_they_do_not_share_counts_for_each(anyio_backend: str) -> None:
    profile = msgspec.structs.replace(load_profile("python"), memory_bytes=200 << 20)
    code = FORKS.replace("time.sleep(1)", "held = b'y' * (60 << 20); time.sleep(5)")
    async with Sandbox(profile) as box:
        done = await box.run(code.replace("sleep(0.5)", "sleep(5)"), timeout=20)

    assert done.status == "memory_limit"


def test_what_a_box_writes_to_the_hosts_own_folders_is_not_its() -> None:
    assert watch.written(os.getpid()) == (0, 0)


def test_a_process_that_is_gone_takes_nothing() -> None:
    assert watch.resident_bytes(2**22 + 1, watch._proportional) == 0
