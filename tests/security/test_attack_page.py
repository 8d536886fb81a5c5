"""Does the page of attacks have the rows of the catalogue, and how is it written?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.security import attack_page
from tests.security.attack_page import NOTHING, Key
from tests.security.catalogue import ATTACKS, FAMILIES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.security


@pytest.mark.skipif(attack_page.WRITES, reason="the page is being written")
def test_the_page_has_the_rows_of_the_catalogue() -> None:
    if not attack_page.PAGE.exists():
        pytest.skip("the docs are not here")
    said = {(family, name) for family, name, _ in attack_page.read()}

    assert said == set(attack_page.rows()), (
        "docs/reference/attacks.md has other rows than the tests: "
        "TOOLRUN_WRITE_ATTACKS=1 python -m pytest tests/security writes it"
    )


def test_there_are_attacks_of_every_family() -> None:
    assert len(ATTACKS) >= 250
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)
    for family in FAMILIES:
        assert len([attack for attack in ATTACKS if attack.family == family]) >= 5


def test_cells_stay_where_only_others_are_found(tmp_path: Path) -> None:
    page = tmp_path / "attacks.md"
    page.write_text("# Words\n\nMore words.\n\n", encoding="utf-8")
    first, second = ATTACKS[0], ATTACKS[-1]
    one: Key = (first.family, first.name, "as root")
    other: Key = (second.family, second.name, "as an ordinary user")

    attack_page.write({one: "refused: EPERM"}, page)
    attack_page.write({other: "ended: `timeout`"}, page)

    said = attack_page.read(page)
    assert (said[one], said[other]) == ("refused: EPERM", "ended: `timeout`")
    assert {cell for key, cell in said.items() if key not in (one, other)} == {NOTHING}
    assert page.read_text(encoding="utf-8").startswith("# Words\n\nMore words.\n\n<!--")
