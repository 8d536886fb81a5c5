"""How do many sessions go through many turns, while the server fails now and then?

`run_load` asks; `tell` normalises what the sessions' journals hold, so that two runs can be
compared.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args

import anyio
import msgspec
from msgspec import structs

from tests.rig.mock import Call, MockServer, Step
from tests.rig.mock_steps import Fault
from toolrun import (
    Answer,
    AssistantMessage,
    Event,
    ReasoningDelta,
    Retried,
    Retries,
    Runtime,
    Session,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolMessage,
    ToolrunError,
    TurnFinished,
    tool,
)
from toolrun.testing import Events, FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE: Final = 0.1
SEED: Final = 7
ANY_FAULT: Final[tuple[Fault, ...]] = get_args(Fault)
UNTIMED: Final[tuple[Fault, ...]] = tuple(
    fault for fault in ANY_FAULT if fault not in ("hang_early", "hang_midway")
)
"""All but those that only a time-out ends: when that runs out is the machine's to say."""
PATIENCE: Final = 20
"""Times that a turn is gone on with before it counts as one that never ends."""
_ENDED: Final = re.compile(r"(the connection ended before the reply was whole): .*", re.DOTALL)


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Say how warm it is."""
    return f"20 degrees in {city}"


@tool(trusted=True)
def high_tide(port: str) -> dict[str, str]:
    """Say when the tide is high."""
    return {"port": port, "at": "12:34"}


WEATHER: Final = Call("get_weather", '{"city":"Paris"}')
TIDE: Final = Call("high_tide", '{"port":"Brest"}')
SCRIPTS: Final[dict[str, tuple[Step, ...]]] = {
    "one": (Step("Need the weather.", tool_calls=(WEATHER,)), Step("Got it.", "It is warm.")),
    "both": (
        Step("Both at once.", "I look.", tool_calls=(WEATHER, TIDE)),
        Step("Got both.", "Warm, at high tide."),
    ),
    "in turn": (
        Step("The tide first.", tool_calls=(TIDE,)),
        Step("Now the weather.", tool_calls=(WEATHER,)),
        Step("Got both.", "High tide, and warm."),
    ),
}


@dataclass
class Load:
    """What came of a load.

    Attributes:
        answers: turns that ended in the answer of their script, at once or gone on with.
        errors: of turns, by their class and code.
        retried: steps that were sampled again, by the code of what went wrong.
        events: of all sessions, in order of arrival.
        transcripts: the messages of each session as it was closed.
    """

    turns: int = 0
    answers: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    events: Events = field(default_factory=Events)
    transcripts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.turns} turns in {self.seconds:.1f} s: {self.answers} answers, "
            f"{self.errors.total()} errors {dict(self.errors.most_common())}, "
            f"{self.retried.total()} retries {dict(self.retried.most_common())}"
        )


class StillClock(FakeClock):
    """A clock that stands still: one that all sessions move shows each the others' waits."""

    def advance(self, seconds: float) -> None:
        assert seconds >= 0


