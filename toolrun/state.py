"""What do the durable events of a session add up to?

A session has no state but `fold(durable events)`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Compacted,
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
from toolrun.shortening import Shortened, covered, shortened, up_to
from toolrun.transcript import Message, ToolMessage
from toolrun.values import (
    FileChange,
    OnCrash,
    Rule,
    ToolCall,
    ToolResult,
    Usage,
    differing,
    holding,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toolrun.values import Json


class State:
    """What a session's durable events add up to.

    Attributes:
        opened: how the session began; None before that.
        settings: by name, as JSON values.
        on_crash: what becomes of a cut-off call of each tool.
        transcript: the messages, in order.
        shortened: how `sent` differs from it.
        turn: its number, from 1; 0 before the first.
        step: its number in the turn.
        finished: how the last turn ended; None while it runs.
        limit: that ended the last turn.
        turns_from: where each turn begins in the transcript.
        turn_results: of the calls of the turn, by step and id.
        usage: tokens of all steps and summaries.
        results: of the calls of the last message, by id.
        pending: the calls that wait for a decision, by id.
        decided: what was decided of calls of the last message, by id.
        standing: rules for calls that run without being asked about.
    """

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.settings: dict[str, Json] = {}
        self.tools: Sequence[dict[str, Json]] = ()
        """As the model sees them."""
        self.on_crash: Mapping[str, OnCrash] = {}
        self.transcript: list[Message] = []
        self.sent: list[Message] = self.transcript
        """The messages that are sent: the transcript, unless it was compacted."""
        self.shortened: Shortened = Shortened()
        self.compactions: list[tuple[int, Compacted]] = []
        """Each with how long the transcript was then."""
        self.recalls: bool = False
        """Whether a result was ever trimmed, so that the model may read it again."""
        self.turn: int = 0
        self.step: int = 0
        self.finished: TurnFinished | None = None
        self.taken_back: bool = False
        """Whether the last turn was, and none has begun since."""
        self.left: tuple[str, ...] = ()
        """The files that could not be taken back with the turn that was taken back last."""
        self.limit: LimitReached | None = None
        self.turns_from: list[int] = []
        self.changes: list[list[FileChange]] = []
        """What the calls of each turn did to the workspace, in order: what undo takes back."""
        self.turn_results: dict[tuple[int, str], ToolResult] = {}
        self.usage: Usage = Usage()
        self.copied: int = 0
        """The number of the last event that repeats what another session's transcript held."""
        self.charged: list[AssistantMessage | Compacted] = []
        """The last step and what was summarised since: what an account is told of."""
        self.summed_up: Usage = Usage()
        """What summaries of the turn took; it is part of `usage`."""
        self.results: dict[str, ToolResult] = {}
        self.started: dict[str, ToolCallStarted] = {}
        """The calls of the last message that began, each as it began last."""
        self.redecided: set[str] = set()
        """Those of `started` that were decided upon after they began."""
        self.begun: set[tuple[int, str]] = set()
        """The calls of the turn that began: the step and the id of each."""
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
        """Whether a turn has begun and not ended, nor been taken back."""
        return self.turn > 0 and self.finished is None and not self.taken_back

    def repeats(self, call_id: str) -> int:
        """How often the turn has made this call, a call of the last message: 1 for the first time.

        Two calls are the same if their names and the texts of their arguments are.

        Args:
            call_id: of the call.
        """
        return self._repeats.get(call_id, 0)

    def approves(self, tool: str, arguments: Mapping[str, Json]) -> bool:
        """Whether a call was approved together with an earlier one.

        Args:
            tool: its name.
            arguments: of the call.
        """
        return any(rule.matches(tool, arguments) for rule in self.standing)

    def apply(self, event: Event) -> None:  # noqa: C901, PLR0912 - one table, an arm for each event
        """Fold one durable event in.

        Args:
            event: the next one; observed ones change nothing.
        """
        match event:
            case AssistantMessage():
                self._answered(event)
            case UserMessage():
                self._asked(event)
            case ToolCallStarted():
                self.started[event.call_id] = event
                self.begun.add((self.step, event.call_id))
                self.redecided.discard(event.call_id)
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
                self.left = event.left
                self._undone()
            case Compacted():
                self._compacted(event)
            case ForkedFrom():
                self.standing = list(event.standing)
                self.copied = event.seq + event.copied
            case SessionOpened():
                self.opened = event
                self.settings = dict(event.settings)
                self.tools, self.on_crash = event.tools, event.on_crash
            case SettingsChanged():
                self._changed(event.settings)
            case _:
                pass

    def _asked(self, message: UserMessage) -> None:
        self.taken_back = False
        self.turn += 1
        self.step = 0
        self.finished = self.limit = None
        self.turns_from.append(len(self.transcript))
        self.changes.append([])
        self.turn_results = {}
        self.begun = set()
        self._made.clear()
        self.summed_up = Usage()
        self._said_on(message)

    def _undone(self) -> None:
        """The turn is gone from the transcript; what it used, and its number, stay used."""
        self.taken_back = True
        begin = self.turns_from.pop()
        self.changes.pop()
        # A new list: others may still hold the old one, such as a request.
        self.transcript = self.transcript[:begin]
        self.sent = self.transcript
        if self.compactions:
            self.compactions = up_to(self.compactions, begin)
            self._shorten()
        self.finished = self.limit = None
        self.turn_results = {}
        self.pending = {}
        self.calls = ()

    def _said_on(self, message: Message) -> None:
        self.transcript.append(message)
        if self.sent is not self.transcript:
            self.sent.append(message)

    def _compacted(self, event: Compacted) -> None:
        self.compactions.append((len(self.transcript), event))
        self.recalls = self.recalls or bool(event.results)
        self.usage += event.usage
        if event.summary:
            self.charged.append(event)
        self.summed_up += event.usage
        self._shorten(event.after)

    def _shorten(self, tokens: int = 0) -> None:
        """Make what is sent anew of the transcript."""
        events = [event for _, event in self.compactions]
        covers = covered(events)
        turns = sum(isinstance(each, UserMessage) for each in self.transcript[:covers])
        self.sent = shortened(self.transcript, events) if events else self.transcript
        at = self.compactions[-1][0] if events else 0
        self.shortened = Shortened(
            self.shortened.times + 1,
            max(at - covers + bool(covers), 0),
            max(turns - 1, 0),
            tokens,
        )

    def _answered(self, message: AssistantMessage) -> None:
        self.step += 1
        self.finished = self.limit = None
        self.usage += message.usage
        self.charged = [message]
        self._said_on(message)
        self.calls = message.tool_calls
        self.results = {}
        self.started = {}
        self.redecided = set()
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
            for call in self.calls:
                self._said_on(ToolMessage(call.id, call.name, self._said[call.id]))
            self.calls = ()

    def _changed(self, settings: Mapping[str, Any]) -> None:
        changed = dict(settings)
        if (tools := changed.pop("tools", None)) is not None:
            others = differing(self.tools, tools)
            self.standing = holding(self.standing, others)
            # What was approved, and has not begun, was approved of the tool as it was.
            new = {each.id for each in self.calls if each.name in others} - self.started.keys()
            kept = self.decided.items()
            self.decided = {k: v for k, v in kept if k not in new or v.decision == "deny"}
            self.tools = tools
        if (standing := changed.pop("standing", None)) is not None:
            self.standing = msgspec.convert(standing, list[Rule])
        self.on_crash = changed.pop("on_crash", self.on_crash)
        self.settings = {**self.settings, **changed}

    def _decided(self, event: ApprovalDecided) -> None:
        self.pending.pop(event.call_id, None)
        if event.call_id in self.started:  # once more, after a crash: with the arguments it had
            self.redecided.add(event.call_id)
            before = self.decided.get(event.call_id)
            if event.arguments is None and before is not None:
                event = structs.replace(event, arguments=before.arguments)
        self.decided[event.call_id] = event
        if event.rule is not None:
            self.standing.append(event.rule)


