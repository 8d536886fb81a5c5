"""Fixtures of the tests of what users test with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a trace will lie."""
    return tmp_path / "t.jsonl"
