"""What does a person read when a replay departs from its trace?

Which request of how many, which message of it, which field, both sides; which recorded step is
nearest; and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from toolrun.errors import ReplayMismatch
from toolrun.events import ToolCallFinished, UserMessage
from toolrun.state import State
from toolrun.trace.normal import Normal
from toolrun.trace.redact import MARK
from toolrun.trace.runs import Recorded, Run
from toolrun.trace.steps import Folded, Step
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Event
    from toolrun.trace.plan import Plan
    from toolrun.trace.shown import Found
    from toolrun.transcript import Message

_REDACTED: Final = (
    "The trace was redacted there. What stands in its place is redacted, too, where the session "
    "has the same secrets and trace=Recording(patterns=..., find=...)."
)


def advice(trace: object = "the trace") -> str:
    """What a person is told to do about a difference from a trace."""
    return (
        f"If it is meant, record {trace} again (pytest --trace-mode=refresh); if not, mend what "
        "made the difference."
    )


class Nearest(Struct, frozen=True):
    """The recorded step whose messages are most like those of a request.

    Attributes:
        step: which it is.
        common: how many messages are the same, from the first on.
        messages: how many it has.
    """

    step: Step
    common: int
    messages: int


class Misses:
    """Makes the errors of one replay.

    Args:
        plan: of the trace.
        normal: takes out of texts what is not compared.
        state: of the session; None until it is there.
        do: what is said to do about a difference; as `advice` where empty.
    """

    def __init__(
        self,
        plan: Plan,
        normal: Normal | None = None,
        state: State | None = None,
        do: str = "",
    ) -> None:
        self.state: State = state or State()
        self._plan = plan
        self._normal = normal or Normal()
        self._do = do or advice()

    def place(self, index: int) -> str:
        """Where an event stands in file and session."""
        events, lines = self._plan.events, self._plan.lines
        if index >= len(events):
            return f"line {lines[-1] + 1 if lines else index + 2}"
        line = lines[index] if lines else index + 2
        event = events[index]
        kind = event.of if isinstance(event, Run) else type(event)
        return f"line {line} ({kind.__name__}, turn {event.turn}, step {event.step})"

    def step(self, number: int, index: int) -> Step:
        """The recorded step that the event of a number belongs to."""
        steps = self._plan.steps
        found = next((step for step in steps if step.begin <= index <= step.end), None)
        return found or Step(number, 0, 0, index, index)

    def request(self, step: Step, found: Found, messages: Sequence[Message]) -> ReplayMismatch:
        """A request is not the recorded one."""
        steps = self._plan.steps
        return self._made(
            f"{self.place(step.begin)}: request {step.number} of {len(steps)} is another than the "
            f"recorded one: {found.text}",
            found,
            step.number,
            messages,
        )

    def unasked(self, number: int, place: str, instead: str) -> ReplayMismatch:
        """The session asks for a step where the trace has none."""
        steps = len(self._plan.steps)
        recorded = "no request was" if not steps else f"{steps} {'was' if steps == 1 else 'were'}"
        return self._made(
            f"{place}: the session samples a step where {instead}: it is its request {number}, "
            f"and {recorded} recorded",
            None,
            number,
            self.state.transcript,
        )

    def event(self, index: int, found: Found, seen: Event) -> ReplayMismatch:
        """Another event happened than the one of this number."""
        begun = sum(1 for step in self._plan.steps if step.begin < index)
        said = isinstance(seen, UserMessage)
        return self._made(
            f"{self.place(index)}: {found.text}",
            found,
            begun + said,
            self.state.transcript,
            message=self._message(seen),
            nearest=said,
        )

    def plain(self, text: str) -> ReplayMismatch:
        """Something else is not as recorded."""
        return self._made(text, None, 0, self.state.transcript, nearest=False)

    def called(self, index: int, name: str, found: Found) -> ReplayMismatch:
        """A call is made with other arguments than the recorded one."""
        return self._of_call(index, f"the call of {name} has other arguments", found)

    def result(self, index: int, name: str, found: Found) -> ReplayMismatch:
        """A call came to another result than the recorded one."""
        return self._of_call(index, f"the call of {name} came to another result", found)

    def _of_call(self, index: int, what: str, found: Found) -> ReplayMismatch:
        begun = sum(1 for step in self._plan.steps if step.begin < index)
        return self._made(
            f"{self.place(index)}: {what} than the recorded one: {found.text}",
            found,
            begun,
            self.state.transcript,
            message=self._message(self._plan.events[index]),
            nearest=False,
        )

    def _made(
        self,
        text: str,
        found: Found | None,
        number: int,
        messages: Sequence[Message],
        *,
        message: int | None = None,
        nearest: bool = True,
    ) -> ReplayMismatch:
        near = self._nearest(messages, number) if nearest else None
        lines = [text]
        if found is not None and MARK in str(found.expected) and MARK not in str(found.seen):
            lines.append(_REDACTED)
        if near is not None:
            lines.append(self._said(near, number))
        return ReplayMismatch(
            "\n".join([*lines, self._do]),
            request=number,
            index=message if found is None or found.message is None else found.message,
            field="" if found is None else found.field,
            expected=None if found is None else found.expected,
            seen=None if found is None else found.seen,
            nearest=None if near is None else near.step,
            transcript=messages,
        )

    def _said(self, near: Nearest, number: int) -> str:
        same = f"{near.common} of its {near.messages} messages"
        if near.messages == 1:
            same = "its one message" if near.common else "not even its one message"
        verb = "is" if near.messages == 1 else "are"
        if near.step.number == number:
            return (
                f"No recorded step is nearer than the one expected here, {near.step.name} (request "
                f"{number}): {same} {verb} the same."
            )
        line = self.place(near.step.begin).partition(" (")[0]
        return (
            f"The nearest recorded step is {near.step.name} (request {near.step.number}, {line}): "
            f"{same} {verb} the same."
        )

    def _message(self, seen: Recorded) -> int | None:
        """The index of the message that an event is, or becomes, in the transcript."""
        transcript = self.state.transcript
        if isinstance(seen, UserMessage):
            return len(transcript) - 1
        if isinstance(seen, ToolCallFinished):
            calls = [call.id for call in self.state.calls]
            if seen.call_id in calls:
                return len(transcript) + calls.index(seen.call_id)
            for index in range(len(transcript) - 1, -1, -1):
                if getattr(transcript[index], "call_id", None) == seen.call_id:
                    return index
        return None

    def _nearest(self, messages: Sequence[Message], number: int) -> Nearest | None:
        """The recorded step that has most messages in common; the expected one among equals."""
        said = [self._normal.value(message_to_openai(message)) for message in messages]
        best: tuple[tuple[int, int, bool], Nearest] | None = None
        folded = Folded(self._plan.events)
        kept: list[Message] = []
        common = known = 0
        for step in self._plan.steps:
            state = folded.before(step.begin)
            if state.sent is not kept:  # a turn was taken back, or it was compacted
                kept, common, known = state.sent, 0, 0
            if common == known:
                common = self._common(said, kept, common)
            known = len(kept)
            score = (common, -abs(known - len(said)), step.number == number)
            if best is None or score > best[0]:
                best = score, Nearest(step, common, known)
        return None if best is None else best[1]

    def _common(self, said: list[Any], recorded: list[Message], common: int) -> int:
        for index in range(common, min(len(said), len(recorded))):
            if self._normal.value(message_to_openai(recorded[index])) != said[index]:
                return index
        return min(len(said), len(recorded))
