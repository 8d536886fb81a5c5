"""Can every diagram of the pages be drawn? Asked of the script that the site draws them with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.rig import chromium
from tests.rig.versions import REPOSITORY as ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT: Final = ROOT / "docs/assets/mermaid/mermaid.tiny.js"
_FENCE: Final = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is wrong with a diagram, or null.
_WRONG: Final = "text => mermaid.parse(text).then(() => null, error => String(error.message))"


def _diagrams() -> Iterator[tuple[str, str]]:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for number, text in enumerate(_FENCE.findall(page.read_text(encoding="utf-8")), 1):
            yield f"{page.relative_to(ROOT)}, diagram {number}", text


@pytest.mark.load
@pytest.mark.timeout(120)
def test_every_diagram_can_be_drawn() -> None:
    diagrams = dict(_diagrams())
    assert "docs/explanation/one-journal.md, diagram 1" in diagrams

    wrong = chromium.aside(_wrong, {"no diagram": "flowchart LR\n    call --> end", **diagrams})

    assert wrong.pop("no diagram") is not None
    assert {where: why for where, why in wrong.items() if why is not None} == {}


def _wrong(diagrams: dict[str, str]) -> dict[str, str | None]:
    with chromium.started() as browser:
        page = browser.new_page()
        page.add_script_tag(path=SCRIPT)
        return {where: page.evaluate(_WRONG, text) for where, text in diagrams.items()}
