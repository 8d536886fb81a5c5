"""How do recorded turns become chat messages that gpt-oss can be fine-tuned on?

A record is one turn, and the turns before it as the model read them: without their reasoning. It
fits the chat template that gpt-oss comes with on Hugging Face, and TRL's for training: the
reasoning of a step stands in `thinking`, the arguments of a call are an object (the template would
encode a text once more), a message has one call, and never both `thinking` and a text beside a
call. The template drops the reasoning of calls that an answer follows in the same record; where a
record is one step, which ends it, that of all calls is in the text, as it was for the model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, Struct, UnsetType, structs

from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolrun.trace.turns import Behaviour, Call, Step, Turn

_MARK: Final = re.compile(r"<\|[a-z_]{1,24}\|>")
"""A special token of harmony: in a training text it would be one, whoever wrote it."""


class ChatRecord(Struct, frozen=True, kw_only=True):
    """A turn as a training record.

    Attributes:
        messages: of Chat Completions, with `thinking` where the model reasoned. `weight` is 0 on
            what is not to be learnt: the turns before, and calls that did not fit; where a record
            is a step, all but the last.
        tools: as the model was told of them.
        chat_template_kwargs: the reasoning effort, where the session set one.
    """

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | UnsetType = UNSET
    chat_template_kwargs: dict[str, Any] | UnsetType = UNSET


class ChatRecords(Struct, frozen=True):
    """The records of a trace, and what is not in them.

    Attributes:
        left_out: why each turn that has no record has none, by its number.
        preambles: how many texts beside calls were dropped: the template has no place for them.
    """

    records: list[ChatRecord]
    left_out: dict[int, str]
    preambles: int = 0


class _NotLearnt(Exception):
    """A turn that makes no record; the message says why."""


def chat_records(path: str | Path, *, unfinished: bool = False, steps: bool = False) -> ChatRecords:
    """The records of a trace, one a turn, in order.

    Turns that were undone are left out, those that a fork or `messages=` began with, and those
    from the first `Compacted` on: what the model read there is not what was said.

    Args:
        path: of the trace.
        unfinished: turns that were limited, failed, cancelled or parked make records, too: up to
            their last complete step.
        steps: one record a step instead, in which all before that step is only read.

    Raises:
        TraceError: the file is no trace.
    """
    return records_of(behaviour_of(read_trace(path).events), unfinished=unfinished, steps=steps)


def records_of(session: Behaviour, *, unfinished: bool = False, steps: bool = False) -> ChatRecords:
    """The same, of a session whose events stand together."""
    records: list[ChatRecord] = []
    left_out: dict[int, str] = {}
    preambles = 0
    before: list[dict[str, Any]] = []
    for turn in session.turns:
        if turn.undone:
            left_out[turn.number] = "it was undone"
            continue
        try:
            record = _record(session, before, turn, unfinished=unfinished)
            records += _by_step(record) if steps else [record]
            preambles += sum(bool(step.content and step.calls) for step in turn.steps)
        except _NotLearnt as why:
            left_out[turn.number] = str(why)
        before += [{"role": "user", "content": turn.asked}, *_messages(turn.steps, learn=False)]
    return ChatRecords(records, left_out, preambles)


def _record(
    session: Behaviour, before: Sequence[dict[str, Any]], turn: Turn, *, unfinished: bool
) -> ChatRecord:
    """A turn as a record.

    Raises:
        _NotLearnt: it makes none.
    """
    if turn.copied:
        raise _NotLearnt("it came with a fork: export the trace of the session that it is from")
    if turn.compacted:
        raise _NotLearnt("the model read less than what was said before: it was compacted")
    if turn.status is None and not unfinished:
        raise _NotLearnt("it has no end in this trace")
    if turn.status != "finished" and not unfinished:
        raise _NotLearnt(f"its status is {turn.status}")
    messages = list(_messages(turn.steps, learn=True))
    while messages and messages[-1]["role"] == "tool":  # nothing follows that could be learnt
        messages.pop()
    if not messages:
        raise _NotLearnt("the model said nothing")
    instructions = turn.settings.get("instructions")
    head = [{"role": "developer", "content": instructions}] if instructions else []
    whole = [*head, *before, {"role": "user", "content": turn.asked}, *messages]
    if (mark := _mark([whole, session.tools])) is not None:
        raise _NotLearnt(f"{mark} stands in its text, which would be a token of its own")
    for call in (call for message in whole for call in message.get("tool_calls", ())):
        if not isinstance(call["function"]["arguments"], dict):
            name = call["function"]["name"]
            raise _NotLearnt(f"the arguments of a call of {name} are no JSON object")
    effort = turn.settings.get("effort")
    return ChatRecord(
        messages=whole,
        tools=session.tools or UNSET,
        chat_template_kwargs={"reasoning_effort": effort} if effort else UNSET,
    )


def _by_step(record: ChatRecord) -> Iterator[ChatRecord]:
    """A record for each message of a record that is to be learnt."""
    read: list[dict[str, Any]] = []
    for message in record.messages:
        if message["role"] != "assistant" or "weight" in message:
            read.append(message)
            continue
        yield structs.replace(record, messages=[*read, message])
        read.append({**message, "weight": 0})


def _messages(steps: Sequence[Step], *, learn: bool) -> Iterator[dict[str, Any]]:
    """The messages of steps; those that are not to be learnt are without their reasoning."""
    for step in steps:
        thinking = step.reasoning if learn else ""
        if not step.calls:
            yield _said(step.content, thinking, learn=learn)
        for call in step.calls:
            if call.outcome is None:  # what was never answered was never sent
                continue
            # A call that did not fit was a mistake: it is read, not learnt.
            yield {
                **_said("", thinking, learn=learn and call.outcome != "invalid"),
                "tool_calls": [_called(call)],
            }
            yield {"role": "tool", "tool_call_id": call.id, "content": call.content}
            thinking = ""


def _said(content: str, thinking: str, *, learn: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    return message if learn else {**message, "weight": 0}


def _called(call: Call) -> dict[str, Any]:
    arguments = call.parsed
    return {
        "id": call.id,
        "type": "function",
        "function": {
            "name": call.name,
            "arguments": call.arguments if arguments is None else arguments,
        },
    }


def _mark(value: Any) -> str | None:
    """The first special token in the texts of messages."""
    match value:
        case str():
            found = _MARK.search(value)
            return found[0] if found else None
        case dict():
            return next((m for each in value.items() if (m := _mark(list(each)))), None)
        case list():
            return next((m for each in value if (m := _mark(each))), None)
        case _:
            return None
