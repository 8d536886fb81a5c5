"""How do two workers race for the sessions of a dead one?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.scene import Scene


def race(scene: Scene, folder: Path, races: int, name: str = "race") -> Counter[str]:
    """Leave so many sessions, race for each, check all; how the racers came out."""
    names = [f"{name}-{number}" for number in range(races)]
    left = scene.plan(*names, kill=f"intent:{races}")
    assert scene.dies(left)
    meeting = folder / "meeting"
    meeting.write_bytes(bytes(16))
    plans = [scene.plan(*names, drive="race", racing=(str(meeting), number)) for number in range(2)]
    pids = [scene.workers.start(plan) for plan in plans]
    for pid, plan in zip(pids, plans, strict=True):
        status = scene.workers.wait(pid, 300)
        assert status == 0, (status, scene.said(plan))
    came = [
        msgspec.json.decode(scene.left(plan, "came") or b"{}", type=dict[str, str])
        for plan in plans
    ]
    for each in names:
        both = sorted(how[each] for how in came)
        assert both in (["busy", "won"], ["late", "won"]), f"{each}: {both}"
    scene.check(names, [left, *plans])
    return Counter(how for each in came for how in each.values())
