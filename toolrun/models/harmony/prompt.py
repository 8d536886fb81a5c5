"""Which prompt is a step sampled from? That of the step before, what it sampled, what is new.

All is derived from the transcript: an assistant message has the ids that were sampled and those
that were rendered before them, so a session that is resumed or forked goes on token for token,
too. What `request.cache` keeps between steps only saves the work: a step costs what is new in it.

After a final answer the reasoning is dropped, as harmony asks (openai/harmony, docs/format.md,
"Handling reasoning output in subsequent sampling"): the first prompt of a turn is rendered anew,
without the reasoning of the turns before, and shares with the last prompt what comes before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from toolrun.errors import MalformedOutput
from toolrun.events import AssistantMessage, UserMessage
from toolrun.models.harmony.parse import Parsed, parse
from toolrun.shortening import Shortened
from toolrun.transcript import ToolMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.harmony.render import Renderer
    from toolrun.models.model import Request
    from toolrun.transcript import Message

_KEY = "harmony"
_STRIDE = 4096


class Prompt(Struct, frozen=True, eq=False):
    """The prompt of a step, and how it comes of what was before.

    Attributes:
        ids: all of it.
        continues: how many of its first ids are those of the step before, prompt and sampled.
        place: of the step in the transcript: its turn, and its number in it; both from 1.
    """

    ids: list[int]
    continues: int
    place: tuple[int, int]

    @property
    def rendered(self) -> tuple[int, ...]:
        """The ids that are new."""
        return tuple(self.ids[self.continues :])


class History:
    """What was rendered and sampled in one session so far. Kept in its `Request.cache`.

    Args:
        renderer: of this process.
        builtins: which tools are the model's own.
        keep_all: whether reasoning is kept beyond the turn.
        shortened: how the messages differ from the transcript. What was sampled before they were
            made so went on from another prompt, and no prompt continues it.
    """

    def __init__(
        self,
        renderer: Renderer,
        builtins: Sequence[str],
        *,
        keep_all: bool,
        shortened: Shortened | None = None,
    ) -> None:
        shortened = shortened or Shortened()
        self.made_with: tuple[Renderer, Sequence[str], bool, int] = (
            renderer,
            builtins,
            keep_all,
            shortened.times,
        )
        self._upto = shortened.upto
        self._renderer = renderer
        self._builtins = builtins
        self._keep_all = keep_all
        self._known: list[Message] = []
        self._head: list[int] = []
        self._head_of: tuple[Any, ...] = ()
        self._bare: list[int] = []
        self._bare_of = 0
        self._total: list[int] = []
        self._total_of: AssistantMessage | None = None
        self._total_at = 0
        self._parsed: dict[int, tuple[tuple[int, ...], Parsed | None]] = {}
        self._turn, self._step = shortened.turns, 0
        self._call_ids: set[str] = set()

    @property
    def length(self) -> int:
        """How many messages there are."""
        return len(self._known)

    def ends_in(self, messages: Sequence[Message]) -> bool:
        """Whether a transcript goes on from here."""
        known = len(self._known)
        return known <= len(messages) and (not known or self._known[-1] is messages[known - 1])

    def prompt(self, request: Request) -> Prompt:
        """The prompt of the next step."""
        head = self._rendered_head(request)
        opening = self._renderer.opening
        tail = self._renderer.user(request.nudge) if request.nudge is not None else []
        tail += opening
        place = (self._turn, self._step + 1)
        begin = 0 if self._keep_all else request.reasoning_from
        last, parsed = self._total_of, None
        if last is not None and self._total_at >= begin and self._total[: len(head)] == head:
            parsed = self._said(last)
        if last is None or parsed is None:
            ids = head + self._bare_until(begin) + self._full(begin) + tail
            return Prompt(ids, _common(self._total, ids), place)
        kept = len(self._total) - len(last.token_ids or ()) + parsed.kept
        if _is_nothing(parsed):
            kept -= len(opening)
        new = [*parsed.closing, *self._full(self._total_at + 1), *tail]
        return Prompt(self._total[:kept] + new, kept, place)

    def remember(self, tokens: tuple[int, ...], parsed: Parsed) -> None:
        """Keep what the ids say that were sampled last: they come back in a message."""
        self._parsed[id(tokens)] = (tokens, parsed)

    def call_id(self, place: tuple[int, int], number: int) -> str:
        """An id for a call of a step: the same whenever the step is sampled, and its own."""
        call_id = f"call-{place[0]}.{place[1]}.{number}"
        while call_id in self._call_ids:
            call_id += "-"  # a transcript from elsewhere has it
        return call_id

    def add(self, message: Message) -> None:
        """Take note of the next message of the transcript."""
        match message:
            case UserMessage():
                self._turn, self._step = self._turn + 1, 0
                self._parsed.clear()
            case AssistantMessage():
                self._step += 1
                self._call_ids.update(call.id for call in message.tool_calls)
                self._sampled(message)
            case _:
                pass
        self._known.append(message)

    def _sampled(self, message: AssistantMessage) -> None:
        """Add what a step rendered and sampled to what there is of the step before."""
        rendered, tokens = message.rendered_token_ids, message.token_ids
        old = len(self._known) < self._upto
        if old or rendered is None or tokens is None or message.continues > len(self._total):
            self._total, self._total_of = [], None
            return
        del self._total[message.continues :]
        self._total += rendered
        self._total += tokens
        self._total_of, self._total_at = message, len(self._known)

    def _rendered_head(self, request: Request) -> list[int]:
        of = (
            request.instructions,
            request.tools,
            request.tool_choice == "none",
            request.effort,
            request.date,
            request.response_format,
        )
        if of != self._head_of:
            self._head, self._head_of = self._renderer.head(request), of
        return self._head

    def _bare_until(self, end: int) -> list[int]:
        """The messages before an index, without their reasoning."""
        if self._bare_of > end:
            self._bare, self._bare_of = [], 0
        for message in self._known[self._bare_of : end]:
            self._bare += self._renderer.message(message, self._builtins, reasoning=False)
        self._bare_of = end
        return self._bare

    def _full(self, begin: int) -> list[int]:
        """The messages from an index on, with their reasoning; what was sampled, verbatim."""
        ids: list[int] = []
        # A result stands on the channel of its call, a call of the last message before it.
        channels = self._channels(self._known[begin - 1]) if begin else {}
        for message in self._known[begin:]:
            if isinstance(message, AssistantMessage):
                channels = self._channels(message)
                ids += self._verbatim(message)
                continue
            channel = channels.get(message.call_id, "") if isinstance(message, ToolMessage) else ""
            ids += self._renderer.message(message, self._builtins, reasoning=True, channel=channel)
        return ids

    def _verbatim(self, message: AssistantMessage) -> Sequence[int]:
        """What was sampled, with the opening before it; rendered, where no ids say what."""
        if (parsed := self._said(message)) is None or message.token_ids is None:
            return self._renderer.message(message, self._builtins, reasoning=True)
        if _is_nothing(parsed):
            return ()
        return (*self._renderer.opening, *message.token_ids[: parsed.kept], *parsed.closing)

    def _channels(self, message: Message) -> dict[str, str]:
        """The channels of a message's calls, by their ids."""
        if not isinstance(message, AssistantMessage) or (parsed := self._said(message)) is None:
            return {}
        pairs = zip(message.tool_calls, parsed.calls, strict=False)
        return {call.id: made.channel for call, made in pairs}

    def _said(self, message: AssistantMessage) -> Parsed | None:
        """What the ids say that were sampled; None where there are none, or not by this way."""
        tokens = message.token_ids
        if tokens is None or message.rendered_token_ids is None:
            return None
        if (found := self._parsed.get(id(tokens))) is None:
            try:
                said = parse(self._renderer.encoding, tokens, self._builtins)
            except MalformedOutput:  # by another version, which read more
                said = None
            found = self._parsed[id(tokens)] = (tokens, said)
        return found[1]


def history_of(request: Request, renderer: Renderer, *, keep_all: bool) -> History:
    """The history of a session, brought up to the request; begun anew where it was changed."""
    history: History | None = request.cache.get(_KEY)
    shortened = request.shortened
    made_with = (renderer, request.builtins, keep_all, shortened.times)
    if history is None or history.made_with != made_with or not history.ends_in(request.messages):
        history = request.cache[_KEY] = History(
            renderer, request.builtins, keep_all=keep_all, shortened=shortened
        )
    for message in request.messages[history.length :]:
        history.add(message)
    return history


def _is_nothing(parsed: Parsed) -> bool:
    """Whether the step was cut off in its first header: then its opening is not kept either."""
    return parsed.kept == 0 and not parsed.closing


def _common(one: list[int], other: list[int]) -> int:
    """How many ids two prompts begin with in common."""
    at = 0
    while at < len(one) and one[at : at + _STRIDE] == other[at : at + _STRIDE]:
        at += _STRIDE
    end = min(len(one), len(other))
    at = min(at, end)
    while at < end and one[at] == other[at]:
        at += 1
    return at
