"""Can an attack pass that did not run, or could not fail? What judges attacks is attacked here."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from tests.security import arena
from tests.security.attack import Attack, Attacked, refused, sees, unseen
from tests.security.catalogue import ATTACKS, FAMILIES
from tests.security.scene import Scene
from toolrun.sandbox import Outcome, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.security

HARMLESS = Attack(
    name="harmless",
    family="files",
    payload="files.read",
    held=refused("ENOENT"),
    arguments={"paths": ["{canary}"]},
    alone=True,
)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Scene([HARMLESS.id]) as made:
        yield made


def answers(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    """A sandbox that runs nothing and says this."""

    async def call(*_: Any, **__: Any) -> Outcome:
        return outcome

    async def ready(*_: Any) -> None:
        pass

    monkeypatch.setattr(Sandbox, "call", call)
    monkeypatch.setattr(Sandbox, "open", ready)


NOTHING_RAN = {
    "it crashed": Outcome(status="crash", error="its process ended before it returned"),
    "time-out": Outcome(status="timeout", error="did not finish"),
    "a value without a marker": Outcome(status="ok", value=b'{"saw": "EPERM"}'),  # type: ignore[arg-type]
    "another marker": Outcome(status="ok", value=b'{"marker":"0","saw":"EPERM"}', stdout="0\n"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("outcome", NOTHING_RAN.values(), ids=NOTHING_RAN)
def test_a_box_that_ran_nothing_holds_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    answers(monkeypatch, outcome)

    with pytest.raises(arena.NotRunError):
        arena.alone(HARMLESS, scene)
    with pytest.raises(arena.NotRunError):
        arena.together([dataclasses.replace(HARMLESS, alone=False)], scene)


def test_a_module_that_is_not_there_holds_nothing(scene: Scene) -> None:
    nowhere = dataclasses.replace(HARMLESS, payload="files.no_such_attack", alone=False)

    with pytest.raises(arena.NotRunError):
        arena.alone(nowhere, scene)
    with pytest.raises(arena.NotRunError):
        arena.together([nowhere], scene)


def test_a_mistake_in_an_attack_is_no_refusal(scene: Scene) -> None:
    mistaken = dataclasses.replace(HARMLESS, arguments={"path": "{canary}"}, alone=False)
    attacked = arena.together([mistaken], scene)[mistaken.id]

    assert attacked.saw.startswith("!TypeError")
    assert not mistaken.held(attacked)
    assert not mistaken.works(attacked)


def test_one_that_ends_its_process_does_not_end_the_others(scene: Scene) -> None:
    others = [dataclasses.replace(HARMLESS, name=name, alone=False) for name in ("one", "two")]
    killed = dataclasses.replace(HARMLESS, payload="signals.kill_itself", arguments={}, alone=False)
    attacked = arena.together([others[0], killed, others[1]], scene)

    assert attacked[killed.id].status == "crash"
    assert not killed.held(attacked[killed.id])
    assert all(each.held(attacked[each.id]) for each in others)


def test_judges_can_find_against() -> None:
    assert refused("EPERM")(Attacked("EPERM"))
    assert not refused("EPERM")(Attacked("done"))
    assert not refused("EPERM")(Attacked({}))
    assert not refused("EPERM")(Attacked({"a": "EPERM", "b": "done"}))
    assert not refused("EPERM")(Attacked("EPERM", status="crash"))
    assert unseen()(Attacked("nothing"))
    assert not unseen()(Attacked(None))
    assert not unseen()(Attacked("x", stdout="topsecret"))
    assert not sees([])(Attacked(None))


@pytest.mark.parametrize("family", FAMILIES)
def test_some_attack_of_each_family_is_seen_to_succeed(family: str) -> None:
    # By tests of their own, in test_processes.py: what they leave behind outlives a control.
    shown = {"zombies and daemons", "time-out evasion"}
    mine = [attack for attack in ATTACKS if attack.family == family]
    controls = [attack for attack in mine if attack.control or attack.without]

    assert controls or family in shown, f"{family}: no attack is seen to succeed"


def test_most_attacks_are_seen_to_succeed() -> None:
    assert len([attack for attack in ATTACKS if attack.control or attack.without]) > 120
