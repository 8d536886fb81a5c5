"""Does a guard end a box of sandlock's, whether it ends by itself, is told to or loses its parent?

The real sandlock makes the box; the guard runs in a process forked from the test's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.unit.sandbox.forked import Forked, script
from toolrun.sandbox import load_profile
from toolrun.sandbox.box import HELLO
from toolrun.sandbox.code import boot
from toolrun.sandbox.order import Order
from toolrun.sandbox.sandlock import guard
from toolrun.sandbox.sandlock.backend import Sandlock
from toolrun.sandbox.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolrun.sandbox.backend import Start


class Guarded:
    """A guard that runs in a process of its own, and the sockets of its box."""

    def __init__(self, start: Start, forked: Forked) -> None:
        assert start.info is not None
        self.control, self.info, self.forked = start.control, start.info, forked
        self.control.settimeout(60)

    def hello(self) -> bytes:
        return self.control.recv(16)

    def number(self) -> int:
        """Of the guard's process: the box's first."""
        return int(json.loads(os.read(self.info, 4_096))["child-pid"])


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a box gets."""
    folder = tmp_path / "made"
    folder.mkdir()
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(folder))
    return folder


@pytest.fixture
def guarded(made: Path) -> Iterator[Guarded]:
    sandlock = pytest.importorskip("sandlock")
    if sandlock.landlock_abi_version() < sandlock.min_landlock_abi():
        pytest.skip("this kernel's Landlock is too old for sandlock")
    profile, view, backend = load_profile("pure"), View(()), Sandlock()
    order = Order(profile=profile, view=view, boot=boot(profile, view, preload=False))
    with contextlib.ExitStack() as give:
        start = anyio.run(backend.start, order, give)
        forked = Forked(lambda: script(guard.__file__, start.command[-1]), start.inherit)
    guarded = Guarded(start, forked)
    with guarded.control:
        yield guarded
    os.close(guarded.info)
    backend.close()


def test_a_box_that_ends_by_itself_is_gone_with_its_folder(guarded: Guarded, made: Path) -> None:
    assert guarded.hello() == HELLO
    assert guarded.number() > 1
    assert made.exists()
    guarded.control.close()  # nobody will give it a job any more

    assert guarded.forked.wait() == 0
    assert not made.exists()


def test_a_box_that_is_to_end_is_killed_by_its_guard(guarded: Guarded, made: Path) -> None:
    assert guarded.hello() == HELLO
    os.kill(guarded.number(), signal.SIGTERM)

    assert guarded.forked.wait() == 128 + signal.SIGKILL
    assert not made.exists()
