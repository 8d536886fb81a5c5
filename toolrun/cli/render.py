"""How do the events of a session look to a person?

The answer goes to one screen, everything else to the other (stdout and stderr in `toolrun run`).
Whether a text is a preamble or the answer is known only when the step is complete: on a terminal
it is shown at once and taken back if it was a preamble, elsewhere it waits for the step's end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun import events as ev
from toolrun.cli import screen as s
from toolrun.trace.shown import counted
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from toolrun.cli.screen import Screen

_LINES: Final = 12
_CHARACTERS: Final = 2_000
_VALUE: Final = 200


class Renderer:
    """Shows events as they come."""

    def __init__(
        self, answer: Screen, activity: Screen, *, recorded: bool = False, whole: bool = False
    ) -> None:
        """Take the two screens.

        Args:
            answer: for the answer.
            activity: for everything else; may be the same.
            recorded: show also what somebody who is there sees anyway: what the user said, and
                the error that a turn raised.
            whole: show long results and arguments in full.
        """
        self.answer = answer
        self.activity = activity
        self._recorded = recorded
        self._longest = None if whole else _VALUE
        self._folded = str if whole else folded
        self._text = ""
        self._reasoned = False
        self._open: dict[str, str] = {}
        self._calls: dict[str, ToolCall] = {}
        self._turn = Taken()
        self._output_of = ""

    def show(self, event: ev.Event) -> None:
        """Show one event, where it is one that people want to see."""
        match event:
            case ev.ReasoningDelta():
                self._reasoned = True
                self._write(self.activity, s.REASONING, event.text)
            case ev.TextDelta():
                self._text += event.text
                if self.answer.cursor:
                    self._write(self.answer, s.ANSWER, event.text)
            case ev.UserMessage():
                self._turn = Taken(event.time)
                if self._recorded:
                    self._line(s.USER, event.content)
            case ev.AssistantMessage():
                self._said(event)
            case ev.ToolCallStarted() | ev.ToolCallFinished() | ev.ToolOutput():
                self._tool(event)
            case ev.TurnFinished():
                self._finished(event)
            case _:
                self._aside(event)

    def interrupted(self) -> None:
        """Make room after the `^C` that a terminal writes where its cursor stands."""
        self.answer.end()
        self.activity.disturbed()

    def close(self) -> None:
        """End what is being written; the cursor stands at the beginning of a line."""
        self.answer.end()
        self.activity.end()

    def _write(self, screen: Screen, style: s.Style, text: str) -> None:
        """Add to a block on one screen, once the other has ended its own."""
        for other in (self.answer, self.activity):
            if other is not screen:
                other.end()
        screen.write(style, text)

    def _line(self, style: s.Style, text: str) -> None:
        self.close()
        self.activity.line(style, text)

    def _said(self, message: ev.AssistantMessage) -> None:
        if message.reasoning and not self._reasoned:
            self._line(s.REASONING, message.reasoning.strip("\n"))
        streamed = bool(self._text) and self.answer.cursor
        content = message.content or ""
        if not message.tool_calls:
            if content and not streamed:
                self.close()
                self.answer.line(s.ANSWER, content)
            self.close()
        elif content:
            if not streamed or self.answer.erase():
                self._line(s.PREAMBLE, content)
            else:
                self._line(s.NOTE, "this was said before the call:")
        self._calls = {call.id: call for call in message.tool_calls}
        self._turn.took(message)
        self._text, self._reasoned = "", False

    def _tool(self, event: ev.ToolCallStarted | ev.ToolCallFinished | ev.ToolOutput) -> None:
        match event:
            case ev.ToolCallStarted():
                self._open[event.call_id] = event.name
                where = f"sandbox {event.profile}" if event.profile else "TRUSTED, in this process"
                self._line(
                    s.CALL, f"{call_text(event.name, event.arguments, self._longest)}  [{where}]"
                )
            case ev.ToolOutput():
                if len(self._open) > 1 and event.call_id != self._output_of:
                    self._line(s.OUTPUT, f"({self._open.get(event.call_id, event.call_id)})")
                self._output_of = event.call_id
                self._write(self.activity, s.OUTPUT, event.text)
            case ev.ToolCallFinished():
                call = self._calls.get(event.call_id)
                if self._open.pop(event.call_id, None) is None and call is not None:
                    arguments = shortened(call.arguments, self._longest)
                    self._line(s.CALL, f"{call.name} {arguments}  [not run]")
                result, ok = event.result, event.result.outcome == "ok"
                how = "" if ok else f"{result.outcome}, "
                head = f"{event.name} ({how}{result.seconds:.2f} s): "
                self._line(s.RESULT if ok else s.FAILED, head + self._folded(result.content))
                if result.note:
                    self._line(s.NOTE, result.note)

    def _finished(self, event: ev.TurnFinished) -> None:
        self.close()
        if self._text and not self.answer.cursor:  # the step did not complete
            self._line(s.PREAMBLE, self._text)
        self._text, self._reasoned = "", False
        self._open.clear()
        summary = self._turn.summary(event.time)
        if event.status == "finished":
            if self._turn.steps:  # else it was copied, and nothing is known of it
                self._line(s.NOTE, summary)
            return
        if event.status == "failed" and not self._recorded and not self._turn.steps:
            return  # the error says it all
        why = event.error if self._recorded and event.error else self._turn.limit
        if event.reason:
            why = event.reason
        elif event.status == "parked":
            why = "a call waits for approval; --approve all or none decides, and toolrun chat asks"
        took = f" ({summary})" if summary else ""
        self._line(s.WARNING, f"{event.status}{f': {why}' if why else ''}{took}")

    def _again(self, event: ev.Retried) -> None:
        """The step begins anew: what has been seen of it is taken back, or said to be void."""
        seen = self._reasoned or (bool(self._text) and self.answer.cursor)
        if self._text and self.answer.cursor and self.answer.erase():
            seen = self._reasoned
        self._text, self._reasoned = "", False
        self._line(s.WARNING, again(event, seen=seen))

    def _aside(self, event: ev.Event) -> None:
        match event:
            case ev.LimitReached():
                self._turn.reached(event)
            case ev.Retried():
                self._again(event)
            case _:
                if (said := aside(event)) is not None:
                    self._line(*said)


class Taken:
    """What a turn has taken so far, for its last line."""

    def __init__(self, began: float = 0.0) -> None:
        self.limit: str = ""
        self._began = began
        self.steps: int = 0
        self._calls = 0
        self._usage = Usage()

    def reached(self, event: ev.LimitReached) -> None:
        """A limit ends the turn."""
        self.limit = f"limits.{event.limit} = {event.value:g}"
        if event.limit == "max_tokens":
            self.limit = f"cut off at {event.value:g} tokens"

    def took(self, message: ev.AssistantMessage) -> None:
        """A step is complete."""
        self.steps += 1
        self._calls += len(message.tool_calls)
        self._usage += message.usage

    def summary(self, now: float) -> str:
        """Steps, calls, tokens and seconds; `now` is in seconds since the epoch.

        Where no step is complete, the seconds alone: what the server counted of it nobody knows.
        """
        parts = []
        if self.steps:
            parts = [counted(self.steps, "step"), counted(self._calls, "call")]
            parts.append(f"{self._usage.total_tokens:,} tokens")
        if self._began and now:
            parts.append(f"{now - self._began:.1f} s")
        return ", ".join(parts)


def again(event: ev.Retried, *, seen: bool) -> str:
    """That a step begins anew; `seen`: something of it was shown, and stays on the screen."""
    wait = f" in {event.wait:.1f} s" if event.wait else ""
    void = "; what it had said of this step is void" if seen else ""
    return f"sampling again{wait} ({event.attempt}): {event.reason}{void}"


def aside(event: ev.Event) -> tuple[s.Style, str] | None:
    """What is said of an event beside the texts and the calls of a turn; None for nothing."""
    match event:
        case ev.Warned():
            return s.WARNING, event.message
        case ev.EgressDecided(allowed=False):
            return s.WARNING, f"refused: {event.reason}"
        case ev.Repaired():
            return s.NOTE, f"repaired {event.what}: {event.before!r} to {event.after!r}"
        case ev.ApprovalRequested():
            call = call_text(event.name, event.arguments, None)
            return s.QUESTION, f"waits for approval: {call}  ({event.reason})"
        case ev.ApprovalDecided():
            why = f": {event.reason}" if event.reason else ""
            return s.NOTE, f"decided: {event.decision}{why}"
        case _:
            return None


def call_text(name: str, arguments: dict[str, Any], longest: int | None = _VALUE) -> str:
    """A call as Python would write it; each value cut to `longest` characters."""
    shown = [
        f"{key}={shortened(msgspec.json.encode(value).decode(), longest)}"
        for key, value in arguments.items()
    ]
    return f"{name}({', '.join(shown)})"


def shortened(text: str, longest: int | None) -> str:
    """The beginning of a text, and how much is missing."""
    if longest is None or len(text) <= longest:
        return text
    return f"{text[:longest]}... ({len(text) - longest:,} more)"


def folded(text: str) -> str:
    """The first lines of a text, and how much is missing; the model gets it all."""
    text = text.rstrip("\n")
    lines = text.split("\n")
    shown = shortened("\n".join(lines[:_LINES]), _CHARACTERS)
    missing = len(lines) - _LINES
    return f"{shown}\n... {counted(missing, 'more line')}" if missing > 0 else shown
