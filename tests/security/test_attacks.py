"""Is every attack of the catalogue held, and does it succeed where nothing holds it?

Those that do not disturb each other share a box; each has a process and a marker of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.security import arena, attack_page
from tests.security.catalogue import ATTACKS
from tests.security.scene import SECRET, VARIABLE, Scene
from tests.security.weakened import PARTS, weaken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.security.attack import Attack, Attacked

pytestmark = pytest.mark.security
AS_ROOT: Final = os.geteuid() == 0
TERMINAL: Final = "in a terminal"


class Rounds:
    """The boxes and controls that several attacks share, each run when the first one asks.

    Attributes:
        harm: what has been done to the scene, or survives, since the first.
    """

    def __init__(self, scene: Scene, lost: Scene) -> None:
        self.scene = scene
        self.lost = lost
        self.harm: list[str] = []
        self._inside: dict[str, dict[str, Attacked]] = {}
        self._outside: dict[bool, dict[str, Attacked]] = {}

    def inside(self, attack: Attack) -> Attacked:
        key = _round(attack)
        if key not in self._inside:
            self._inside[key] = self._run(key, [each for each in ATTACKS if _round(each) == key])
            self.harm = [*self.scene.harm(), *arena.running(self.scene.token)]
        return self._inside[key][attack.id]

    def _run(self, key: str, attacks: list[Attack]) -> dict[str, Attacked]:
        if key == TERMINAL:
            return arena.in_terminal(attacks, self.scene, "inside")
        if attacks[0].alone:
            return arena.at_once(attacks, self.scene)
        return arena.together(attacks, self.scene)

    def outside(self, attack: Attack) -> Attacked:
        in_terminal = attack.control == TERMINAL
        if in_terminal not in self._outside:
            shared = [each for each in ATTACKS if _has_control(each)]
            shared = [each for each in shared if (each.control == TERMINAL) == in_terminal]
            self._outside[in_terminal] = (
                arena.in_terminal(shared, self.lost, "outside")
                if in_terminal
                else arena.outside(shared, self.lost)
            )
        return self._outside[in_terminal][attack.id]


def _round(attack: Attack) -> str:
    """What an attack shares a box, or its time, with."""
    if attack.alone:
        return "asleep" if attack.sleeps else attack.id
    return TERMINAL if attack.control == TERMINAL else attack.profile


def _has_control(attack: Attack) -> bool:
    return attack.control in {"outside", TERMINAL} or (
        attack.control == "outside, as root" and AS_ROOT
    )


@pytest.fixture(scope="session")
def rounds() -> Iterator[Rounds]:
    """Two scenes, and a secret in the environment."""
    ids = [attack.id for attack in ATTACKS]
    with pytest.MonkeyPatch.context() as patch, Scene(ids) as scene, Scene(ids) as lost:
        patch.setenv(VARIABLE, SECRET)
        # Inheritable, as a careless program opens it; and a test leaves nothing of its own behind.
        leaked = os.open(scene.canary, os.O_RDONLY)
        given = os.open(lost.canary, os.O_RDONLY)
        for descriptor in (leaked, given):
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - positional only
        yield Rounds(scene, lost)
        os.close(leaked)
        os.close(given)


def _each(attacks: Iterable[Attack]) -> list[Any]:
    return [
        pytest.param(attack, id=attack.id, marks=[pytest.mark.load] if attack.load else [])
        for attack in attacks
    ]


@pytest.mark.parametrize("attack", _each(ATTACKS))
def test_an_attack_is_held(attack: Attack, rounds: Rounds) -> None:
    attacked = rounds.inside(attack)

    assert attack.held(attacked), attacked
    assert rounds.harm == []
    attack_page.keep(attack, attacked)


@pytest.mark.parametrize("attack", _each(filter(_has_control, ATTACKS)))
def test_without_a_box_it_succeeds(attack: Attack, rounds: Rounds) -> None:
    attacked = rounds.outside(attack)

    assert attack.works(attacked), attacked
    assert not attack.held(attacked), attacked


@pytest.mark.parametrize("part", PARTS)
def test_without_a_part_of_the_box_it_succeeds(
    part: str, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    concerned = [attack for attack in ATTACKS if attack.without == part]
    weaken(part, monkeypatch, rounds.lost)
    found: dict[str, Attacked] = {}
    for profile in {attack.profile for attack in concerned}:
        shared = [each for each in concerned if each.profile == profile and not each.alone]
        if shared:
            found |= arena.together(shared, rounds.lost)
    found |= {each.id: arena.alone(each, rounds.lost) for each in concerned if each.alone}

    assert found
    for attack in concerned:
        assert attack.works(found[attack.id]), (attack.id, found[attack.id])
        assert not attack.held(found[attack.id]), (attack.id, found[attack.id])


def test_what_a_scene_loses_is_seen(tmp_path: Path) -> None:
    with Scene(["a"]) as scene:
        assert scene.harm() == []
        (scene.own / "a").chmod(0o600)
        scene.victim.kill()
        scene.victim.wait()
        assert scene.harm() == [str(scene.own / "a"), "the victim"]
