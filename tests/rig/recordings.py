"""What do the moving pictures of the terminal show?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from tests.rig.scripts import analysis, call, final, preamble
from tests.rig.versions import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class Hands(Protocol):
    """What a recording does at the terminal."""

    def writes(self, text: str) -> None:
        """Type, letter by letter."""

    def press(self, *keys: str) -> None:
        """Press keys, as tmux names them."""

    def shows(self, text: str) -> None:
        """Wait until this is on the screen."""

    def looks(self, seconds: float) -> None:
        """Wait as somebody does who reads."""


@dataclass(frozen=True)
class Recording:
    """A run that is filmed.

    Attributes:
        title: what stands in the bar of the window.
        says: what the model samples, step by step; nothing where it is the embedded one.
        act: what is typed.
        files: what lies in the folder that it is run in.
        still: only the last screen is kept.
    """

    title: str
    says: tuple[str, ...]
    act: Callable[[Hands], None]
    files: Mapping[str, str] = field(default_factory=dict)
    folder: str = "shop"
    columns: int = 96
    rows: int = 30
    still: bool = False

    def fill(self, folder: Path) -> None:
        """Write the files, for any user to change: root's sandboxes run as nobody."""
        for name, text in self.files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o666)

    def settings(self, url: str) -> dict[str, str]:
        """The variables that have the model of a server say it."""
        if not self.says:
            return {}
        body = {"vllm_xargs": {"harmony": list(self.says)}}
        return {
            "TOOLRUN_BASE_URL": url,
            "TOOLRUN_MODEL": MODEL,
            "TOOLRUN_EXTRA_BODY": json.dumps(body),
        }


PRICE: Final = '''\
def total(prices, discount=0):
    """The sum of prices, less a discount in percent."""
    return sum(prices) * (1 - discount / 10)
'''
TEST: Final = """\
from price import total

assert total([10, 20]) == 30
assert total([10, 20], discount=10) == 27, total([10, 20], discount=10)
print("2 checks passed")
"""
CHECK: Final = call("shell", '{"command":"python3 test_price.py"}')
MEND: Final = call(
    "edit_file",
    json.dumps(
        {"path": "price.py", "old_text": "(1 - discount / 10)", "new_text": "(1 - discount / 100)"}
    ),
)
ANSWER: Final = """\
The test is right, the code was not: `total` divided the percentage by **10**.

| call | before | now |
|---|---|---|
| `total([10, 20])` | 30 | 30 |
| `total([10, 20], discount=10)` | 0 | **27** |

I changed one line of `price.py`; `/undo` takes it back.
"""


def _chat(hands: Hands) -> None:
    hands.writes("toolrun chat --tools files,shell --workspace .")
    hands.press("Enter")
    hands.shows("\u276f")
    hands.looks(1)
    hands.writes("test_price.py fails. Find out why, and mend it.")
    hands.press("Enter")
    hands.shows("always")
    hands.looks(1.5)
    hands.writes("a")
    hands.press("Enter")
    hands.shows("discount / 100")
    hands.looks(2)
    hands.writes("y")
    hands.press("Enter")
    hands.shows("takes it back")
    hands.looks(1)


def _run(hands: Hands) -> None:
    hands.writes("echo 'What is to be paid?' | toolrun run - --tools files --workspace . > owed")
    hands.press("Enter")
    hands.shows("\u2014 2 steps")
    hands.looks(1)
    hands.writes("cat owed")
    hands.press("Enter")
    hands.looks(1)


def _demo(hands: Hands) -> None:
    hands.writes("toolrun demo")
    hands.press("Enter")
    hands.shows("tokens/s")
    hands.looks(1)


ALL: Final[dict[str, Recording]] = {
    "chat": Recording(
        "toolrun chat",
        (
            analysis("The test fails. First I run it, to see what it says.") + CHECK,
            analysis("0 instead of 27: a discount of 10 takes all of it. Let me see the code.")
            + call("read_file", '{"path":"price.py"}'),
            analysis("The discount is in percent, so it has to be divided by 100.")
            + preamble("A percentage is divided by 10 there. I mend that line.")
            + MEND,
            analysis("Mended. I run the test once more, to be sure.") + CHECK,
            analysis("Both checks pass now.") + final(ANSWER),
        ),
        _chat,
        {"price.py": PRICE, "test_price.py": TEST},
    ),
    "run": Recording(
        "toolrun run",
        (
            analysis("I search the notes for what is open.")
            + call("search_files", '{"pattern":"open|due","ignore_case":true}'),
            analysis("Two are open: 120 and 80.")
            + final("Two bills, 200 in all: the oven (120, due in May) and the flour (80, open)."),
        ),
        _run,
        {
            "oven.txt": "Oven, repaired in April: 120, due in May\n",
            "flour.txt": "Flour, 40 kg: 80, open\n",
            "rent.txt": "Rent for May: 900, paid\n",
        },
        rows=14,
    ),
    "demo": Recording("toolrun demo", (), _demo, folder="work", columns=112, rows=36),
}
