"""Are the recorded decisions made again, of the calls that they were made on, and no others?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.mock import Call, Step
from toolrun import Approve, Deny, Session, tool
from toolrun.events import ApprovalDecided
from toolrun.testing.against import ask_again
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer

ran: list[str] = []


@tool(trusted=True, approve=True)
def send(text: str) -> str:
    """Send a text."""
    ran.append(text)
    return f"sent {text}"


def _sends(mock: MockServer, *texts: str) -> None:
    mock.reset()
    steps = [
        Step("Hm.", tool_calls=(Call("send", f'{{"text":"{text}"}}', id=f"other-{text}"),))
        for text in texts
    ]
    mock.script(*steps, Step(None, "Done."))


async def test_a_parked_turn_is_decided_on_as_recorded(mock: MockServer, tmp_path: Path) -> None:
    path, new = tmp_path / "trace.jsonl", tmp_path / "new.jsonl"
    _sends(mock, "a", "b")
    async with Session(base_url=mock.url, model=mock.model, tools=[send], trace=path) as session:
        answer = await session.ask("go")
        await session.decide(answer.pending[0].call_id, Approve())
        answer = await session.go_on()
        await session.decide(answer.pending[0].call_id, Deny("not that"))
        assert (await session.go_on()).text == "Done."
    assert ran == ["a"]
    _sends(mock, "a", "b", "c")

    found = await ask_again(path, mock.url, record=new)

    assert ran == ["a"]
    assert (found.ends, found.answers, found.calls) == (True, True, False)
    assert (found.recorded.calls, found.live.calls) == (2, 3)
    decided = [
        (event.decision, event.reason)
        for event in read_trace(new).events
        if isinstance(event, ApprovalDecided)
    ]
    assert decided == [
        ("approve", ""),
        ("deny", "not that"),
        ("deny", "no decision on this call is recorded"),
    ]
    assert found.unrecorded == []
    _sends(mock, "a", "b")
    assert (await ask_again(path, mock.url)).differences == []
    ran.clear()


async def test_a_turn_that_fails_is_a_difference(mock: MockServer, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    mock.script(Step(None, "Done."), Step(None, "More."))
    async with Session(base_url=mock.url, model=mock.model, trace=path) as session:
        await session.ask("one")
        await session.ask("two")
    mock.reset()
    mock.script(Step(None, "Done.", fault="http_400"), Step(None, "More."))

    found = await ask_again(path, mock.url)

    assert not found.ends
    assert found.live.statuses == ["failed", "failed"]
    assert found.fails("calls")
