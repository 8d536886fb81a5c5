"""Is a trace that was changed caught, and a toolrun that does something else than it says?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.integration.replayed import COUNT, DONE, Recording, recording, streamed
from toolrun.errors import ReplayMismatch, TraceError
from toolrun.models import chat_body
from toolrun.testing.replay import replay_trace
from toolrun.trace import cursor

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["recording", "streamed"]


Mutation = tuple[str, bytes, bytes, str]


MUTATIONS: list[Mutation] = [
    (
        "the user's words",
        b'"content":"How long',
        b'"content":"How lung',
        r"message 1 \(user\), which",
    ),
    (
        "a result",
        b'"result":{"content":"5"',
        b'"result":{"content":"6"',
        r"message 3 \(tool\), which",
    ),
    ("the reasoning", b'"reasoning":"I must', b'"reasoning":"I mist', r"message 2 \(assistant\), "),
    ("the last answer", b'"content":"Done', b'"content":"Gone', r"message 4 \(assistant\), "),
    ("the model", b'"settings":{"model":"', b'"settings":{"model":"x', "bytes differ"),
    ("a tool schema", b'"description":"Count', b'"description":"Mount', "bytes differ"),
    (
        "arguments",  # left out where they are those of the call
        b'"type":"ToolCallStarted"',
        b'"type":"ToolCallStarted","arguments":{"path":"b"}',
        r"arguments\.path",
    ),
    ("an outcome", b'"type":"TurnFinished"', b'"type":"TurnFinished","error":"x"', "error"),
    ("a digest", b'"digest":"', b'"digest":"0', "bytes differ"),
    ("a size", b'"size":', b'"size":1', "size: expected 1"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each[0] for each in MUTATIONS])
async def test_a_trace_that_was_changed_is_caught_and_the_change_named(
    recording: Recording, mutation: Mutation
) -> None:
    name, before, after, named = mutation
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, "And now?")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    # Once where it is said; what requests add to each other stays as it was.
    index = next(i for i, line in enumerate(lines) if before in line and _said(line, name))
    lines[index] = lines[index].replace(before, after, 1)
    recording.path.write_bytes(b"".join(lines))
    with pytest.raises(ReplayMismatch, match=named) as caught:
        await replay_trace(recording.path)
    assert str(caught.value).startswith("line ")


async def test_toolrun_that_drops_the_reasoning_is_caught(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
    real = chat_body._message

    def without_reasoning(*args: Any) -> tuple[bytes, bytes]:
        bare, _ = real(*args)
        return bare, bare

    monkeypatch.setattr(chat_body, "_message", without_reasoning)
    with pytest.raises(
        ReplayMismatch,
        match=r"RequestSent, turn 1, step 2.*message 2 \(assistant\): reasoning: "
        r"expected 'I must count\.', seen nothing",
    ):
        await replay_trace(recording.path)


async def test_toolrun_that_keeps_all_reasoning_is_caught(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, "And now?")
    monkeypatch.setattr("toolrun.step.reasoning_kept_from", lambda messages: 0)
    with pytest.raises(
        ReplayMismatch, match=r"turn 2, step 1.*message 2 .*: reasoning: expected nothing, seen"
    ):
        await replay_trace(recording.path)


async def test_an_event_that_does_not_come_is_named(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "STALL_S", 0.2)
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    index = next(i for i, line in enumerate(lines) if b"ToolCallFinished" in line)
    started = msgspec.json.decode(lines[index - 1])
    place = {key: started[key] for key in ("seq", "time", "turn", "step")}
    warned = {"type": "Warned", **place, "sub": 1, "code": "c", "message": "m"}
    lines.insert(index, msgspec.json.encode(warned) + b"\n")
    recording.path.write_bytes(b"".join(lines))
    with pytest.raises(ReplayMismatch, match=rf"line {index + 1} .*: expected Warned, seen Tool"):
        await replay_trace(recording.path)


async def test_a_trace_of_what_no_user_can_do_is_refused(recording: Recording) -> None:
    recording.mock.script(DONE)
    async with recording.session() as session:
        await recording.ask(session, "Hello.")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    last = msgspec.json.decode(lines[-1])
    extra = msgspec.json.encode(last | {"seq": last["seq"] + 1})
    recording.path.write_bytes(b"".join([*lines, extra + b"\n"]))
    with pytest.raises(ReplayMismatch, match=rf"line {len(lines) + 1}: there is no turn"):
        await replay_trace(recording.path)


async def test_what_is_no_session_is_no_replay(tmp_path: Path, recording: Recording) -> None:
    recording.mock.script(DONE)
    async with recording.session() as session:
        await recording.ask(session, "Hello.")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    recording.path.write_bytes(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(TraceError, match="does not begin with SessionOpened"):
        await replay_trace(recording.path)


def _said(line: bytes, name: str) -> bool:
    """Whether a line is the one that a mutation of this name is about."""
    if name in ("a digest", "a size"):
        return b'"seq":2,' in line
    return b'"type":"RequestSent"' not in line
