"""What does the demo say about each event, in words for somebody who sees it the first time?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun import events as ev
from toolrun.cli import screen as s
from toolrun.cli.render import Renderer

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.cli.screen import Screen


class Narrator:
    """Shows a session with a heading for each thing that happens."""

    def __init__(self, screen: Screen, workspace: Path) -> None:
        self._screen = screen
        self._renderer = Renderer(screen, screen, recorded=True)
        self._workspace = workspace
        self._steps = 0
        self._texted = False
        self._asked = self._answered = 0.0
        self._sampled = list[ev.StepFinished]()

    def show(self, event: ev.Event) -> None:
        """Show one event, after its heading."""
        self._timed(event)
        if (heading := self._heading(event)) is not None:
            self._renderer.close()
            self._screen.line(s.ANSWER, "\n")
            self._screen.line(s.TITLE, heading)
        self._renderer.show(event)

    def say(self, heading: str, *lines: str) -> None:
        """Show a heading and lines of the demo's own."""
        self._renderer.close()
        self._screen.line(s.ANSWER, "\n")
        self._screen.line(s.TITLE, heading)
        for line in lines:
            self._screen.line(s.PREAMBLE, line)

    def close(self) -> None:
        """End what is being written."""
        self._renderer.close()

    def figures(self) -> list[str]:
        """How long the model took: to its first token, and for each of the others."""
        tokens = sum(each.usage.completion_tokens for each in self._sampled)
        rest = sum(each.seconds - (each.first_token or 0) for each in self._sampled)
        found = []
        if self._answered:
            found.append(f"First token: {self._answered - self._asked:.1f} s after the question.")
        if tokens and rest > 0:
            found.append(f"Then {tokens / rest:,.0f} tokens/s: {tokens:,} in {rest:.1f} s.")
        return found or ["Nothing was sampled."]

    def _timed(self, event: ev.Event) -> None:
        match event:
            case ev.UserMessage():
                self._asked = event.time
            case ev.ReasoningDelta() | ev.TextDelta() if not self._answered:
                self._answered = event.time
            case ev.StepFinished():
                self._sampled.append(event)
            case _:
                pass

    def _heading(self, event: ev.Event) -> str | None:
        match event:
            case ev.UserMessage():
                return "The user asks"
            case ev.RequestSent():
                self._steps += 1
                self._texted = False
                adds = f"; the request adds {_added(event)}" if self._steps > 1 else ""
                return f"Step {self._steps}: the model is sampled{adds}"
            case ev.TextDelta() if not self._texted:
                self._texted = True
                return "It says to the user"
            case ev.ToolCallStarted():
                where = (
                    f"in a sandbox of profile {event.profile}, which sees {self._workspace}"
                    if event.profile
                    else "in this process: it is trusted"
                )
                return f"It calls a tool. The arguments fit the tool's schema; it runs {where}"
            case ev.ToolCallFinished():
                return "The tool's result" if event.result.outcome == "ok" else "The call failed"
            case _:
                return None


def _added(event: ev.RequestSent) -> str:
    """What the messages of a request hold that no request before it held."""
    parts = []
    for message in event.adds:
        match message["role"]:
            case "assistant":
                parts += ["the reasoning"] if message.get("reasoning") else []
                parts += ["the call"] if message.get("tool_calls") else []
            case "tool":
                parts.append("the tool's result")
            case role:
                parts.append(f"a {role} message")
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if parts[1:] else "".join(parts)
