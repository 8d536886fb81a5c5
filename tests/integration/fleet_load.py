"""Two hundred sessions in flight on two servers, one of which is killed: is a turn lost, or a tool
run twice?

For mocks and for real servers. Each tool run leaves a marker: the id of its call, which is one of
the model's, and so one of a step that was recorded.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct, field

from tests.integration.load import check_transcript
from toolrun import CallContext, RequestSent, Retried, Runtime, ToolCallStarted, tool
from toolrun.testing import Events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun import Event, Session

ANSWER = "It is 20 degrees in Paris."


class Killed(Struct):
    """What came of a round.

    Attributes:
        answers: turns that ended in their answer, at once.
        lost: what the others ended in.
        runs: of the tool, by session and call.
        in_flight: steps that ran at the victim when it was killed.
        after: turns that had their answer by then.
    """

    answers: int = 0
    lost: list[str] = field(default_factory=list)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    in_flight: int = 0
    after: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    events: Events = field(default_factory=Events)


async def kill_one(
    urls: Sequence[str],
    kill: Callable[[], None],
    *,
    seed: int,
    sessions: int = 200,
    text: str,
    **options: Any,
) -> Killed:
    """Have all sessions ask at once, and kill the first server at a random one of their steps.

    Args:
        urls: of the victim, and of the server that stays.
        kill: SIGKILLs the victim.
        text: what is asked; a call of `get_weather`, then the answer.
    """
    came = Killed()
    moment = _Moment(random.Random(seed).randrange(2 * sessions))

    @tool(trusted=True)
    async def get_weather(context: CallContext, city: str, unit: str = "C") -> str:
        """Say how warm it is."""
        came.runs[context.session, context.call_id] += 1
        await anyio.lowlevel.checkpoint()
        return f"20 degrees {unit} in {city}"

    mine: dict[str, Any] = {"base_url": list(urls), "tools": [get_weather]} | options
    async with Runtime(**mine) as runtime:
        fleet = runtime.fleet

        async def talk(number: int) -> None:
            async with runtime.session(f"{seed}.{number}", sinks=[came.events, moment]) as session:
                try:
                    said = await _asked(session, f"{text} {seed}.{number}", streamed=number % 2)
                except Exception as error:  # noqa: BLE001 - each is a turn that was lost
                    came.lost.append(f"{session.id}: {type(error).__name__}: {error}")
                else:
                    assert said == ANSWER, said
                    came.answers += 1
                check_transcript(session)

        async def strike() -> None:
            await moment.come.wait()
            victim = next(each for each in fleet.status() if each.url == urls[0])
            came.in_flight, came.after = victim.in_flight, came.answers
            kill()

        async with anyio.create_task_group() as group:
            group.start_soon(strike)
            for number in range(sessions):
                group.start_soon(talk, number)
    came.counts = runtime.counts
    return came


class _Moment:
    """A sink that waits for a request of a number."""

    observes = True

    def __init__(self, number: int) -> None:
        self._left = number
        self.come = anyio.Event()

    def observe(self, event: Event) -> None:
        if isinstance(event, RequestSent):
            self._left -= 1
            if self._left < 0:
                self.come.set()

    async def record(self, event: Event) -> None:
        """Only requests count."""


async def _asked(session: Session, text: str, *, streamed: int) -> str:
    if not streamed:
        return (await session.ask(text)).text
    async with session.stream(text) as events:
        async for _ in events:
            pass
    assert events.answer is not None
    return events.answer.text


def check(came: Killed, sessions: int = 200) -> None:
    """No turn was lost, no tool ran twice, and somebody was there to notice."""
    shown = f"{came.answers} answers, {came.in_flight} in flight at the kill, {dict(came.counts)}"
    print(shown)
    assert came.lost == [], shown
    assert came.answers == sessions, shown
    assert set(came.runs.values()) == {1}, came.runs.most_common(3)
    assert len(came.runs) == sessions, "one call of each session"
    started = Counter((e.session, e.call_id) for e in came.events.of(ToolCallStarted))
    assert started == came.runs, "and each was meant"
    moved = [event for event in came.events.of(Retried) if event.elsewhere]
    assert came.counts["FailedOver"] == len(moved)
    assert came.counts["AssistantMessage"] == 2 * sessions
