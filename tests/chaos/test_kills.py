"""Is anything lost, or done twice, where a worker is killed: at each boundary, at any moment?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos.killing import PLACES
from tests.chaos.random_kills import kill_at_random

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chaos.scene import Scene
    from tests.chaos.worker import Plan

pytestmark = pytest.mark.timeout(600)
"""The long ones on a busy machine; each case in them has a time of its own."""

SOME: Final = ("created:1", "commit:3", "appended:7", "deed:4", "deed:5")
"""Boundaries that every run of the tests looks at."""
BATCHED: Final = ("commit", "committed")
"""Places that are passed less often where several events are stored at once."""


def kill_and_go_on(scene: Scene, places: Iterable[str]) -> int:
    """Kill a worker at each place, resume in another, check; how many died."""
    plans: list[Plan] = []
    died = []
    for place in places:
        name = place.replace(":", "-")
        plan = scene.plan(name, kill=place)
        if scene.dies(plan):
            died.append(place)
        else:
            assert place.startswith(BATCHED), f"{place} was never reached"
        resumed = scene.plan(name)
        scene.ends(resumed)
        scene.check([name], [plan, resumed])
        plans.append(plan)
    return len(died)


def test_killed_at_some_boundaries(scene: Scene) -> None:
    assert kill_and_go_on(scene, SOME) == len(SOME)


@pytest.mark.load
def test_killed_at_every_boundary(scene: Scene) -> None:
    passed, _ = scene.undisturbed()
    assert set(passed) == set(PLACES)
    places = [f"{place}:{n}" for place, count in passed.items() for n in range(1, count + 1)]
    died = kill_and_go_on(scene, places)
    assert died >= len(places) - 4, "batches are not that much larger the second time"


@pytest.mark.load
def test_killed_at_forty_random_moments(scene: Scene) -> None:
    done = kill_at_random(scene, 40, seed=int(time.time()))

    assert done.kills == 40
    assert done.seen > done.sessions * 10, "the kills came before anything happened"