def fold(events: Iterable[Event]) -> State:
    """The state that durable events, in order, add up to; observed ones are passed over.

    Args:
        events: of one session, from its first.
    """
    state = State()
    for event in events:
        if event.durable:
            state.apply(event)
    return state


def retold(state: State) -> list[Durable]:
    """Events that add up to the same transcript, open calls and end of the last turn.

    They add up to the same that is sent of it, too.
    """
    events: list[Durable] = []
    compactions = list(state.compactions)
    for count, message in enumerate(state.transcript, 1):
        events.append(
            ToolCallFinished(message.call_id, message.name, ToolResult(message.content))
            if isinstance(message, ToolMessage)
            else message
        )
        while compactions and compactions[0][0] <= count:
            events.append(compactions.pop(0)[1])
    if state.open_calls:
        # The last message's calls: some have an outcome, the others wait.
        events += [
            ToolCallFinished(call.id, call.name, state.results[call.id])
            for call in state.calls
            if call.id in state.results
        ]
        events += [state.started[call.id] for call in state.open_calls if call.id in state.started]
        events += state.pending.values()
    if state.finished is not None:
        return [*events, state.finished]
    if state.taken_back and state.turns_from:
        # Else the turn before it, whose end the transcript does not tell, would seem to run.
        events.append(TurnFinished("finished", reason="what came after it was taken back"))
    return events
