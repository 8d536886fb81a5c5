"""Does a person's word decide on a call, and nothing else?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.cli.approval import decide
from toolrun.cli.exits import Interrupted
from toolrun.cli.screen import Screen
from toolrun.decisions import Approve, Decision, Deny, Edit
from toolrun.errors import ConfigError
from toolrun.events import ApprovalRequested

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = [ApprovalRequested("c1", "rm", {}, "asks"), ApprovalRequested("c2", "mv", {}, "asks")]


class Words:
    """A reader that says what it is told; an exception is raised."""

    def __init__(self, *words: str | type[BaseException] | None) -> None:
        self._words: Iterator[Any] = iter(words)
        self.offered = ""

    async def read(self, prompt: str, *, remember: bool = True, text: str = "") -> str | None:
        assert not remember, "a decision is no part of the history"
        self.offered = text
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
        if decision == Edit({"path": 7}):
            raise ConfigError("path is a text")
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


async def test_leaving_leaves_the_rest_undecided() -> None:
    whole, decisions, _ = await decided("y", None)
    assert not whole
    assert decisions == {"c1": Approve()}


async def test_ctrl_c_ends_the_questions() -> None:
    with pytest.raises(Interrupted):
        await decided("y", KeyboardInterrupt)


async def test_arguments_can_be_changed_until_they_fit() -> None:
    words = ("e", "{", "e", '{"path": 7}', "e", '{"path": "new"}', "y")
    whole, decisions, shown = await decided(*words)
    assert whole
    assert decisions == {"c1": Edit({"path": "new"}), "c2": Approve()}
    assert "! the arguments are no JSON object" in shown
    assert "! path is a text" in shown


async def test_the_arguments_stand_there_to_be_changed() -> None:
    session: Any = Decided()
    reader = Words("e", '{"path":"b"}')
    waiting = [ApprovalRequested("c1", "rm", {"path": "a"}, "asks")]
    assert await decide(session, waiting, reader, Screen(io.StringIO()), {})
    assert reader.offered == '{"path":"a"}'
    assert session.decisions == {"c1": Edit({"path": "b"})}
