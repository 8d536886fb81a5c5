"""Does a trace grow with what was said, and not with its square? Bytes, counted."""

from __future__ import annotations

import itertools
import json
import random
import re
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
import pytest

from tests.unit.trace.journals import OPENED
from toolrun.events import (
    AssistantMessage,
    ReasoningDelta,
    RequestSent,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    UserMessage,
)
from toolrun.journal import Journal
from toolrun.trace.reader import read_trace
from toolrun.trace.writer import TraceSink
from toolrun.transcript import message_to_openai
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS: Final = 100
RESULTS: Final = (40, 300, 2_000, 120, 16_000, 700, 60, 4_000, 250, 8_000)
"""Characters of the results of calls, in turns."""
_WORDS: Final = re.findall(
    r"\w+",
    """the a of to in is we need call function with path file and then count lines that it returns
    user asks about weather data should answer parse result so let me check whether value error
    configuration repository implementation documentation performance""",
)
_TOKEN: Final = re.compile(r" ?[A-Za-z]{1,7}|\s*\d{1,3}|\s|[^A-Za-z\d\s]")
"""About what o200k makes of English: 4 to 5 characters a token."""


class Recorded:
    """A session of rounds, as a model over Chat Completions has it, in a file.

    Args:
        path: of the trace.
        rate: pieces a second, each in a network read of its own; None: replies are not streamed.
        results: whether tools give anything of length.
    """

    def __init__(self, path: Path, rate: int | None, *, results: bool = True) -> None:
        self._rate = rate
        self._results = results
        self._random = random.Random(8)
        self._now = 1_795_749_051.4321
        self._sink = TraceSink(path, session="c19a1ac8d047672d", clock=lambda: self._now)
        self._journal = Journal("c19a1ac8d047672d", [self._sink], clock=self._tick)
        self._sent = 0
        self.pieces = 0

    def _tick(self) -> float:
        self._now += 0.0001
        return self._now

    @property
    def messages(self) -> int:
        """The bytes of the messages, as Chat Completions has them, each alone."""
        said = self._journal.state.transcript
        return sum(len(msgspec.json.encode(message_to_openai(message))) for message in said)

    async def run(self) -> None:
        journal = self._journal
        await journal.record(OPENED)
        await journal.record(UserMessage(self._text(200)))
        for number, size in zip(range(ROUNDS), itertools.cycle(RESULTS)):
            arguments = {"path": f"src/{self._text(20)}.py", "query": self._text(60)}
            call = ToolCall(f"chatcmpl-tool-{number:032x}", "search_files", json.dumps(arguments))
            await self._step(self._text(self._random.randint(150, 900)), None, (call,))
            await journal.record(ToolCallStarted(call.id, call.name, arguments, "workspace-ro"))
            self._now += 0.05
            content = self._text(size if self._results else 40, "\n")
            result = ToolResult(content, "ok", 0.05)
            await journal.record(ToolCallFinished(call.id, call.name, result))
        await self._step(self._text(600), self._text(1200), ())
        await journal.record(TurnFinished("finished"))
        self._sink.close()

    async def _step(self, reasoning: str, text: str | None, calls: tuple[ToolCall, ...]) -> None:
        journal = self._journal
        said = journal.state.transcript[self._sent :]
        self._sent += len(said)
        journal.sampling = True
        digest = f"{self._random.getrandbits(256):064x}"
        adds = [message_to_openai(message) for message in said]
        journal.observe(RequestSent(digest, 123_456, adds, "vLLM 0.32.0", self._rate is not None))
        self._now += 0.1
        if self._rate is not None:
            self._stream(ReasoningDelta, reasoning)
            self._stream(TextDelta, text or "")
        usage = Usage(12_345, 432, 12_000, 321)
        journal.observe(StepFinished(1.234567, 0.123456, usage))
        identity = f"chatcmpl-{self._random.getrandbits(128):032x}"
        why = "tool_calls" if calls else "stop"
        await journal.record(AssistantMessage(text, reasoning, calls, why, usage, identity))

    def _stream(self, kind: type[ReasoningDelta | TextDelta], text: str) -> None:
        assert self._rate is not None
        for piece in _TOKEN.findall(text):
            self._now += self._random.uniform(0.7, 1.3) / self._rate
            self._journal.observe(kind(piece))
            self.pieces += 1

    def _text(self, size: int, between: str = " ") -> str:
        words: list[str] = []
        length = 0
        while length < size:
            words.append(self._random.choice(_WORDS))
            length += len(words[-1]) + 1
        return "".join(
            word + (between if number % 12 == 11 else " ") for number, word in enumerate(words)
        )[:size]


def test_an_unstreamed_session_is_little_more_than_its_messages(tmp_path: Path) -> None:
    session = Recorded(tmp_path / "t.jsonl", None)
    anyio.run(session.run)
    size = (tmp_path / "t.jsonl").stat().st_size
    assert session.messages > 300_000
    assert size <= 1.3 * session.messages + 1_500 * ROUNDS
    # What it is, with some room: a format that says something twice is seen here first.
    assert size <= 1.05 * session.messages + 1_200 * ROUNDS


@pytest.mark.parametrize(("results", "times", "seen"), [(True, 4, 1.8), (False, 4, 3.7)])
@pytest.mark.parametrize("rate", [50, 100, 250])
def test_a_streamed_session_is_a_few_times_its_messages(
    rate: int, *, results: bool, times: float, seen: float, tmp_path: Path
) -> None:
    """With results of tools of some length, and where the model does all the talking."""
    session = Recorded(tmp_path / "t.jsonl", rate, results=results)
    anyio.run(session.run)
    size = (tmp_path / "t.jsonl").stat().st_size
    assert session.pieces > 10_000
    assert size <= times * session.messages
    # What it is, with some room.
    assert size <= seen * session.messages


def test_all_of_it_is_read_back(tmp_path: Path) -> None:
    session = Recorded(tmp_path / "t.jsonl", 100)
    anyio.run(session.run)
    trace = read_trace(tmp_path / "t.jsonl")
    pieces = [event for event in trace.events if isinstance(event, ReasoningDelta | TextDelta)]
    assert len(pieces) == session.pieces
