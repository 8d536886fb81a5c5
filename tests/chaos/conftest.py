"""What do the tests of chaos work with? Workers to kill, a scene on each database, a story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos import story
from tests.chaos.scene import Scene
from tests.chaos.worker import Workers
from tests.rig import leaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """The process that forks workers."""
    with Workers() as found:
        leaks.KNOWN.add(found.pid, found.fds)
        yield found


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty file."""
    return f"sqlite:///{tmp_path / 'sessions.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.load)])
def scene(
    request: pytest.FixtureRequest, workers: Workers, mock: MockServer, tmp_path: Path
) -> Scene:
    """Sessions in an empty store of each kind, and the workers that drive them."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    story.tell(mock)
    return Scene(workers, url, mock.url, tmp_path)
