"""Does a turn of a trace become the sequence that the model read and wrote?"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from tests.unit.trace.journals import OPENED, written
from toolrun import resources
from toolrun.errors import TraceError
from toolrun.events import (
    AssistantMessage,
    ForkedFrom,
    RequestSent,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.trace.tokens import TokenRecord, token_records
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from toolrun.events import Event

_ids = itertools.count()


def sent(via: str = "harmony") -> RequestSent:
    return RequestSent("d", 1, [], via=via)


def called(
    rendered: Sequence[int], sampled: Sequence[int], continues: int = 0, **more: Any
) -> tuple[Event, ...]:
    """A step that calls a tool, and the call."""
    call = ToolCall(f"c{next(_ids)}", "f", "{}")
    return (
        sent(),
        AssistantMessage(
            tool_calls=(call,),
            finish_reason="stop",
            rendered_token_ids=tuple(rendered),
            token_ids=tuple(sampled),
            continues=continues,
            **more,
        ),
        ToolCallStarted(call.id, "f", {}),
        ToolCallFinished(call.id, "f", ToolResult("1")),
    )


def answered(
    rendered: Sequence[int], sampled: Sequence[int], continues: int = 0, **more: Any
) -> tuple[Event, ...]:
    """A step that answers, and the end of its turn."""
    message = AssistantMessage(
        "Yes.",
        finish_reason="stop",
        rendered_token_ids=tuple(rendered),
        token_ids=tuple(sampled),
        continues=continues,
        **more,
    )
    return sent(), message, TurnFinished("finished")


def records(path: Path, *events: Event | Iterable[Event], **more: Any) -> list[TokenRecord]:
    flat: list[Event] = [OPENED]
    for each in events:
        flat += each if isinstance(each, tuple) else [each]  # type: ignore[list-item]
    written(path, flat, **more)
    found = token_records(path)
    for record in found:
        jsonschema.validate(msgspec.to_builtins(record), resources.schema("token-record"))
        lists = (record.completion_ids, record.completion_mask, record.logprobs)
        assert len({len(each) for each in lists if each is not None}) == 1
    return found


def test_a_turn_is_one_sequence_with_a_mask(tmp_path: Path) -> None:
    (record,) = records(
        tmp_path / "t.jsonl",
        UserMessage("Go."),
        called([1, 2, 3], [10, 11], logprobs=(-0.5, -0.25)),
        called([4], [12], 5, logprobs=(-1.0,)),
        answered([5, 6], [13], 7, logprobs=(-2.0,)),
    )
    assert record == TokenRecord(
        session="s",
        turn=1,
        segment=1,
        model="m",
        status="finished",
        prompt_ids=[1, 2, 3],
        completion_ids=[10, 11, 4, 12, 5, 6, 13],
        completion_mask=[1, 1, 0, 1, 0, 0, 1],
        logprobs=[-0.5, -0.25, 0.0, -1.0, 0.0, 0.0, -2.0],
        steps=[1, 2, 3],
        finish_reasons=["stop", "stop", "stop"],
    )


def test_a_second_turn_reads_the_first_as_its_prompt(tmp_path: Path) -> None:
    first, second = records(
        tmp_path / "t.jsonl",
        UserMessage("Go."),
        called([1, 2], [10]),
        answered([3], [11], 3),
        UserMessage("On."),
        answered([4, 5], [12], 2),  # the first turn's reasoning is gone: its beginning is kept
    )
    assert (first.turn, first.prompt_ids, first.completion_ids) == (1, [1, 2], [10, 3, 11])
    assert (second.turn, second.prompt_ids, second.completion_ids) == (2, [1, 2, 4, 5], [12])
    assert second.steps == [1]


def test_a_prompt_that_begins_anew_within_a_turn_begins_a_segment(tmp_path: Path) -> None:
    found = records(
        tmp_path / "t.jsonl",
        UserMessage("Go."),
        called([1, 2], [10, 11], logprobs=(-1.0, -1.0)),
        called([3], [12], 3),  # the last id of the step before is not read again
        answered([4], [13], 5),
    )
    assert [(r.segment, r.prompt_ids, r.completion_ids) for r in found] == [
        (1, [1, 2], [10, 11]),
        (2, [1, 2, 10, 3], [12, 4, 13]),
    ]
    assert [r.steps for r in found] == [[1], [2, 3]]
    assert [r.logprobs for r in found] == [[-1.0, -1.0], None]


def test_log_probabilities_of_some_steps_alone_are_none(tmp_path: Path) -> None:
    (record,) = records(
        tmp_path / "t.jsonl", UserMessage("Go."), called([1], [2], logprobs=(-1.0,)),
        answered([3], [4], 2),
    )  # fmt: skip
    assert record.logprobs is None


def test_tokens_of_a_server_that_says_whole_prompts_do(tmp_path: Path) -> None:
    def said(prompt: Sequence[int], sampled: Sequence[int]) -> tuple[Event, ...]:
        message = AssistantMessage(
            "Hm.", token_ids=tuple(sampled), prompt_token_ids=tuple(prompt), finish_reason="stop"
        )
        return sent(""), message

    found = records(
        tmp_path / "t.jsonl", UserMessage("Go."), said([1, 2], [3]), said([1, 2, 3, 4], [5]),
        said([1, 2, 9], [6]),
    )  # fmt: skip
    assert [(r.prompt_ids, r.completion_ids, r.status) for r in found] == [
        ([1, 2], [3, 4, 5], None),
        ([1, 2, 9], [6], None),
    ]


def test_what_was_undone_is_left_out(tmp_path: Path) -> None:
    found = records(
        tmp_path / "t.jsonl",
        *(UserMessage("Go."), answered([1], [2])),
        *(UserMessage("On."), answered([3], [4], 2)),
        *(UserMessage("And?"), TurnFinished("failed")),
        *(TurnUndone(), TurnUndone()),
        *(UserMessage("Else."), answered([5], [6], 2)),
    )
    assert [(r.turn, r.prompt_ids) for r in found] == [(1, [1]), (4, [1, 2, 5])]


def test_a_fork_gives_its_own_turns(tmp_path: Path) -> None:
    copies = (UserMessage("Go."), answered([1], [2])[1])
    found = records(
        tmp_path / "t.jsonl",
        *(ForkedFrom("parent", 9, len(copies)), *copies),
        *(UserMessage("On."), answered([3], [4], 2)),
    )
    assert [(r.prompt_ids, r.completion_ids) for r in found] == [([1, 2, 3], [4])]


def test_a_step_over_chat_completions_has_no_tokens(tmp_path: Path) -> None:
    with pytest.raises(
        TraceError, match=r"t\.jsonl, line 5: step 1 of turn 1 was not sampled"
    ) as e:
        records(
            tmp_path / "t.jsonl", UserMessage("Go."), sent(""), AssistantMessage("Yes.")
        )  # fmt: skip
    assert 'via="harmony"' in str(e.value)


def test_tokens_that_were_redacted_are_missed(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"step 1 of turn 1 .* redacted"):
        records(
            tmp_path / "t.jsonl",
            *(UserMessage("The key is sesame."), answered([1, 2], [3])),
            secrets=["sesame"],
        )


def test_a_step_that_continues_more_than_there_is_is_said(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="continues 9 tokens of the step before, which has 2"):
        records(
            tmp_path / "t.jsonl", UserMessage("Go."), called([1], [2]), answered([3], [4], 9)
        )  # fmt: skip


def test_a_step_that_does_not_say_what_it_was_asked_has_no_sequence(tmp_path: Path) -> None:
    message = AssistantMessage("Yes.", finish_reason="stop", token_ids=(3,))
    with pytest.raises(TraceError, match=r"line 5: step 1 of turn 1 was not sampled .*harmony"):
        records(tmp_path / "t.jsonl", UserMessage("Go."), sent(), message)
