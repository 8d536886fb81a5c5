"""What is left of a session when parts of it are left out? A session again, with its own numbers.

Events refer to each other: by `seq`, by the turn and step that they are of, by the ids of calls;
and a request holds the messages that none before it held. All of that is made anew for what is
left, so that it reads as if the session had been like this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from toolrun.events import (
    AssistantMessage,
    Event,
    ForkedFrom,
    RequestSent,
    SessionOpened,
    ToolCallFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.transcript import ToolMessage, message_to_openai

if TYPE_CHECKING:
    from collections.abc import Collection

    from toolrun.transcript import Message


class Parted(Struct, frozen=True):
    """A session in a form that parts can be left out of.

    Attributes:
        events: all of it.
        sampling: of each event, whether it happened while the next step was being sampled.
        requests: what each request held, by its number.
        said: each message as the requests have it, by the number of the event that it comes from.
    """

    events: Sequence[Event]
    sampling: Sequence[bool]
    requests: Mapping[int, tuple[int, ...]]
    said: Mapping[int, dict[str, Any]]

    @classmethod
    def of(cls, events: Sequence[Event]) -> Parted:
        """Look through a session once."""
        sampling: list[bool] = []
        requests: dict[int, tuple[int, ...]] = {}
        said: dict[int, dict[str, Any]] = {}
        transcript, step = _Transcript(), 0
        for index, event in enumerate(events):
            sampling.append(not event.durable and event.step > step)
            if event.durable:
                step = event.step
                transcript.take(index, event)
            elif isinstance(event, RequestSent):
                requests[index] = held = tuple(transcript.sources())
                added = held[len(held) - len(event.adds) :]
                said |= zip(added, event.adds, strict=False)
        return cls(events, sampling, requests, said)

    def tells_as_it_is(self, index: int) -> bool:
        """Whether the requests hold of an event just what it says: then it may be changed."""
        said, event = self.said.get(index), self.events[index]
        if said is None:
            return True
        if isinstance(event, ToolCallFinished):
            return said == message_to_openai(_result(event))
        return isinstance(event, UserMessage | AssistantMessage) and said == message_to_openai(
            event
        )

    def left(self, kept: Collection[int], changed: Mapping[int, Event]) -> list[Event]:
        """The session of these events.

        Args:
            kept: their numbers.
            changed: what stands for an event, by its number.
        """
        chosen = set(kept)
        numbered = _Numbered()
        transcript, sent = _Transcript(), _Sent()
        told_before = set(changed) - self.requests.keys()
        head_changed = any(isinstance(event, SessionOpened) for event in changed.values())
        whole = True
        for index, original in enumerate(self.events):
            if index not in chosen:
                continue
            event = changed.get(index, original)
            if isinstance(event, RequestSent):
                held = tuple(transcript.sources())
                same = held == self.requests[index] and not told_before.intersection(held)
                whole = whole and same and not head_changed
                adds = [self._message(each, transcript, told_before) for each in sent.new(held)]
                # A digest of other bytes says nothing: without one, what it holds is compared.
                event = structs.replace(event, adds=adds, digest=event.digest if whole else "")
            elif isinstance(event, ForkedFrom):
                copies = range(index + 1, index + 1 + event.copied)
                event = structs.replace(event, copied=sum(each in chosen for each in copies))
            elif isinstance(event, AssistantMessage) and not whole:
                event = _without_tokens(event)
            if event.durable:
                transcript.take(index, event)
            numbered.add(event, sampling=self.sampling[index])
        return numbered.events

    def _message(
        self, index: int, transcript: _Transcript, changed: Collection[int]
    ) -> dict[str, Any]:
        """A message of a request: as it was recorded, unless what it comes from was changed."""
        known = self.said.get(index)
        return transcript.plain(index) if known is None or index in changed else known


class _Transcript:
    """The messages so far, each with the number of the event that it comes from; see `State`."""

    def __init__(self) -> None:
        self._messages: list[tuple[int, Message]] = []
        self._turns_from: list[int] = []
        self._open: AssistantMessage | None = None
        self._results: dict[str, tuple[int, ToolCallFinished]] = {}

    def sources(self) -> list[int]:
        return [index for index, _ in self._messages]

    def plain(self, index: int) -> dict[str, Any]:
        return message_to_openai(next(each for at, each in self._messages if at == index))

    def take(self, index: int, event: Event) -> None:
        match event:
            case UserMessage():
                self._turns_from.append(len(self._messages))
                self._messages.append((index, event))
            case AssistantMessage():
                self._messages.append((index, event))
                self._open, self._results = event, {}
            case ToolCallFinished():
                self._results[event.call_id] = index, event
                self._close()
            case TurnUndone() if self._turns_from:
                del self._messages[self._turns_from.pop() :]
                self._open = None
            case _:
                pass

    def _close(self) -> None:
        """Add the results of a message's calls, once all are there, in the order of the calls."""
        calls = self._open.tool_calls if self._open is not None else ()
        if not calls or any(call.id not in self._results for call in calls):
            return
        for call in calls:
            index, event = self._results[call.id]
            self._messages.append((index, _result(event)))
        self._open = None


class _Sent:
    """Which messages requests have held; see `added_messages`."""

    def __init__(self) -> None:
        self._held: tuple[int, ...] = ()

    def new(self, held: tuple[int, ...]) -> tuple[int, ...]:
        before, self._held = self._held, held
        goes_on = not before or (len(held) >= len(before) and held[len(before) - 1] == before[-1])
        return held[len(before) :] if goes_on else held


class _Numbered:
    """Gives events their places, as a journal does."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._seq = self._sub = self._turn = self._step = 0

    def add(self, event: Event, *, sampling: bool) -> None:
        if event.durable:
            self._seq, self._sub = self._seq + 1, 0
        else:
            self._sub += 1
        if isinstance(event, UserMessage):
            self._turn, self._step = self._turn + 1, 0
        elif isinstance(event, AssistantMessage):
            self._step += 1
        self.events.append(
            structs.replace(
                event, seq=self._seq, sub=self._sub, turn=self._turn, step=self._step + sampling
            )
        )


def _result(event: ToolCallFinished) -> ToolMessage:
    return ToolMessage(event.call_id, event.name, event.content)


def _without_tokens(message: AssistantMessage) -> AssistantMessage:
    """A message without the ids of a prompt that is another one now."""
    return structs.replace(
        message,
        prompt_token_ids=None,
        token_ids=None,
        rendered_token_ids=None,
        continues=0,
        logprobs=None,
    )