async def run_load(
    mock: MockServer,
    *,
    sessions: int,
    turns: int,
    at_once: int,
    faults: Sequence[Fault] = ANY_FAULT,
    seed: int = SEED,
    clock: FakeClock | None = None,
    **options: Any,
) -> Load:
    """Have so many sessions take so many turns each, half of them streamed."""
    mock.reset()
    for name, steps in SCRIPTS.items():
        mock.script(*steps, name=name)
    load, gate = Load(), anyio.Semaphore(at_once)
    mine: dict[str, Any] = {"model": mock.model, "base_url": mock.url, "retries": Retries(1)}
    mine |= {"tools": [get_weather, high_tide], "clock": clock or FakeClock()} | options
    async with Runtime(**mine) as runtime:
        # Before the first call a server may be one without a tool parser; what it then loses is
        # judged by what other sessions have lost.
        mock.settings(keep=0, seed=seed)
        async with runtime.session("first") as session:
            await _turn(load, session, "one", streamed=False)
        load.turns = load.answers = 0
        mock.settings(fault_rate=RATE, faults=faults)

        async def talk(number: int) -> None:
            async with gate, runtime.session(f"s{number}", sinks=[load.events]) as session:
                for turn in range(turns):
                    name = list(SCRIPTS)[(number + turn) % len(SCRIPTS)]
                    await _turn(load, session, name, streamed=(number // 3 + turn) % 2 == 0)
                check_transcript(session)
                load.transcripts[session.id] = session.messages()

        began = time.monotonic()
        async with anyio.create_task_group() as group:
            for number in range(sessions):
                group.start_soon(talk, number)
        load.seconds = time.monotonic() - began
        for kept in list(load.transcripts.values())[:: max(1, sessions // 20)]:
            async with runtime.session(messages=kept) as again:
                assert again.messages() == kept
    load.retried = Counter(event.code for event in load.events.of(Retried))
    return load


async def _turn(load: Load, session: Session, script: str, *, streamed: bool) -> None:
    """Take a turn, and go on with it until it has its answer."""
    load.turns += 1
    text = f"[[script:{script}]] {session.id}, turn {session.state.turn + 1}"
    for attempt in range(PATIENCE):
        try:
            answer = await _asked(session, None if attempt else text, streamed=streamed)
        except ToolrunError as error:
            load.errors[f"{type(error).__name__} {getattr(error, 'code', '')}"] += 1
            check_failed(session, str(error))
        else:
            assert answer.status == "finished", f"{session.id}: {answer.status}, {answer.limit}"
            assert answer.text == SCRIPTS[script][-1].content
            load.answers += 1
            return
    raise AssertionError(f"{session.id}: no answer after {PATIENCE} times. {load}")


async def _asked(session: Session, text: str | None, *, streamed: bool) -> Answer:
    if not streamed:
        return await (session.go_on() if text is None else session.ask(text))
    async with session.stream_on() if text is None else session.stream(text) as events:
        async for _ in events:
            pass
    assert events.answer is not None
    return events.answer


def check_failed(session: Session, why: str) -> None:
    """The journal says that the turn failed, and why."""
    finished = session.state.finished
    assert finished is not None
    assert finished.status == "failed"
    assert finished.error is not None
    assert why
    assert finished.error.endswith(why)


def check_transcript(session: Session) -> None:
    """Each call has one result, behind its message and in its order; nothing else stands there."""
    messages = iter(session.transcript)
    for message in messages:
        assert not isinstance(message, ToolMessage), f"{session.id}: a result without its call"
        if isinstance(message, AssistantMessage):
            for call in message.tool_calls:
                result = next(messages)
                assert isinstance(result, ToolMessage), f"{session.id}: a call without its result"
                assert (result.call_id, result.name) == (call.id, call.name)


def tell(events: Sequence[Event]) -> dict[str, list[str]]:
    """Each session's events as lines, without what no seed decides.

    - Wall times of steps and calls are 0.
    - The calls of one message run at once: which of them begins first is the scheduler's to say.
      Here they stand in the order of the message, each with its own events in their order.
    - Deltas that a retry or a failure made void are left out: how much of a reply arrives before
      its connection is reset is the kernel's to say.
    - The transport's own words for a connection that ended are left out: they are aiohttp's on
      asyncio, httpx's on trio.
    - `seq` and `sub` are the numbers of the lines, which these changes move; that `seq` has no
      gaps is asserted here.
    """
    told: dict[str, list[str]] = {}
    for name in dict.fromkeys(event.session for event in events):
        mine = [event for event in events if event.session == name]
        durable = [event.seq for event in mine if event.durable]
        assert durable == list(range(1, len(durable) + 1))
        told[name] = [_line(event) for event in _ordered(_valid(mine))]
    return told


def _valid(events: Sequence[Event]) -> list[Event]:
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Retried | TurnFinished):
            failed = isinstance(event, Retried) or event.status == "failed"
            while failed and isinstance(kept[-1], ReasoningDelta | TextDelta):
                kept.pop()
        kept.append(event)
    return kept


def _ordered(events: Sequence[Event]) -> list[Event]:
    ordered: list[Event] = []
    order: dict[str, int] = {}
    block: list[Event] = []

    def flush() -> None:
        block.sort(key=lambda event: order[getattr(event, "call_id")])  # noqa: B009
        ordered.extend(block)
        block.clear()

    for event in events:
        if isinstance(event, ToolCallStarted | ToolCallFinished):
            block.append(event)
            continue
        flush()
        if isinstance(event, AssistantMessage):
            order = {call.id: at for at, call in enumerate(event.tool_calls)}
        ordered.append(event)
    flush()
    return ordered


def _line(event: Event) -> str:
    if isinstance(event, StepFinished):
        event = structs.replace(event, seconds=0.0, first_token=None)
    if isinstance(event, ToolCallFinished):
        event = structs.replace(event, result=structs.replace(event.result, seconds=0.0))
    if isinstance(event, Retried):
        event = structs.replace(event, reason=_ENDED.sub(r"\1", event.reason))
    if isinstance(event, TurnFinished) and event.error is not None:
        event = structs.replace(event, error=_ENDED.sub(r"\1", event.error))
    return msgspec.json.encode(structs.replace(event, seq=0, sub=0)).decode()
