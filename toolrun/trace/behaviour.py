"""What did a session do? Its events, put together: turns, their steps, their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun import events as ev
from toolrun.trace.turns import Behaviour, Call, Step, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.values import FileChange, ToolCall


def behaviour_of(events: Iterable[ev.Event]) -> Behaviour:
    """Put the events of a session together, whether they are of a trace or happened just now.

    Args:
        events: of one session, in order.

    Returns:
        Its turns, their steps, their calls.
    """
    gathered = _Gathered()
    for event in events:
        gathered.take(event)
    return gathered.whole()


class _Gathered:
    """A session, as far as its events were told."""

    def __init__(self) -> None:
        self._opened: ev.SessionOpened | None = None
        self._session = ""
        self._settings: dict[str, Any] = {}
        self._turns: list[_Turn] = []
        self._copied_to = 0
        self._compacted = False

    def whole(self) -> Behaviour:
        opened = self._opened
        return Behaviour(
            session=self._session,
            version=opened.version if opened else "",
            date=opened.date if opened else "",
            settings=self._settings,
            tools=opened.tools if opened else [],
            turns=tuple(turn.whole() for turn in self._turns),
        )

    def take(self, event: ev.Event) -> None:
        self._session = self._session or event.session
        match event:
            case ev.SessionOpened():
                self._opened, self._settings = event, event.settings
            case ev.SettingsChanged():
                self._settings = {**self._settings, **event.settings}
            case ev.ForkedFrom():
                self._copied_to = event.seq + event.copied
            case ev.UserMessage():
                copied = 0 < event.seq <= self._copied_to
                number = event.turn or len(self._turns) + 1
                self._turns.append(_Turn(event, number, self._settings, copied=copied))
                self._turns[-1].compacted = self._compacted
            case ev.Compacted():
                self._compacted = True
                for turn in self._turns[-1:]:
                    turn.compacted = True
            case ev.TurnUndone():
                standing = [turn for turn in self._turns if not turn.undone]
                if standing:
                    standing[-1].undone = True
            case _ if self._turns:
                self._turns[-1].take(event)
            case _:
                pass


class _Turn:
    def __init__(
        self, asked: ev.UserMessage, number: int, settings: dict[str, Any], *, copied: bool
    ) -> None:
        self.undone = False
        self.compacted = False
        self._asked = asked
        self._number = number
        self._settings = settings
        self._copied = copied
        self._steps: list[_Step] = []
        self._before: list[ev.Retried | ev.Repaired | ev.StepFinished] = []
        """What was said of the step that is being sampled."""
        self._limit = ""
        self._finished: ev.TurnFinished | None = None
        self._ended = asked.time

    def whole(self) -> Turn:
        finished = self._finished
        return Turn(
            number=self._number,
            asked=self._asked.content,
            settings=self._settings,
            output=self._asked.output,
            steps=tuple(step.whole() for step in self._steps),
            status=finished.status if finished else None,
            error=(finished.error or "") if finished else "",
            limit=self._limit,
            retries=tuple(e.code or e.reason for e in self._before if isinstance(e, ev.Retried)),
            undone=self.undone,
            copied=self._copied,
            compacted=self.compacted,
            seconds=max(self._ended - self._asked.time, 0.0),
        )

    def take(self, event: ev.Event) -> None:
        self._ended = event.time
        match event:
            case ev.Retried() | ev.StepFinished() | ev.Repaired():
                self._before.append(event)
            case ev.AssistantMessage():
                number = event.step or len(self._steps) + 1
                self._steps.append(_Step(event, number, self._before))
                self._before, self._finished, self._limit = [], None, ""
            case ev.LimitReached():
                self._limit = event.limit
            case ev.TurnFinished():
                self._finished = event
            case _ if self._steps:
                self._steps[-1].take(event)
            case _:
                pass


class _Step:
    def __init__(
        self,
        said: ev.AssistantMessage,
        number: int,
        before: list[ev.Retried | ev.Repaired | ev.StepFinished],
    ) -> None:
        self._said = said
        self._number = number
        self._sampled: ev.StepFinished | None = None
        self._retries: list[str] = []
        self._calls = [(call, _Made()) for call in said.tool_calls]
        # A malformed reply may give two calls one id: what is said of it is said of the first.
        self._made = {call.id: made for call, made in reversed(self._calls)}
        for event in before:
            match event:
                case ev.StepFinished():
                    self._sampled = event
                case ev.Retried():  # what was mended of that attempt is void
                    self._retries.append(event.code or event.reason)
                    for _, made in self._calls:
                        made.repaired.clear()
                case _:
                    self.take(event)

    def whole(self) -> Step:
        said, sampled = self._said, self._sampled
        return Step(
            number=self._number,
            reasoning=said.reasoning or "",
            content=said.content or "",
            calls=tuple(made.whole(call) for call, made in self._calls),
            finish_reason=said.finish_reason,
            usage=said.usage,
            seconds=sampled.seconds if sampled else None,
            first_token=sampled.first_token if sampled else None,
            retries=tuple(self._retries),
            time=said.time,
        )

    def take(self, event: ev.Event) -> None:
        made = self._made.get(getattr(event, "call_id", ""))
        if made is not None:
            made.take(event)


class _Made:
    """What became of a call."""

    def __init__(self) -> None:
        self.repaired: list[str] = []
        self._started: ev.ToolCallStarted | None = None
        self._finished: ev.ToolCallFinished | None = None
        self._decision = ""
        self._files: list[FileChange] = []

    def whole(self, call: ToolCall) -> Call:
        started, finished = self._started, self._finished
        return Call(
            id=call.id,
            name=call.name,
            arguments=call.arguments,
            ran=started.arguments if started else None,
            profile=started.profile if started else None,
            decision=self._decision,
            outcome=finished.result.outcome if finished else None,
            content=finished.content if finished else "",
            seconds=finished.result.seconds if finished else 0.0,
            repaired=tuple(self.repaired),
            files=tuple(self._files),
        )

    def take(self, event: ev.Event) -> None:
        match event:
            case ev.ToolCallStarted():
                self._started = event
            case ev.ToolCallFinished():
                self._finished = event
            case ev.ApprovalDecided():
                self._decision = event.decision
            case ev.Repaired():
                self.repaired.append(event.what)
            case ev.FileChanged():
                self._files.append(event.file)
            case _:
                pass
