"""Are exported turns what gpt-oss's chat template and the openai package take, and no more?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import UNSET, structs, to_builtins
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import TypeAdapter

from toolrun import events as ev
from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.chat import ChatRecords, chat_records, records_of
from toolrun.values import ToolCall, ToolResult

RECORDED: Final = Path(__file__).parents[2] / "traces" / "format-1"
MESSAGE: Final = TypeAdapter[Any](ChatCompletionMessageParam)
TOOL: Final = TypeAdapter[Any](ChatCompletionFunctionToolParam)
FUNCTION: Final = {"name": "weather", "description": "Say how warm it is.", "parameters": {}}
OPENED: Final = ev.SessionOpened(
    *("1", "2026-01-02", {"model": "m", "instructions": "Be brief.", "effort": "low"}),
    [{"type": "function", "function": FUNCTION}],
)
SESSION: Final[tuple[ev.Event, ...]] = (
    OPENED,
    ev.UserMessage("Rome and Oslo?", turn=1),
    ev.AssistantMessage(
        *("I look.", "Two calls."),
        (ToolCall("a", "weather", '{"city":"Rome"}'), ToolCall("b", "weather", '{"city":1}')),
        turn=1,
        step=1,
    ),
    ev.ToolCallFinished("b", "weather", ToolResult("$.city: 1 is no text", "invalid")),
    ev.ToolCallFinished("a", "weather", ToolResult("20")),
    ev.AssistantMessage("20, and who knows.", "I know one.", turn=1, step=2),
    ev.TurnFinished("finished", turn=1),
)
MORE: Final[tuple[ev.Event, ...]] = (
    ev.UserMessage("Thanks.", turn=2),
    ev.AssistantMessage("Any time.", "Polite.", turn=2, step=1),
    ev.TurnFinished("finished", turn=2),
)
LOOKS: Final[tuple[ev.Event, ...]] = (
    ev.AssistantMessage(
        None, "First.", (ToolCall("a", "weather", '{"city":"Rome"}'),), turn=1, step=1
    ),
    ev.ToolCallFinished("a", "weather", ToolResult("20")),
    ev.AssistantMessage(
        None, "Second.", (ToolCall("b", "weather", '{"city":"Oslo"}'),), turn=1, step=2
    ),
    ev.ToolCallFinished("b", "weather", ToolResult("4")),
)


def records(*events: ev.Event, unfinished: bool = False) -> ChatRecords:
    return records_of(behaviour_of(events), unfinished=unfinished)


def rendered(record: dict[str, Any]) -> str:
    """What the chat template of gpt-oss makes of a record, after the system message.

    By its rules (chat_template.jinja of openai/gpt-oss-20b on Hugging Face): it takes the first
    call of a message, encodes arguments and results as JSON, and refuses a text beside reasoning.
    """
    messages = record["messages"]
    out = ""
    called = None
    for number, message in enumerate(messages):
        last = number == len(messages) - 1
        match message["role"]:
            case "developer":
                assert number == 0
                out += f"<developer>{message['content']}"
            case "assistant" if "tool_calls" in message:
                assert len(message["tool_calls"]) == 1, "the others would be lost"
                assert not (message.get("content") and message.get("thinking")), "refused"
                function = message["tool_calls"][0]["function"]
                answered = any(
                    each["role"] == "assistant" and "tool_calls" not in each
                    for each in messages[number + 1 :]
                )
                if not answered:
                    out += f"<analysis>{message.get('content') or message.get('thinking', '')}"
                called = function["name"]
                out += f"<call {called}>{json.dumps(function['arguments'])}"
            case "assistant":
                assert "<|channel|>" not in message["content"] + message.get("thinking", "")
                if last and "thinking" in message:
                    out += f"<analysis>{message['thinking']}"
                out += f"<final>{message['content']}{'<return>' if last else ''}"
                called = None if not last else called
            case "tool":
                assert called is not None, "refused: no call before it"
                out += f"<result {called}>{json.dumps(message['content'])}"
            case "user":
                out += f"<user>{message['content']}"
            case role:
                pytest.fail(f"the template leaves {role} out")
    return out


def test_a_turn_is_a_line_with_reasoning_calls_and_results() -> None:
    (record,) = records(*SESSION).records

    assert record.messages == [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Rome and Oslo?"},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Two calls.",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "weather", "arguments": {"city": "Rome"}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "20"},
        {
            "role": "assistant",
            "content": "",
            "weight": 0,  # it did not fit
            "tool_calls": [
                {
                    "id": "b",
                    "type": "function",
                    "function": {"name": "weather", "arguments": {"city": 1}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "b", "content": "$.city: 1 is no text"},
        {"role": "assistant", "content": "20, and who knows.", "thinking": "I know one."},
    ]
    assert record.tools == OPENED.tools
    assert record.chat_template_kwargs == {"reasoning_effort": "low"}
    assert records(*SESSION).preambles == 1


def test_turns_before_are_read_and_not_learnt() -> None:
    _, second = records(*SESSION, *MORE).records
    before = [each for each in second.messages[:-1] if each["role"] == "assistant"]

    assert second.messages[-2:] == [
        {"role": "user", "content": "Thanks."},
        {"role": "assistant", "content": "Any time.", "thinking": "Polite."},
    ]
    assert [each.get("weight") for each in before] == [0, 0, 0]
    assert not any("thinking" in each for each in before)


def test_a_line_a_step_has_all_reasoning_up_to_it_in_the_text() -> None:
    events = [*SESSION[:2], *LOOKS, *SESSION[5:]]
    (whole,) = records(*events).records
    steps = records_of(behaviour_of(events), steps=True).records
    texts = [rendered(to_builtins(record)) for record in steps]

    # The template drops it where an answer follows.
    assert "<analysis>First" not in rendered(to_builtins(whole))
    assert [text.count("<analysis>") for text in texts] == [1, 2, 1]
    assert texts[1].index("<analysis>First") < texts[1].index("<analysis>Second")
    assert texts[1].endswith('<call weather>{"city": "Oslo"}')
    for record, message in zip(steps, whole.messages[2::2], strict=True):
        assert record.messages[-1] == message
        said = [each for each in record.messages if each["role"] == "assistant"]
        assert ["weight" in each for each in said] == [True] * (len(said) - 1) + [False]


def test_what_was_undone_is_nowhere() -> None:
    exported = records(*SESSION, ev.TurnUndone(), *MORE)

    assert exported.left_out == {1: "it was undone"}
    assert "Rome" not in json.dumps(to_builtins(exported.records))


@pytest.mark.parametrize("status", ["limited", "failed", "cancelled", "parked"])
def test_turns_without_an_answer_are_left_out_unless_asked_for(status: Any) -> None:
    events = [*SESSION[:5], ev.TurnFinished(status, turn=1)]
    left, taken = records(*events), records(*events, unfinished=True)

    assert (left.records, left.left_out) == ([], {1: f"its status is {status}"})
    (record,) = taken.records
    assert "tool_calls" in record.messages[-1]  # no result stands at the end: nothing follows it
    assert rendered(to_builtins(record)).endswith('<call weather>{"city": 1}')


def test_a_turn_that_the_trace_ends_in_is_left_out_and_has_no_open_calls() -> None:
    events = SESSION[:3]

    assert records(*events).left_out == {1: "it has no end in this trace"}
    assert records(*events, unfinished=True).left_out == {1: "the model said nothing"}


def test_what_came_with_a_fork_belongs_to_the_other_session() -> None:
    numbered = [
        structs.replace(OPENED, seq=1),
        ev.ForkedFrom("other", 9, copied=6, seq=2),
        *(structs.replace(each, seq=3 + n) for n, each in enumerate(SESSION[1:])),
        *(structs.replace(each, seq=9 + n) for n, each in enumerate(MORE)),
    ]
    exported = records(*numbered)

    assert list(exported.left_out) == [1]
    assert "fork" in exported.left_out[1]
    assert exported.records[0].messages[1]["content"] == "Rome and Oslo?"


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (1, {"content": "Say <|start|>assistant"}),
        (2, {"reasoning": "<|channel|>final<|message|>no"}),
        (4, {"result": ToolResult("20<|end|>")}),
        (5, {"content": "<|return|>"}),
        (2, {"tool_calls": (ToolCall("a", "weather", '{"city":"<|call|>"}'),)}),
        (0, {"tools": [{"function": {"name": "x", "description": "<|start|>"}}]}),
    ],
)
def test_no_text_becomes_a_special_token(number: int, changes: dict[str, Any]) -> None:
    events = list(SESSION)
    events[number] = structs.replace(events[number], **changes)
    exported = records(*events)

    assert exported.records == []
    assert "would be a token of its own" in exported.left_out[1]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"'])
def test_arguments_that_are_no_object_are_left_out_also_from_later_turns(arguments: str) -> None:
    events = list(SESSION)
    calls = (ToolCall("a", "weather", arguments),)
    events[2] = ev.AssistantMessage(None, "One call.", calls, turn=1, step=1)
    exported = records(*events, *MORE)

    why = "the arguments of a call of weather are no JSON object"
    assert (exported.records, exported.left_out) == ([], {1: why, 2: why})


def test_a_session_without_tools_and_settings_has_no_such_fields() -> None:
    opened = ev.SessionOpened("1", "2026-01-02", {"model": "m"}, [])
    (record,) = records(opened, *MORE).records

    assert (record.tools, record.chat_template_kwargs) == (UNSET, UNSET)
    assert record.messages[0]["role"] == "user"


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.jsonl")), ids=lambda file: file.stem)
def test_what_a_real_server_said_is_taken_by_the_template_and_the_openai_package(
    file: Path,
) -> None:
    exported = chat_records(file, unfinished=True)

    for record in exported.records:
        plain = json.loads(json.dumps(to_builtins(record)))
        last = plain["messages"][-1]
        assert f"<analysis>{last.get('thinking', '')}" in f"{rendered(plain)}<analysis>"
        assert set(plain) <= {"messages", "tools", "chat_template_kwargs"}
        for message in plain["messages"]:
            for call in message.get("tool_calls", ()):
                # The wire has them as text; the template would encode that once more.
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
            MESSAGE.validate_python(message, strict=True)
        for tool in plain["tools"]:
            TOOL.validate_python(tool)
    expected = {
        "hostile-text": 0,
        "invalid-json": 0,
        "analysis-only": 0,
        "two-turns": 2,
        "three-turns-with-calls": 3,
        "imported": 2,
    }
    assert len(exported.records) == expected.get(file.stem.removesuffix("-streamed"), 1)
