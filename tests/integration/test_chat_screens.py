"""Does a conversation look as it did? Screens of one, in every look, beside those that are stored.

`TOOLRUN_RENEW_SCREENS=1 python -m pytest tests/integration/test_chat_screens.py` writes them anew,
into `screens/`: look at what `git diff` says of them before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.chats import chats
from tests.rig.mock import Call, Step

if TYPE_CHECKING:
    from tests.integration.chats import Chats
    from tests.integration.pane import Pane

__all__ = ["chats"]

pytestmark = pytest.mark.load
SCREENS: Final = Path(__file__).parent / "screens"
RENEW: Final = bool(os.environ.get("TOOLRUN_RENEW_SCREENS"))
ANSWER: Final = """\
There are **four** words in `notes.md`.

| word | letters |
|---|---|
| one | 3 |
| three | 5 |

1. counted
2. told

```python
print(len("one two three four".split()))
```
"""
COUNT: Final = (
    Step(
        "The user wants to know how many words there are.\nI should count them.",
        "I will count.",
        (Call("word_count", '{"path":"notes.md"}'),),
    ),
    Step("It has counted four.", ANSWER),
)
SEND: Final = (Step(None, None, (Call("send", '{"text":"four words"}'),)), Step(None, "Sent."))
ASCII: Final = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("name", "env", "columns"),
    [
        ("80-columns", {}, 80),
        ("40-columns", {}, 40),
        ("no-colour", {"NO_COLOR": "1"}, 80),
        ("c-locale", ASCII, 80),
        ("dumb-terminal", {"TERM": "dumb"}, 80),
    ],
)
def test_a_turn_looks_as_it_did(chats: Chats, name: str, env: dict[str, str], columns: int) -> None:
    chats.mock.script(*COUNT)
    chats.mock.script(*SEND, name="send")
    pane = chats(
        *("--tools", "my_tools.py", "--workspace", "notes", "--profile", "workspace-ro"),
        env=env,
        columns=columns,
        rows=70,
        **({"term": env["TERM"]} if "TERM" in env else {}),
    )
    pane.shows("Ctrl-D")
    pane.say("How many words?")
    pane.shows("2 steps")
    pane.rests()
    pane.say("[[script:send]] Send it.")
    pane.shows("run send?")
    compare(f"asked-{name}", pane)
    pane.say("y")
    pane.shows("Sent.")
    pane.shows("1 call")
    compare(f"turn-{name}", pane)


def compare(name: str, pane: Pane) -> None:
    """Compare a screen that has come to rest with the stored one, or store it."""
    pane.rests()
    seen = settled(pane.everything()) + "\n"
    file = SCREENS / f"{name}.txt"
    if RENEW:
        file.write_text(seen)
    assert seen == file.read_text()


def settled(screen: str) -> str:
    """A screen without what is another each time: the folder at its top, times, its last line."""
    top = re.search(r"^.*How many words\?$", screen, re.MULTILINE)
    screen = screen[top.start() :] if top else screen
    screen = re.sub(r"\b\d+(\.\d+)? s\b", "0.1 s", screen)
    screen = re.sub(r"(lines?), 0\.1 s", r"\1", screen)  # of a thought, where it took long
    # Below the input stands the status, which names less where the rate has more digits.
    return screen if screen.endswith("\u276f") else screen.rpartition("\n")[0]
