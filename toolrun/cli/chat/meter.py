"""What has a conversation taken so far, as its events tell?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from toolrun import events as ev
from toolrun.cli.chat.status import Status
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolrun.config import Config
    from toolrun.limits import Prices
    from toolrun.session import Session
    from toolrun.state import State

_TOLD_EVERY: Final = 0.25
"""Seconds between two changes of the status line while a text comes in."""

_BURST: Final = 0.02
"""Seconds up to which a reply came at once, and tells nothing of how fast it was written."""


class Meter:
    """Counts along with the events of a session, for the status line.

    Args:
        model: the name of the model.
        server: what it is served by.
        profile: of the sandbox.
        length: tokens that the model takes; None: not known.
        prices: of models, by their names.
        clock: seconds, monotonic.

    Attributes:
        length: tokens that the model takes, once that is known.
    """

    def __init__(
        self,
        model: str = "",
        server: str = "",
        profile: str = "",
        *,
        length: int | None = None,
        prices: Mapping[str, Prices] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model: str = model
        self.server = server
        self.profile: str = profile
        self.length = length
        self._length_of = model if length is not None else ""
        self._prices = prices or {}
        self._clock = clock
        self._told = 0.0
        self._streaming = False
        self._reset()

    def _reset(self) -> None:
        self.usage: Usage = Usage()
        self._cost = 0.0
        self._used = 0
        self._used_before: dict[int, int] = {}
        self._cached: float | None = None
        self._tells_cached = False
        self._running: dict[str, tuple[str, float]] = {}
        self._rate = 0.0
        self._pieces = 0
        self._first = self._last = 0.0

    def take_up(self, config: Config, state: State | None) -> None:
        """Begin with what a session has taken already.

        Args:
            config: its settings.
            state: None where there is none yet.
        """
        from toolrun.sandbox.resolve import label

        self._reset()
        self.model, self.profile = config.model, label(config.profile)
        if state is None:
            return
        self.usage = state.usage
        self._cost = self._price(state.usage)
        self._tells_cached = state.usage.cached_tokens > 0
        last = [each for each in state.transcript if isinstance(each, ev.AssistantMessage)]
        if last:
            self._context_of(last[-1].usage)

    async def measure(self, session: Session) -> None:
        """Ask what the model takes, where nobody has been asked."""
        if self._length_of != self.model:
            model = self.model
            self.length = await session.context_length()
            self._length_of = model

    def due(self) -> bool:
        """Whether the status line is to be drawn anew: at most a few times a second in a stream."""
        now = self._clock()
        if self._streaming and now - self._told < _TOLD_EVERY:
            return False
        self._told = now
        return True

    def show(self, event: ev.Event) -> None:
        """Take note of an event."""
        self._streaming = isinstance(event, ev.ReasoningDelta | ev.TextDelta | ev.ToolOutput)
        match event:
            case ev.ReasoningDelta() | ev.TextDelta():
                self._piece()
            case ev.RequestSent() | ev.Retried():
                self._pieces = 0
            case ev.StepFinished():
                self._sampled(event)
            case ev.AssistantMessage():
                self._pieces = 0
                self._took(event.usage)
                self._context_of(event.usage)
            case ev.ToolCallStarted():
                self._running[event.call_id] = (event.name, self._clock())
            case ev.ToolCallFinished():
                self._running.pop(event.call_id, None)
            case _:
                self._aside(event)

    def status(self) -> Status:
        """What the status line shows now."""
        live = self._pieces > 1 and self._last > self._first
        names = tuple(name for name, _ in self._running.values())
        return Status(
            model=self.model,
            server=self.server,
            profile=self.profile,
            used=self._used,
            length=self.length,
            rate=(self._pieces - 1) / (self._last - self._first) if live else self._rate,
            live=live,
            cached=self._cached,
            cost=self._cost if self.model in self._prices else None,
            tools=names,
            since=min((began for _, began in self._running.values()), default=0.0),
        )

    def _piece(self) -> None:
        """A piece came: of a streamed reply a token, as vLLM sends them."""
        self._last = self._clock()
        self._pieces += 1
        if self._pieces == 1:
            self._first = self._last

    def _sampled(self, event: ev.StepFinished) -> None:
        """A step is complete: its rate is known by the server's own count."""
        writing = event.seconds - (event.first_token or 0.0)
        if event.usage.completion_tokens and writing > _BURST:
            self._rate = event.usage.completion_tokens / writing
        self._pieces = 0

    def _aside(self, event: ev.Event) -> None:
        match event:
            case ev.UserMessage():
                self._used_before[event.turn] = self._used
            case ev.TurnFinished():
                self._running.clear()
                self._pieces = 0
            case ev.TurnUndone():
                self._used = self._used_before.get(event.turn, self._used)
            case ev.Compacted():
                self._took(event.usage)
                self._used = event.after or self._used
            case ev.SettingsChanged():
                self.model = event.settings.get("model") or self.model
                profile = event.settings.get("profile")
                self.profile = profile if isinstance(profile, str) else self.profile
            case _:
                pass

    def _took(self, usage: Usage) -> None:
        self.usage += usage
        self._cost += self._price(usage)
        self._tells_cached |= usage.cached_tokens > 0

    def _context_of(self, usage: Usage) -> None:
        """How full the context is after a step; a server that counts nothing changes nothing."""
        self._used = usage.total_tokens or self._used
        if usage.prompt_tokens and self._tells_cached:
            self._cached = usage.cached_tokens / usage.prompt_tokens

    def _price(self, usage: Usage) -> float:
        prices = self._prices.get(self.model)
        return 0.0 if prices is None else prices.cost(usage)
