"""Is everything that a session did told apart, and nothing else?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec import UNSET, structs

from toolrun import events as ev
from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.difference import Difference, differences, every_difference, fields
from toolrun.trace.reader import read_trace
from toolrun.values import FileChange, ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from toolrun.events import Event

RECORDED: Final = Path(__file__).parents[2] / "traces" / "format-1"
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Say how warm it is.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
OTHER: Final = {"type": "function", "function": {"name": "count", "parameters": {}}}


def called(name: str, arguments: str, call_id: str = "c1") -> ev.AssistantMessage:
    calls = (ToolCall(call_id, name, arguments),)
    return ev.AssistantMessage("Let me see.", "I must look.", calls, usage=Usage(10, 5))


LOOKS: Final = called("weather", '{"city":"Rome","days":[1,2]}')
SESSION: Final[tuple[Event, ...]] = (
    ev.SessionOpened("1", "2026-01-02", {"model": "m", "limits": {"steps": 5}}, [TOOL, OTHER]),
    ev.UserMessage("How warm is Rome?", time=1.0),
    ev.Retried(1, "busy", code="http-503"),
    ev.StepFinished(0.5, 0.1),
    ev.Repaired("c1", "arguments", "{", "{}"),
    LOOKS,
    ev.ApprovalDecided("c1", "approve"),
    ev.ToolCallStarted("c1", "weather", {"city": "Rome", "days": [1, 2]}, "pure"),
    ev.FileChanged.of("c1", FileChange(path="a.txt", change="created", size=3)),
    ev.ToolCallFinished("c1", "weather", ToolResult("20", seconds=0.25, note="a.txt is new")),
    ev.AssistantMessage("It is 20.", "Now I know.", finish_reason="stop", usage=Usage(20, 4)),
    ev.TurnFinished("finished", time=3.5),
)


def changed(number: int, **values: Any) -> list[Event]:
    events = list(SESSION)
    events[number] = structs.replace(events[number], **values)
    return events


def told(events: list[Event] | tuple[Event, ...]) -> list[Difference]:
    return differences(behaviour_of(SESSION), behaviour_of(events))


def test_what_happened_to_a_call_stands_with_it() -> None:
    (turn,) = behaviour_of(SESSION).turns
    first, second = turn.steps
    (call,) = turn.calls

    assert (turn.asked, turn.answer, turn.status, turn.seconds) == (
        *("How warm is Rome?", "It is 20.", "finished"),
        2.5,
    )
    assert (first.retries, first.seconds, second.seconds) == (("http-503",), 0.5, None)
    assert (call.parsed, call.ran) == ({"city": "Rome", "days": [1, 2]},) * 2
    assert (call.profile, call.decision, call.outcome) == ("pure", "approve", "ok")
    assert (call.content, call.seconds) == ("20\n\na.txt is new", 0.25)
    assert (call.repaired, call.files[0].path) == (("arguments",), "a.txt")
    assert turn.usage == Usage(30, 9)


@pytest.mark.parametrize("arguments", ["[1]", "{", "9" * 5000, "[" * 100_000])
def test_arguments_that_are_no_object_are_told_apart(arguments: str) -> None:
    events = [*SESSION[:5], called("weather", arguments)]

    assert behaviour_of(events).turns[0].calls[0].parsed is None


def test_turns_are_undone_copied_and_never_ended() -> None:
    events = [
        structs.replace(SESSION[0], seq=1),
        ev.ForkedFrom("other", 7, copied=1, seq=2),
        ev.UserMessage("One.", seq=3, turn=1),
        ev.UserMessage("Two.", seq=4, turn=2),
        ev.LimitReached("steps", 2, seq=5),
        ev.TurnFinished("limited", seq=6),
        ev.TurnUndone(seq=7),
        ev.UserMessage("Three.", seq=8, turn=3),
        ev.Retried(1, "no answer", code="nothing-said"),
    ]
    turns = behaviour_of(events).turns

    assert [turn.copied for turn in turns] == [True, False, False]
    assert [turn.undone for turn in turns] == [False, True, False]
    assert [(turn.status, turn.limit) for turn in turns] == [
        *((None, ""), ("limited", "steps")),
        (None, ""),
    ]
    assert turns[2].retries == ("nothing-said",)


def test_what_happened_before_the_first_turn_is_no_turn_s() -> None:
    events = [SESSION[0], ev.Warned("another-backend", "sandlock"), ev.TurnUndone(), *SESSION[1:]]

    assert behaviour_of(events) == behaviour_of(SESSION)


def test_the_same_is_equal_whatever_its_ids_and_times() -> None:
    other = [structs.replace(event, session="other", time=event.time + 100) for event in SESSION]
    renamed = [
        structs.replace(each, call_id="x9") if hasattr(each, "call_id") else each for each in other
    ]
    renamed[5] = structs.replace(
        called("weather", '{ "days": [1, 2.0], "city": "Rome" }', "x9"), time=7.0
    )
    renamed[3] = ev.StepFinished(9.5)

    assert told(renamed) == []
    assert told(SESSION) == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            changed(0, settings={"model": "n", "limits": {"steps": 5}}),
            Difference(what="settings", field="model", before="m", after="n"),
        ),
        (
            changed(0, settings={"model": "m", "limits": {}}),
            Difference(what="settings", field="limits.steps", before=5),
        ),
        (
            changed(0, tools=[TOOL]),
            Difference(what="tools", call="count", before=OTHER["function"]),
        ),
        (
            changed(0, tools=[OTHER, TOOL]),
            Difference(
                what="tools", field="order", before=["weather", "count"], after=["count", "weather"]
            ),
        ),
        (
            changed(1, content="How warm is it?"),
            Difference(
                turn=1, what="user message", before="How warm is Rome?", after="How warm is it?"
            ),
        ),
        (
            changed(1, output={"type": "object"}),
            Difference(turn=1, what="user message", field="output", after={"type": "object"}),
        ),
        (
            changed(2, code="http-500"),
            Difference(turn=1, step=1, what="retries", before=["http-503"], after=["http-500"]),
        ),
        (
            changed(5, reasoning=None),
            Difference(turn=1, step=1, what="reasoning", before="I must look.", after=""),
        ),
        (
            changed(10, content="It is 21."),
            Difference(turn=1, step=2, what="text", before="It is 20.", after="It is 21."),
        ),
        (
            changed(10, usage=Usage(99, 5)),
            Difference(turn=1, step=2, what="tokens", before=4, after=5),
        ),
        (
            changed(6, decision="deny"),
            Difference(
                turn=1, step=1, what="decision", call="weather", before="approve", after="deny"
            ),
        ),
        (
            changed(11, status="limited"),
            Difference(turn=1, what="status", before="finished", after="limited"),
        ),
        (
            changed(5, tool_calls=(ToolCall("c1", "weather", '{"city":"Oslo","days":[1,2]}'),)),
            Difference(
                turn=1,
                step=1,
                what="argument",
                call="weather",
                field="city",
                before="Rome",
                after="Oslo",
            ),
        ),
        (
            changed(5, tool_calls=(ToolCall("c1", "weather", '{"city":"Rome","days":[1]}'),)),
            Difference(turn=1, step=1, what="argument", call="weather", field="days[1]", before=2),
        ),
        (
            changed(5, tool_calls=(ToolCall("c1", "weather", '{"city'),)),
            Difference(
                turn=1,
                step=1,
                what="argument",
                call="weather",
                before='{"city":"Rome","days":[1,2]}',
                after='{"city',
            ),
        ),
        (
            [*SESSION[:11], ev.Retried(1, "nothing", code="nothing-said"), SESSION[11]],
            Difference(turn=1, what="retries", before=[], after=["nothing-said"]),
        ),
        (
            changed(9, result=ToolResult("20", "error", note="a.txt is new")),
            Difference(turn=1, step=1, what="outcome", call="weather", before="ok", after="error"),
        ),
        (
            changed(9, result=ToolResult("19", note="a.txt is new")),
            Difference(
                turn=1,
                step=1,
                what="result",
                call="weather",
                before="20\n\na.txt is new",
                after="19\n\na.txt is new",
            ),
        ),
        (
            changed(8, size=4),
            Difference(
                turn=1,
                step=1,
                what="result",
                call="weather",
                field="file a.txt.size",
                before=3,
                after=4,
            ),
        ),
        (
            changed(5, tool_calls=(*LOOKS.tool_calls, ToolCall("c2", "count", "{}"))),
            Difference(turn=1, step=1, what="call", after="count({})"),
        ),
        (
            [*SESSION, ev.UserMessage("And Oslo?", turn=2)],
            Difference(turn=2, what="turn", after="And Oslo?"),
        ),
    ],
)
def test_each_change_is_the_one_difference(events: list[Event], expected: Difference) -> None:
    assert told(events) == [expected]


def test_two_edits_of_a_call_differ_in_what_ran() -> None:
    def edited(city: str) -> list[Event]:
        events = changed(6, decision="edit", arguments={"city": city})
        events[7] = ev.ToolCallStarted("c1", "weather", {"city": city}, "pure")
        return events

    assert differences(behaviour_of(edited("Oslo")), behaviour_of(edited("Bonn"))) == [
        Difference(
            turn=1,
            step=1,
            what="argument",
            call="weather",
            field="edited.city",
            before="Oslo",
            after="Bonn",
        )
    ]


def test_a_schema_differs_where_it_differs() -> None:
    tool = {
        "type": "function",
        "function": {
            **TOOL["function"],  # type: ignore[dict-item]
            "parameters": {"type": "object", "properties": {"city": {"type": "integer"}}},
        },
    }
    (found,) = told(changed(0, tools=[tool, OTHER]))

    assert (found.call, found.field) == ("weather", "parameters.properties.city.type")
    assert (found.before, found.after) == ("string", "integer")


def test_a_step_that_one_side_has_more_moves_no_other() -> None:
    more = [*SESSION[:10], called("count", "{}", "c2"), *SESSION[10:]]
    (found,) = told(more)
    (missing,) = differences(behaviour_of(more), behaviour_of(SESSION))

    assert (found.what, found.before, found.after) == ("step", UNSET, "count({})")
    assert (missing.what, missing.before, missing.after) == ("step", "count({})", UNSET)


def test_only_what_differs_is_in_the_fields() -> None:
    before = {"a": [1, {"b": True}], "c": None, "same": {"x": 1}}
    after = {"a": [1.0, {"b": 1}, 3], "d": 0, "same": {"x": 1}}

    assert list(fields(before, after)) == [
        *(("a[1].b", True, 1), ("a[2]", UNSET, 3)),
        *(("c", None, UNSET), ("d", UNSET, 0)),
    ]


def test_exactly_the_same_is_the_same_in_each_field() -> None:
    assert every_difference(SESSION, SESSION) == []
    (found,) = every_difference(SESSION, changed(3, seconds=0.75))
    assert (found.field, found.before, found.after) == ("StepFinished.seconds", 0.5, 0.75)
    (ended,) = every_difference(SESSION, SESSION[:-1])
    assert (ended.before, ended.after) == ("TurnFinished", UNSET)
    (other,) = every_difference(SESSION, [*SESSION[:-1], ev.TurnUndone(), SESSION[0]])
    assert (other.before, other.after) == ("TurnFinished", "TurnUndone")


def _pairs() -> list[str]:
    names = [file.stem.removesuffix("-streamed") for file in RECORDED.glob("*-streamed.jsonl")]
    return sorted(name for name in names if (RECORDED / f"{name}.jsonl").exists())


@pytest.mark.parametrize("name", _pairs())
def test_what_a_real_server_streamed_is_what_it_said_at_once(name: str) -> None:
    once = behaviour_of(read_trace(RECORDED / f"{name}.jsonl").events)
    streamed = behaviour_of(read_trace(RECORDED / f"{name}-streamed.jsonl").events)
    # Two of them ask with a random word, so that no answer comes from a cache.
    found = [each for each in differences(once, streamed) if each.what != "user message"]

    assert found == []
