"""How are workers killed at random moments, again and again, until their sessions are finished?"""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tests.chaos.scene import KILLED

if TYPE_CHECKING:
    from tests.chaos.scene import Scene
    from tests.chaos.worker import Plan

AT_ONCE: Final = 3
"""Sessions that one worker drives."""


class Kills(Struct, frozen=True):
    """What was done to how many sessions: kills, ends that came before one, events seen live."""

    kills: int
    sessions: int
    ended: int
    seen: int


def kill_at_random(scene: Scene, kills: int, seed: int) -> Kills:
    """Drive sessions, kill their workers at random moments until there were so many; check all."""
    chance = random.Random(seed)
    longest = _duration(scene)
    done = ended = seen = number = 0
    while done < kills:
        names = [f"random-{number}-{each}" for each in range(AT_ONCE)]
        number += 1
        plans: list[Plan] = []
        finished = False
        while not finished:
            plan = scene.plan(*names)
            plans.append(plan)
            if done < kills and _killed(scene, plan, chance.uniform(0, longest)):
                done += 1
            elif done < kills:
                ended, finished = ended + 1, True
            else:
                scene.ends(plan)
                finished = True
        seen += scene.check(names, plans)
    return Kills(done, number * AT_ONCE, ended, seen)


def _duration(scene: Scene) -> float:
    """How long an undisturbed worker takes."""
    scene.undisturbed()
    plan = scene.plan(*(f"measured-{each}" for each in range(AT_ONCE)))
    began = time.monotonic()
    scene.ends(plan)
    return time.monotonic() - began


def _killed(scene: Scene, plan: Plan, after: float) -> bool:
    """Kill a worker after so many seconds; False where it had ended."""
    pid = scene.workers.start(plan)
    time.sleep(after)  # the moment is the test
    os.kill(pid, signal.SIGKILL)
    status = scene.workers.wait(pid)
    assert status in (0, KILLED), (status, scene.said(plan))
    return status == KILLED
