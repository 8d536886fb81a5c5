"""Do the invariants of a session hold in whatever order things happen to it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.any_life import AnyLife
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)
"""The long ones on a busy machine; each case in them has a time of its own."""


@pytest.fixture
def any_life(tmp_path: Path, anyio_backend: str) -> Iterator[type[AnyLife]]:
    """The machine, with a loop and a store."""
    with start_blocking_portal(anyio_backend) as portal:
        AnyLife.portal, AnyLife.url = portal, f"sqlite:///{tmp_path / 'sessions.db'}"
        AnyLife.reader = open_store(AnyLife.url)
        portal.call(AnyLife.reader.open)
        yield AnyLife
        portal.call(AnyLife.reader.aclose)


def test_some_lives(any_life: type[AnyLife]) -> None:
    run_state_machine_as_test(any_life, settings=settings(max_examples=3, stateful_step_count=12))


@pytest.mark.load
def test_many_lives(any_life: type[AnyLife]) -> None:
    run_state_machine_as_test(any_life, settings=settings(max_examples=30, stateful_step_count=20))
