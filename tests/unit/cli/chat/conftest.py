"""On which loop are conversations tested?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """On asyncio alone: the command line runs on it, whose loop takes the signals."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_tools_stay_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("asking_tools", None)
