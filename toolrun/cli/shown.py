"""How does a recorded session look to a person: what was said and done, how long, how much?"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from toolrun import events as ev
from toolrun.cli import screen as s
from toolrun.cli.event_line import tokens, told
from toolrun.cli.render import Renderer, call_text
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.cli.screen import Screen

_HEAD = ("via", "profile", "workspace", "effort", "instructions")

_SAMPLING = (ev.ReasoningDelta, ev.TextDelta, ev.StepFinished, ev.Retried, ev.Repaired)
"""Events of a step that is not complete yet."""


class Shown:
    """Shows the events of a recorded session: by steps, each under a line of its numbers.

    What was streamed is shown as the whole that it became; of a step that did not complete, what
    there was of it.

    Args:
        screen: where to.
        reasoning: whether the chain of thought is shown.
        whole: whether long results and arguments are.
    """

    def __init__(self, screen: Screen, *, reasoning: bool = True, whole: bool = False) -> None:
        self._screen = screen
        self._reasoning = reasoning
        self._renderer = Renderer(screen, screen, recorded=True, whole=whole)
        self._step = 0
        self._sampling: list[ev.Event] = []
        """What has happened of the step that is not complete yet."""

    def show(self, event: ev.Event) -> None:
        """Show one event, when its turn comes."""
        if isinstance(event, _SAMPLING) or (event.step > self._step and not event.durable):
            self._sampling.append(event)
            return
        match event:
            case ev.SessionOpened():
                self._opened(event)
            case ev.UserMessage():
                self._asked(event)
            case ev.AssistantMessage():
                self._said(event)
            case ev.TurnFinished():
                self._unsaid()
                self._renderer.show(event)
            case _:
                self._more(event)

    def close(self) -> None:
        """Show what is left of a trace that ends within a step."""
        self._unsaid()
        self._renderer.close()

    def _line(self, style: s.Style, text: str) -> None:
        self._renderer.close()
        self._screen.line(style, text)

    def _opened(self, event: ev.SessionOpened) -> None:
        settings = event.settings
        self._line(s.TITLE, f"session {event.session}, {event.date}, toolrun {event.version}")
        self._line(s.INDENTED, f"model: {settings.get('model')} at {settings.get('base_url')}")
        for name in _HEAD:
            if settings.get(name) is not None:
                self._line(s.INDENTED, f"{name}: {settings[name]}")
        names = [(tool.get("function") or tool).get("name", "?") for tool in event.tools]
        self._line(s.INDENTED, f"tools: {', '.join(names) or 'none'}")

    def _asked(self, event: ev.UserMessage) -> None:
        self._step = 0
        self._line(s.TITLE, f"turn {event.turn}")
        self._renderer.show(event)
        if event.output is not None:
            self._line(s.NOTE, f"the answer has to fit {_json(event.output)}")

    def _said(self, message: ev.AssistantMessage) -> None:
        self._step = message.step
        sampled = [each for each in self._sampling if isinstance(each, ev.StepFinished)]
        self._line(s.NOTE, _heading(message, sampled[-1] if sampled else None))
        again = [n for n, each in enumerate(self._sampling) if isinstance(each, ev.Retried)]
        begin = again[-1] + 1 if again else 0
        self._attempts(self._sampling[:begin])
        # The pieces of the last attempt are the message.
        self._asides(self._sampling[begin:])
        self._sampling = []
        self._renderer.show(
            message if self._reasoning else structs.replace(message, reasoning=None)
        )

    def _unsaid(self) -> None:
        """Show what there is of a step that did not complete."""
        if self._sampling:
            self._line(s.NOTE, f"step {self._sampling[0].step}: not complete")
            self._attempts(self._sampling)
            self._sampling = []

    def _attempts(self, events: Iterable[ev.Event]) -> None:
        """Show attempts that came to nothing, with what the model had said in each."""
        reasoning = text = ""
        for event in events:
            match event:
                case ev.ReasoningDelta():
                    reasoning += event.text
                case ev.TextDelta():
                    text += event.text
                case _:
                    if isinstance(event, ev.Retried):
                        self._partial(reasoning, text)
                        reasoning = text = ""
                    self._asides([event])
        self._partial(reasoning, text)

    def _partial(self, reasoning: str, text: str) -> None:
        if reasoning and self._reasoning:
            self._line(s.REASONING, reasoning)
        if text:
            self._line(s.PREAMBLE, text)

    def _asides(self, events: Iterable[ev.Event]) -> None:
        for event in events:
            if not isinstance(event, ev.ReasoningDelta | ev.TextDelta):
                self._more(event)

    def _more(self, event: ev.Event) -> None:
        match event:
            case ev.SettingsChanged():
                self._line(s.NOTE, f"settings changed: {_json(event.settings)}")
            case ev.TurnUndone():
                left = "".join(f"; {each}" for each in event.left)
                self._line(s.WARNING, f"turn {event.turn} was taken back{left}")
            case ev.ForkedFrom():
                self._line(s.NOTE, f"forked from {told(event)}")
            case ev.Compacted():
                self._line(s.NOTE, f"compacted: {told(event)}")
            case ev.ServerToolCalled():
                self._line(s.CALL, f"{told(event)}  [on the server]")
            case ev.EgressDecided(allowed=True):
                self._line(s.NOTE, f"let through: {event.method} {event.host}:{event.port}")
            case ev.ApprovalDecided(decision="edit"):
                arguments = call_text("", event.arguments or {}, None)
                self._line(s.NOTE, f"decided: edit to {arguments}")
            case _:
                self._renderer.show(event)


def _heading(message: ev.AssistantMessage, sampled: ev.StepFinished | None) -> str:
    """A step and its numbers."""
    parts = [f"step {message.step}"]
    if sampled is not None:
        parts.append(f"{sampled.seconds:.2f} s")
        if sampled.first_token is not None:
            parts.append(f"first token {sampled.first_token:.2f} s")
    if message.usage.total_tokens:
        parts.append(tokens(message.usage))
    if message.finish_reason not in (None, "stop", "tool_calls"):
        parts.append(f"finish reason {message.finish_reason}")
    return ", ".join(parts)


class Summary:
    """What a session came to, counted as its events go by."""

    def __init__(self) -> None:
        self._turns: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._steps = self._retries = self._repairs = self._undone = 0
        self._usage = Usage()
        self._model = self._tools = 0.0
        self._first: list[float] = []
        self._times: tuple[float, float] | None = None
        self._open = False

    def take(self, event: ev.Event) -> None:
        """Count one event."""
        self._times = (self._times[0] if self._times else event.time, event.time)
        match event:
            case ev.UserMessage():
                self._open = True
            case ev.TurnFinished():
                # A parked turn goes on, and ends once more.
                self._turns[event.status] += self._open
                self._open = False
            case ev.AssistantMessage():
                self._steps += 1
                self._usage += event.usage
                self._open = True
            case ev.StepFinished():
                self._model += event.seconds
                if event.first_token is not None:
                    self._first.append(event.first_token)
            case ev.ToolCallFinished():
                self._calls[event.result.outcome] += 1
                self._tools += event.result.seconds
            case ev.Retried():
                self._retries += 1
            case ev.Repaired():
                self._repairs += 1
            case ev.TurnUndone():
                self._undone += 1
            case _:
                pass

    def lines(self) -> list[str]:
        """The lines of the summary."""
        turns = Counter(self._turns)
        turns["without an end"] += self._open
        counts = [
            f"turns: {_kinds(turns)}{f'; {self._undone} taken back' if self._undone else ''}",
            f"steps: {self._steps:,}",
            f"calls: {_kinds(self._calls)}",
        ]
        counts += [f"sampled again: {self._retries:,}"] if self._retries else []
        counts += [f"repaired: {self._repairs:,}"] if self._repairs else []
        first = f", first token {median(self._first):.2f} s (median)" if self._first else ""
        began, ended = self._times or (0.0, 0.0)
        return [
            ", ".join(counts[:3]) + "".join(f", {each}" for each in counts[3:]),
            tokens(self._usage),
            f"{ended - began:.1f} s: model {self._model:.1f} s, tools {self._tools:.1f} s{first}",
        ]


def _kinds(counts: Counter[str]) -> str:
    """A number and its parts."""
    found = {kind: count for kind, count in counts.items() if count}
    total = sum(found.values())
    if not total:
        return "0"
    if len(found) == 1:
        return f"{total:,} {next(iter(found))}"
    return f"{total:,} ({', '.join(f'{count:,} {kind}' for kind, count in found.items())})"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
