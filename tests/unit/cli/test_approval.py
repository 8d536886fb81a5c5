"""Does a person's word decide on a call, and nothing else?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.cli.approval import decide
from toolrun.cli.screen import Screen
from toolrun.decisions import Approve, Decision, Deny
from toolrun.events import ApprovalRequested

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = [ApprovalRequested("c1", "rm", {}, "asks"), ApprovalRequested("c2", "mv", {}, "asks")]


class Words:
    """A reader that says what it is told; an exception is raised."""

    def __init__(self, *words: str | type[BaseException] | None) -> None:
        self._words: Iterator[Any] = iter(words)

    async def read(self, prompt: str, *, remember: bool = True) -> str | None:
        assert not remember, "a decision is no part of the history"
        word = next(self._words)
        if isinstance(word, type):
            raise word
        said: str | None = word
        return said


class Decided:
    """What of a session `decide` uses."""

    def __init__(self) -> None:
        self.decisions: dict[str, Decision] = {}

    async def decide(self, call_id: str, decision: Decision) -> None:
        self.decisions[call_id] = decision


async def decided(
    *words: str | type[BaseException] | None,
) -> tuple[bool, dict[str, Decision], str]:
    session: Any = Decided()
    file = io.StringIO()
    where = {"rm": "TRUSTED, in this process"}
    whole = await decide(session, WAITING, Words(*words), Screen(file), where)
    return whole, session.decisions, file.getvalue()


@pytest.mark.parametrize(
    ("word", "decision"),
    [
        ("y", Approve()),
        (" YES ", Approve()),
        ("a", Approve("session")),
        ("n", Deny()),
        ("not that file", Deny("not that file")),
        ("yes but only once", Deny("yes but only once")),
    ],
)
async def test_a_word_decides(word: str, decision: Decision) -> None:
    whole, decisions, shown = await decided(word, "y")
    assert whole
    assert decisions == {"c1": decision, "c2": Approve()}
    assert "rm would run: TRUSTED, in this process" in shown


async def test_an_empty_line_decides_nothing() -> None:
    _, decisions, _ = await decided("", "  ", "n", "n")
    assert decisions == {"c1": Deny(), "c2": Deny()}


@pytest.mark.parametrize("end", [None, KeyboardInterrupt])
async def test_leaving_leaves_the_rest_undecided(end: type[BaseException] | None) -> None:
    whole, decisions, shown = await decided("y", end)
    assert not whole
    assert decisions == {"c1": Approve()}
    assert "left undecided" in shown
