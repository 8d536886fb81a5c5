"""What the tests of traces share."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING

import pytest

from toolrun.events import AnyEvent

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def every_event() -> Callable[[], list[type]]:
    """All the types of events that there are."""
    return lambda: list(typing.get_args(AnyEvent))
