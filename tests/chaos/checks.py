"""What must hold of a session, whatever it went through?"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from tests.chaos.story import CALLS
from toolrun import events as ev
from toolrun.state import State, fold
from toolrun.transcript import ToolMessage, to_openai

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.chaos.ledger import Ledger
    from toolrun.events import Durable, Event


def check_events(events: Sequence[Durable]) -> State:
    """No gap, one outcome a call, one result a call, in the order of the calls; their state."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    outcomes = Counter(
        (event.turn, event.step, event.call_id)
        for event in events
        if isinstance(event, ev.ToolCallFinished)
    )
    assert all(count == 1 for count in outcomes.values()), outcomes
    made = {
        (event.turn, event.step, call.id)
        for event in events
        if isinstance(event, ev.AssistantMessage)
        for call in event.tool_calls
    }
    assert set(outcomes) <= made
    state = fold(events)
    check_transcript(state)
    return state


def check_transcript(state: State) -> None:
    """Behind each message with calls stands one result for each, in their order."""
    waiting: list[str] = []
    for message in state.transcript:
        if isinstance(message, ToolMessage):
            assert waiting, "a result without a call"
            assert message.call_id == waiting.pop(0)
        else:
            assert not waiting, f"no result for {waiting}"
            if isinstance(message, ev.AssistantMessage):
                waiting = [call.id for call in message.tool_calls]
    assert waiting == [call.id for call in state.calls]


def check_story(events: Sequence[Durable], ledger: Ledger) -> None:
    """The story was told to its end, and each tool was at work as often as it may be."""
    state = check_events(events)
    assert state.finished is not None
    assert state.finished.status == "finished"
    assert not state.open_calls
    deeds = check_deeds(events, ledger)
    assert len(deeds) == CALLS
    for tool, outcome, count in deeds.values():
        _check_count(tool, outcome, count)


def check_deeds(events: Sequence[Durable], ledger: Ledger) -> dict[str, tuple[str, str, int]]:
    """No tool was at work more often than it may be, and none that says so was not.

    Returns:
        Of each call its tool, its outcome, and how often the tool was at work.
    """
    session = events[0].session
    counts = {
        (tool, key.removeprefix(f"{session}.")): count
        for (tool, key), count in ledger.counts().items()
        if key.startswith(f"{session}.")
    }
    results = {
        f"{event.turn}.{event.step}.{event.call_id}": event.result.outcome
        for event in events
        if isinstance(event, ev.ToolCallFinished)
    }
    found: dict[str, tuple[str, str, int]] = {}
    for place, outcome in results.items():
        tool = place.partition(".call_")[2].partition("_")[0]
        count = counts.pop((f"do_{tool}", place), 0)
        found[place] = tool, outcome, count
        assert count <= 1 or tool == "rerun", found[place]
        assert count >= 1 or outcome != "ok", found[place]
    assert not counts, f"done under other keys: {counts}"
    return found


def _check_count(tool: str, outcome: str, count: int) -> None:
    said = f"{tool} ended as {outcome}, and was done {count} times"
    match tool:
        case "rerun":
            assert outcome == "ok", said
            assert count >= 1, said
        case "key":
            assert (outcome, count) == ("ok", 1), said
        case "ask":
            assert outcome in ("ok", "unknown"), said
            assert count == 1, said  # who denies has seen it in the ledger, who approves has not
        case "never":
            assert outcome in ("ok", "unknown"), said
            assert count == 1 if outcome == "ok" else count <= 1, said
        case _:
            raise AssertionError(said)


def messages(state: State) -> list[dict[str, Any]]:
    """The transcript, without the results of calls that a crash may leave undecided."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(to_openai(state.transcript))
    unsure = {f"call_{tool}_2" for tool in ("ask", "never")}
    return [
        {**message, "content": "?"} if message.get("tool_call_id") in unsure else message
        for message in plain
    ]


def check_seen(seen: Path, events: Sequence[Durable]) -> int:
    """What somebody heard of while it happened is stored, to the byte; how many events."""
    stored = {event.seq: event for event in events}
    count = 0
    if not seen.exists():
        return 0
    for line in seen.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # else the kill came while it was written
            heard: Event = msgspec.json.decode(line, type=ev.AnyEvent)
            assert stored.get(heard.seq) == heard, f"heard of {heard}, stored is another"
            count += 1
    return count


def shape(state: State) -> str:
    """All that a state holds, as one text: two that are equal add up to the same."""
    whole = {
        "transcript": msgspec.to_builtins(state.transcript),
        "settings": state.settings,
        "turn": state.turn,
        "step": state.step,
        "finished": msgspec.to_builtins(state.finished),
        "limit": msgspec.to_builtins(state.limit),
        "usage": msgspec.to_builtins(state.usage),
        "results": msgspec.to_builtins(state.results),
        "started": sorted(state.started),
        "pending": msgspec.to_builtins(state.pending),
        "decided": msgspec.to_builtins(state.decided),
        "standing": msgspec.to_builtins(state.standing),
        "calls": msgspec.to_builtins(state.calls),
        "turns_from": state.turns_from,
    }
    return json.dumps(whole, sort_keys=True, default=str)
