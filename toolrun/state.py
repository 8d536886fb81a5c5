"""What do the durable events of a session add up to?

A session has no state but `fold(durable events)`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Durable,
    Event,
    FileChanged,
    ForkedFrom,
    LimitReached,
    SessionOpened,
    SettingsChanged,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.transcript import Message, ToolMessage
from toolrun.values import FileChange, Rule, ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class State:
    """What a session's durable events add up to."""

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.settings: dict[str, Any] = {}
        self.transcript: list[Message] = []
        self.turn = 0
        self.step = 0
        self.finished: TurnFinished | None = None
        self.limit: LimitReached | None = None
        self.turns_from: list[int] = []
        self.changes: list[list[FileChange]] = []
        """What the calls of each turn did to the workspace, in order: what undo takes back."""
        self.turn_results: dict[tuple[int, str], ToolResult] = {}
        self.usage = Usage()
        self.results: dict[str, ToolResult] = {}
        self.started: set[str] = set()
        self.pending: dict[str, ApprovalRequested] = {}
        self.decided: dict[str, ApprovalDecided] = {}
        self.standing: list[Rule] = []
        self.calls: tuple[ToolCall, ...] = ()
        """The calls of the last message, until each has an outcome."""
        self._said: dict[str, str] = {}
        self._made: Counter[tuple[str, str]] = Counter()
        self._repeats: dict[str, int] = {}

    @property
    def open_calls(self) -> list[ToolCall]:
        """The calls of the last message that have no outcome yet, in order."""
        return [call for call in self.calls if call.id not in self.results]

    @property
    def turn_from(self) -> int:
        """Where the last turn begins in the transcript."""
        return self.turns_from[-1] if self.turns_from else 0

    @property
    def running(self) -> bool:
        """Whether a turn has begun and not ended."""
        return self.turn > 0 and self.finished is None

    def repeats(self, call_id: str) -> int:
        """How often the turn has made this call, a call of the last message: 1 for the first time.

        Two calls are the same if their names and the texts of their arguments are.
        """
        return self._repeats.get(call_id, 0)

    def approves(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether a call was approved together with an earlier one."""
        return any(rule.matches(tool, arguments) for rule in self.standing)

    def apply(self, event: Event) -> None:  # noqa: C901, PLR0912 - one table, an arm for each event
        """Fold one durable event in."""
        match event:
            case AssistantMessage():
                self._answered(event)
            case UserMessage():
                self._asked(event)
            case ToolCallStarted():
                self.started.add(event.call_id)
            case ToolCallFinished():
                self._outcome(event)
            case FileChanged():
                self.changes[-1].append(event.file)
            case ApprovalRequested():
                self.pending[event.call_id] = event
            case ApprovalDecided():
                self._decided(event)
            case TurnFinished():
                self.finished = event
            case LimitReached():
                self.limit = event
            case TurnUndone():
                self._undone()
            case ForkedFrom():
                self.standing = list(event.standing)
            case SessionOpened():
                self.opened = event
                self.settings = dict(event.settings)
            case SettingsChanged():
                self.settings |= event.settings
            case _:
                pass

    def _asked(self, message: UserMessage) -> None:
        self.turn += 1
        self.step = 0
        self.finished = self.limit = None
        self.turns_from.append(len(self.transcript))
        self.changes.append([])
        self.turn_results = {}
        self._made.clear()
        self.transcript.append(message)

    def _undone(self) -> None:
        """The turn is gone from the transcript; what it used, and its number, stay used."""
        begin = self.turns_from.pop()
        self.changes.pop()
        # A new list: others may still hold the old one, such as a request.
        self.transcript = self.transcript[:begin]
        self.finished = self.limit = None
        self.turn_results = {}
        self.pending = {}
        self.calls = ()

    def _answered(self, message: AssistantMessage) -> None:
        self.step += 1
        self.finished = None
        self.usage += message.usage
        self.transcript.append(message)
        self.calls = message.tool_calls
        self.results = {}
        self.started = set()
        self.decided = {}
        self._said = {}
        self._repeats = {}
        for call in message.tool_calls:
            same = call.name, call.arguments
            self._made[same] += 1
            self._repeats[call.id] = self._made[same]

    def _outcome(self, event: ToolCallFinished) -> None:
        self.finished = None
        self.results[event.call_id] = event.result
        self._said[event.call_id] = event.content
        self.turn_results[self.step, event.call_id] = event.result
        self.pending.pop(event.call_id, None)
        if self.calls and not self.open_calls:
            self.transcript += [
                ToolMessage(call.id, call.name, self._said[call.id]) for call in self.calls
            ]
            self.calls = ()

    def _decided(self, event: ApprovalDecided) -> None:
        self.pending.pop(event.call_id, None)
        self.decided[event.call_id] = event
        if event.rule is not None:
            self.standing.append(event.rule)


def fold(events: Iterable[Event]) -> State:
    """The state that durable events, in order, add up to; observed ones are passed over."""
    state = State()
    for event in events:
        if event.durable:
            state.apply(event)
    return state


def retold(state: State) -> list[Durable]:
    """Events that add up to the same transcript, open calls and end of the last turn."""
    events: list[Durable] = [
        ToolCallFinished(message.call_id, message.name, ToolResult(message.content))
        if isinstance(message, ToolMessage)
        else message
        for message in state.transcript
    ]
    if state.open_calls:
        # The last message's calls: some have an outcome, the others wait.
        events += [
            ToolCallFinished(call.id, call.name, state.results[call.id])
            for call in state.calls
            if call.id in state.results
        ]
        events += state.pending.values()
    return [*events, state.finished] if state.finished is not None else events
