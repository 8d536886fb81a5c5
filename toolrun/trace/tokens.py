"""Which tokens did the model read, and which did it write? A turn of a trace as a training record.

Under direct sampling the prompt of a step continues what the step before read and sampled, to the
token; so a turn is one sequence: the first prompt, then by turns what the model sampled and what
was rendered for it (tool results). Where a prompt begins anew within a turn, so does a record: its
`segment` counts them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import TraceError
from toolrun.events import (
    AssistantMessage,
    ForkedFrom,
    RequestSent,
    SessionOpened,
    SettingsChanged,
    TurnFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Event

FORMAT = 1

_CHAT = (
    "was not sampled directly, so the trace does not hold its tokens. Record sessions that are "
    'sampled by tokens: via="harmony", or a HarmonyModel'
)
_REDACTED = (
    "has no tokens in the trace: something before it was redacted, and they would spell it out. "
    "Keep secrets out of what the model reads, then record the session again"
)
_BROKEN = "continues {continues} tokens of the step before, which has {length}: lines are missing"


class TokenRecord(Struct, frozen=True, kw_only=True):
    """A turn, or a part of one, as one sequence of tokens: `schemas/token-record.schema.json`.

    The names of the lists are those of TRL and verifiers. What the model wrote has mask 1; what was
    rendered between its steps has mask 0 and log-probability 0.0.

    Attributes:
        format: the number of this format.
        session: its id.
        turn: from 1.
        segment: from 1; more than one where a prompt began anew within the turn.
        model: its name, as the session has it.
        status: how the turn ended ("finished"); None where the trace ends within it.
        prompt_ids: what the model read before the first token that it wrote.
        completion_ids: from there on: what it wrote, and what was rendered between.
        completion_mask: 1 for each id that the model wrote, else 0.
        logprobs: a natural logarithm for each completion id; None where the session did not ask for
            log-probabilities in each of its steps.
        steps: the steps of the turn that the record holds, numbered as in the trace.
        finish_reasons: why each of them ended ("tool_calls", "stop", "length").
    """

    format: int = FORMAT
    session: str
    turn: int
    segment: int
    model: str
    status: str | None
    prompt_ids: list[int]
    completion_ids: list[int]
    completion_mask: list[int]
    logprobs: list[float] | None
    steps: list[int]
    finish_reasons: list[str | None]


def token_records(path: str | Path) -> list[TokenRecord]:
    """The records of a trace, in order.

    Turns that were undone are left out, and those that a fork began with: they are its parent's.

    Args:
        path: of the trace.

    Raises:
        TraceError: the file is no trace, or a step of it has no tokens; the message says why.
    """
    with TraceReader(path) as reader:
        found = _Records(Path(path), reader.header.session)
        for event in reader:
            found.take(event, reader.line)
    return found.records()


class _Records:
    """Puts records together, event by event."""

    def __init__(self, path: Path, session: str) -> None:
        self._path = path
        self._session = session
        self._model = ""
        self._copied_to = 0
        self._via = ""
        self._read: list[int] = []
        """What the last step read and wrote."""
        self._turns: list[_Turn] = []

    def records(self) -> list[TokenRecord]:
        return [
            TokenRecord(
                session=self._session,
                turn=turn.number,
                segment=number,
                model=turn.model,
                status=turn.status,
                prompt_ids=each.prompt,
                completion_ids=each.ids,
                completion_mask=each.mask,
                logprobs=each.logprobs,
                steps=each.steps,
                finish_reasons=each.finish_reasons,
            )
            for turn in self._turns
            if not turn.copied
            for number, each in enumerate(turn.segments, start=1)
        ]

    def take(self, event: Event, line: int) -> None:
        match event:
            case SessionOpened() | SettingsChanged():
                self._model = event.settings.get("model") or self._model
            case ForkedFrom():
                self._copied_to = event.seq + event.copied
            case UserMessage():
                copied = event.seq <= self._copied_to
                self._turns.append(_Turn(event.turn, self._model, self._read, copied=copied))
            case RequestSent():
                self._via = event.via
            case AssistantMessage():
                self._step(event, line)
            case TurnFinished():
                self._turns[-1].status = event.status
            case TurnUndone():
                self._read = self._turns.pop().read_before
            case _:
                pass

    def _step(self, event: AssistantMessage, line: int) -> None:
        if event.token_ids is None:
            why = _REDACTED if self._via == "harmony" else _CHAT
            raise self._wrong(event, line, why)
        prompt = self._prompt(event, line)
        segments = self._turns[-1].segments
        # A prompt that ends before what was read, or differs, is another sequence.
        if not segments or prompt[: len(self._read)] != self._read:
            segments.append(_Segment(prompt))
        else:
            segments[-1].render(prompt[len(self._read) :])
        segments[-1].sample(event)
        self._read = [*prompt, *event.token_ids]

    def _prompt(self, event: AssistantMessage, line: int) -> list[int]:
        if event.prompt_token_ids is not None:
            return list(event.prompt_token_ids)
        if event.rendered_token_ids is None:
            raise self._wrong(event, line, _CHAT)
        if event.continues > len(self._read):
            length = len(self._read)
            raise self._wrong(event, line, _BROKEN.format(continues=event.continues, length=length))
        return [*self._read[: event.continues], *event.rendered_token_ids]

    def _wrong(self, event: AssistantMessage, line: int, why: str) -> TraceError:
        where = f"{self._path}, line {line}: step {event.step} of turn {event.turn}"
        return TraceError(f"{where} {why}", line)


class _Turn:
    def __init__(self, number: int, model: str, read_before: list[int], *, copied: bool) -> None:
        self.number = number
        self.model = model
        self.read_before = read_before
        self.copied = copied
        self.status: str | None = None
        self.segments: list[_Segment] = []


class _Segment:
    def __init__(self, prompt: Sequence[int]) -> None:
        self.prompt = list(prompt)
        self.ids: list[int] = []
        self.mask: list[int] = []
        self.logprobs: list[float] | None = []
        self.steps: list[int] = []
        self.finish_reasons: list[str | None] = []

    def render(self, ids: Sequence[int]) -> None:
        """Take what stands between two steps."""
        self._add(ids, 0, [0.0] * len(ids))

    def sample(self, event: AssistantMessage) -> None:
        """Take what the model wrote."""
        self._add(event.token_ids or (), 1, event.logprobs)
        self.steps.append(event.step)
        self.finish_reasons.append(event.finish_reason)

    def _add(self, ids: Sequence[int], mask: int, logprobs: Sequence[float] | None) -> None:
        self.ids += ids
        self.mask += [mask] * len(ids)
        if self.logprobs is None or logprobs is None:
            self.logprobs = None
        else:
            self.logprobs += logprobs
