"""Is a sandbox opened once for each profile and folder, and closed when others need its place?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from toolrun.tools import sandboxes
from toolrun.tools.sandboxes import Sandboxes

WIDER = {"extends": "pure", "widen": ["memory_bytes"], "memory_bytes": 2**31}


class Opened:
    """A sandbox that says what becomes of it."""

    made: list[Any]
    told: list[str]

    def __init__(self, profile: Any, **given: Any) -> None:
        self.name = f"{profile.name} {given['workspace']}"
        self.is_used = False
        self.made.append((profile.name, given))
        self.mine = given

    async def open(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.told.append(f"{self.name} opened")

    async def aclose(self) -> None:
        self.told.append(f"{self.name} seen gone")

    def close(self) -> None:
        self.told.append(f"{self.name} closed")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> type[Opened]:
    class Fresh(Opened):
        made: list[Any] = []  # noqa: RUF012 - of this test
        told: list[str] = []  # noqa: RUF012

    monkeypatch.setattr(sandboxes, "Sandbox", Fresh)
    return Fresh


async def test_one_is_opened_for_each_profile_folder_and_backend(opened: type[Opened]) -> None:
    mine, a, b = Sandboxes(), Path("/a"), Path("/b")
    first = await mine.opened("pure", a)
    other = [
        await mine.opened("pure", b),
        await mine.opened("python", a),
        await mine.opened("pure", a, backend="sandlock"),
    ]

    assert await mine.opened("pure", a) is first
    assert first not in other
    assert opened.made == [
        ("pure", {"workspace": a, "pool": mine.pool, "backend": None}),
        ("pure", {"workspace": b, "pool": mine.pool, "backend": None}),
        ("python", {"workspace": a, "pool": mine.pool, "backend": None}),
        ("pure", {"workspace": a, "pool": mine.pool, "backend": "sandlock"}),
    ]
    mine.close()


async def test_of_many_that_come_at_once_one_opens_it(opened: type[Opened]) -> None:
    mine, got = Sandboxes(), list[Any]()

    async def open_it() -> None:
        got.append(await mine.opened("pure", None))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(open_it)

    assert opened.told == ["pure None opened"]
    assert got[0] is got[1] is got[2]
    mine.close()
    assert opened.told[1:] == ["pure None closed"]


async def test_those_unused_for_longest_give_way(
    opened: type[Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "MOST", 2)
    mine = Sandboxes()
    a = await mine.opened("pure", Path("a"))
    await mine.opened("pure", Path("b"))
    await mine.opened("pure", Path("a"))  # used again
    await mine.opened("pure", Path("c"))
    a.is_used = True  # type: ignore[misc]
    await mine.opened("pure", Path("d"))

    assert [each for each in opened.told if "gone" in each] == [
        "pure b seen gone",
        "pure c seen gone",
    ]
    await mine.aclose()
    assert {each for each in opened.told if "closed" in each} == {"pure a closed", "pure d closed"}


async def test_what_a_profile_widens_is_logged_once(opened: type[Opened]) -> None:
    mine = Sandboxes()
    with capture_logs() as logs:
        for table in (WIDER, dict(reversed(WIDER.items()))):  # in whatever order it is written
            await mine.opened(table, None, "of tool f")

    [said] = logs
    assert said["event"] == "sandbox profile widened"
    assert (said["log_level"], said["key"], said["after"]) == ("info", "memory_bytes", 2**31)
    assert said["profile"] == "pure, widened: memory_bytes"
    assert 0 < said["before"] < said["after"]
    assert said["source"] == "of tool f"
    assert len(opened.made) == 1
    mine.close()


def test_a_quarter_of_the_boxes_may_be_held_between_calls() -> None:
    mine = Sandboxes()

    assert mine.living._most == max(1, mine.pool.bounds.running // 4)
    mine.close()
