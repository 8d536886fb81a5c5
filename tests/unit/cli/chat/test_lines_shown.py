"""Does the face of lines show a change in colours where it may, and open an editor where one is?"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from toolrun.cli.chat.lines import Lines
from toolrun.cli.chat.view.blocks import diff

if TYPE_CHECKING:
    import pytest

CHANGE = diff("a\nb\x1b[2J\n", "a\nc\n", "x.txt", "x.txt: changed")


def test_a_change_is_coloured_where_colours_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for colour in (True, False):
        file = io.StringIO()
        monkeypatch.setenv("FORCE_COLOR", "1" if colour else "")
        monkeypatch.delenv("NO_COLOR", raising=False)
        Lines(file).put(CHANGE)
        shown = file.getvalue()
        assert "\x1b[2J" not in shown
        assert ("\x1b[31m-b" in shown) is colour
        assert "x.txt: changed" in shown


async def test_the_editor_is_the_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; open(sys.argv[1], 'a').write('more')"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{program}"')
    assert await Lines(io.StringIO()).edit("text ", ".txt") == "text more"
    file = io.StringIO()
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert await Lines(file).edit("text", ".txt") is None
    assert "no-such-editor" in file.getvalue()
