"""Which call came to which result in a trace?"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from toolrun.events import (
    EgressDecided,
    FileChanged,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
)
from toolrun.values import FileChange, ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.trace.runs import Recorded


class RecordedCall(Struct, eq=False):
    """A call that ran when the trace was recorded.

    Attributes:
        begin: the number of its ToolCallStarted.
        end: of its ToolCallFinished; None where the trace ends before.
        told: what it told on the way: what it printed, which hosts it asked for.
        changes: what it did to the workspace.
        result: what it came to; None where the trace ends before.
        taken: how often its result has been given.
    """

    call_id: str
    name: str
    arguments: dict[str, Any]
    begin: int
    end: int | None = None
    told: list[ToolOutput | EgressDecided] = msgspec.field(default_factory=list)
    changes: list[FileChange] = msgspec.field(default_factory=list)
    result: ToolResult | None = None
    taken: int = 0

    @property
    def cut(self) -> bool:
        """Whether the turn, or the recording, was stopped before it had come to an end."""
        return self.result is None or self.result.outcome == "cancelled"


class RecordedCalls:
    """The calls of a trace, to be found by what is called.

    Args:
        events: of the trace.
        begin: the number of the first that is not what the session began with.
    """

    def __init__(self, events: Sequence[Recorded], begin: int = 1) -> None:
        self._by_id: dict[tuple[str, str], list[RecordedCall]] = defaultdict(list)
        self._by_arguments: dict[tuple[str, bytes], list[RecordedCall]] = defaultdict(list)
        self._unstarted: dict[str, list[RecordedCall]] = defaultdict(list)
        running: dict[str, RecordedCall] = {}
        for index in range(begin, len(events)):
            match events[index]:
                case ToolCallStarted() as event:
                    call = RecordedCall(event.call_id, event.name, event.arguments, index)
                    running[event.call_id] = call
                    self._by_id[event.name, event.call_id].append(call)
                    self._by_arguments[event.name, exact(event.arguments)].append(call)
                case ToolOutput() | EgressDecided() as event if event.call_id in running:
                    running[event.call_id].told.append(event)
                case FileChanged() as event if event.call_id in running:
                    running[event.call_id].changes.append(event.file)
                case ToolCallFinished() as event if event.call_id in running:
                    call = running.pop(event.call_id)
                    call.result, call.end = event.result, index
                case ToolCallFinished(result=ToolResult(outcome="cancelled")) as event:
                    cut = RecordedCall(event.call_id, event.name, {}, index, index)
                    cut.result = event.result
                    self._unstarted[event.call_id].append(cut)
                case _:
                    pass

    def take(self, name: str, call_id: str, arguments: dict[str, Any]) -> RecordedCall | None:
        """The recorded call that this is: of the same id, else with the same arguments.

        Of several the first that was not taken yet; of those that were all taken, the last: a
        model that calls once more than it did is told the same.
        """
        wanted = exact(arguments)
        same = self._by_arguments.get((name, wanted), [])
        by_id = self._by_id.get((name, call_id), [])
        # Some models number the calls of each step anew: the arguments say which is meant.
        for calls in ([call for call in by_id if exact(call.arguments) == wanted], same):
            if (call := next((call for call in calls if not call.taken), None)) is not None:
                call.taken += 1
                return call
        if same:
            same[-1].taken += 1
            return same[-1]
        return None

    def of(self, name: str, call_id: str) -> RecordedCall | None:
        """The recorded call of an id, whatever its arguments; the first that was not taken yet.

        One that was cancelled before it ran is found, too.
        """
        calls = [*self._by_id.get((name, call_id), ()), *self._unstarted.get(call_id, ())]
        call = next((call for call in calls if not call.taken), None)
        if call is not None:
            call.taken += 1
        return call


def exact(arguments: Any) -> bytes:
    """JSON values in a form that is the same for the same ones."""
    return msgspec.json.encode(arguments, order="sorted")
