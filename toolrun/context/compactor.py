"""Does the next request fit, and what is done where it does not?

One thing at a time, until it fits: what lies before the last turns is summarised, old results are
trimmed, or the session stops, as `Compaction` says. The reasoning of the running turn is in none of
it: summaries end where a turn begins, and only results are trimmed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import anyio
from msgspec import Struct

from toolrun.clock import Clock
from toolrun.compaction import Compaction
from toolrun.context.summary import summarise, summarising
from toolrun.context.tally import Counts, Tally, tally_of
from toolrun.context.trimming import trimmed
from toolrun.errors import ContextTooLong, MalformedOutput
from toolrun.events import NOT_SUMMARISED, Compacted, Warned
from toolrun.models.harmony.sizes import load_sizes
from toolrun.models.lengths import length_of
from toolrun.models.model import Model, Request
from toolrun.retries import Retries
from toolrun.shortening import covered

if TYPE_CHECKING:
    from toolrun.journal import Journal
    from toolrun.limits import Meter

FLOOR = 2048
"""Tokens below which no server is asked how many it takes: no gpt-oss is served with less."""
_WORTH = 0.02
"""The share of the context that a compaction has to bring, unless the request does not fit."""
_SUMMARY = 400
"""Tokens that a summary is taken to have, before it is there."""
_TOOL = 77
"""Tokens of `recall_result` among the tools, counted on vLLM 0.28.0 and 0.32.0."""
_FAILED = "no summary"


class Fitting(Protocol):
    """Makes requests fit; a trace does it as it was done when it was recorded."""

    async def fit(self, journal: Journal, request: Request, meter: Meter) -> bool:
        """Do one thing about a request that is too long; whether something was done.

        Raises:
            ContextTooLong: nothing can be done.
        """
        ...

    async def refused(
        self, journal: Journal, request: Request, meter: Meter, error: ContextTooLong
    ) -> bool:
        """Do one thing about a request that a server found too long; whether something was done."""
        ...

    async def summarise(self, journal: Journal, request: Request, keep_turns: int) -> bool:
        """Have what lies before the last turns summarised; whether that was worth it.

        Raises:
            ServerError, ContextTooLong: the model gives no summary.
        """
        ...


class _Long(Struct, frozen=True, eq=False):
    """A request that is too long."""

    request: Request
    tally: Tally
    counts: Counts | None
    tokens: int
    length: int
    start: int
    target: int

    @property
    def fits(self) -> bool:
        """Whether there is room for a reply."""
        return self.tokens < self.length

    def before(self, end: int) -> int:
        """Tokens of the messages before an index, without reasoning."""
        sizes = (
            self.tally.size(self.request, at, self.counts, reasoning=False) for at in range(end)
        )
        return sum(sizes)


class Compactor(Struct, frozen=True, eq=False):
    """Makes the requests of a session fit.

    Attributes:
        compaction: when, and how.
        model: says how many tokens it takes, and summarises.
        length: how many it takes, where the user said so.
        retries: of a step that summarises.
        clock: waits between two of them.
        gate: see `Sampler`.
    """

    compaction: Compaction
    model: Model
    length: int | None
    retries: Retries
    clock: Clock
    gate: anyio.Semaphore | None = None

    async def fit(self, journal: Journal, request: Request, meter: Meter) -> bool:
        """See `Fitting.fit`; costs what is new in the request."""
        tally = tally_of(request)
        at_most = tally.at_most(request)
        if at_most < min(FLOOR, self.length or FLOOR):
            return False
        length = self.length or await length_of(self.model, request.model)
        if length is None or at_most <= self._start(request, length):
            return False
        counts = await load_sizes()
        tokens = tally.count(request, counts)
        exact = tally.exact
        long = self._long(request, tally, counts, tokens, length)
        if tokens <= long.start:
            return False
        if self.compaction.how != "stop" and await self._shorten(journal, long, meter):
            return True
        # What was estimated may fit for all that: the server says so, or refuses by its numbers.
        if (long.fits or not exact) and self.compaction.how != "stop":
            return False
        raise self._too_long(long)

    async def refused(
        self, journal: Journal, request: Request, meter: Meter, error: ContextTooLong
    ) -> bool:
        """See `Fitting.refused`; what the server counted is what counts."""
        if self.compaction.how == "stop":
            return False
        tally, counts = tally_of(request), await load_sizes()
        counted = tally.count(request, counts)
        tokens = error.tokens or counted
        length = error.length or self.length or min(tokens, counted)
        long = self._long(request, tally, counts, max(tokens, length), length)
        return await self._shorten(journal, long, meter)

    async def summarise(self, journal: Journal, request: Request, keep_turns: int) -> bool:
        """See `Fitting.summarise`."""
        tally, counts = tally_of(request), await load_sizes()
        length = self.length or await length_of(self.model, request.model) or 0
        tokens = tally.count(request, counts)
        long = self._long(request, tally, counts, tokens, length)
        turns = tally.users[bool(_offset(journal)) :]  # not the summary that there may be
        if keep_turns >= len(turns):
            return False
        end = turns[-keep_turns] if keep_turns else tally.length
        saved = long.before(end)
        if saved <= _SUMMARY:
            return False
        await self._summarised(journal, long, end, saved)
        return True

    def _start(self, request: Request, length: int) -> int:
        room = min(request.sampling.max_tokens or 0, length // 2)
        return int(self.compaction.when * (length - room))

    def _long(
        self, request: Request, tally: Tally, counts: Counts | None, tokens: int, length: int
    ) -> _Long:
        start = self._start(request, length)
        target = int(start * self.compaction.to / self.compaction.when)
        return _Long(request, tally, counts, tokens, length, start, target)

    async def _shorten(self, journal: Journal, long: _Long, meter: Meter) -> bool:
        """Do the first thing that brings enough; whether there was one."""
        if self.compaction.how != "summarise":
            return await self._trim(journal, long)
        return (
            await self._summarise(journal, long, meter, self.compaction.keep_turns)
            or await self._trim(journal, long)
            or (not long.fits and await self._summarise(journal, long, meter, 0))
        )

    async def _trim(self, journal: Journal, long: _Long) -> bool:
        places, left = trimmed(
            *(long.tally, long.request, long.counts, long.tokens),
            start=long.start,
            target=long.target,
        )
        if not places or not _is_worth(long, long.tokens - left):
            return False
        left += 0 if journal.state.recalls else _TOOL
        offset = _offset(journal)
        results = tuple(at + offset for at in places)
        await journal.record(
            Compacted(results=results, before=long.tokens, after=left, length=long.length)
        )
        return True

    async def _summarise(
        self, journal: Journal, long: _Long, meter: Meter, keep_turns: int
    ) -> bool:
        request, users = long.request, long.tally.users
        if len(users) <= keep_turns + 1 or request.cache.get(_FAILED) == users[-1]:
            return False
        end = users[-1 - keep_turns]
        saved = long.before(end)
        if not _is_worth(long, saved - _SUMMARY):
            return False
        meter.steps += 1
        try:
            await self._summarised(journal, long, end, saved)
        except (MalformedOutput, ContextTooLong) as error:
            request.cache[_FAILED] = users[-1]  # not again in this turn
            journal.report(Warned(NOT_SUMMARISED, f"the model gave no summary: {error}"))
            return False
        return True

    async def _summarised(self, journal: Journal, long: _Long, end: int, saved: int) -> None:
        """Have the messages before an index summarised."""
        asked = summarising(long.request, end, self.compaction.summary_tokens)
        key = f"{journal.session}.{journal.state.turn}.{journal.state.step}.summary"
        async with self.gate or contextlib.nullcontext():
            said = await summarise(self.model, asked, self.retries, self.clock, key)
        summary = (said.content or "").strip()
        after = max(long.tokens - saved + len(summary.encode()) // 3 + _SUMMARY // 10, 1)
        await journal.record(
            Compacted(
                covers=end + _offset(journal),
                summary=summary,
                usage=said.usage,
                before=long.tokens,
                after=after,
                length=long.length,
            )
        )

    def _too_long(self, long: _Long) -> ContextTooLong:
        what = {
            "trim": "no tool result is left that could be trimmed",
            "summarise": "nothing is left that could be summarised or trimmed",
            "stop": f'compaction stops a session at {self.compaction.when:.0%} ("stop")',
        }[self.compaction.how]
        more = "" if self.compaction.how == "summarise" else 'Compaction(how="summarise"), or '
        return ContextTooLong(
            f"the next request has about {long.tokens} tokens, and {long.request.model} takes "
            f"{long.length} with its reply; {what}. Set {more}serve the model with a longer "
            "context; undo() takes the last turn back",
            tokens=long.tokens,
            length=long.length,
        )


def _is_worth(long: _Long, saved: int) -> bool:
    """Whether a new prefix, which no cache holds, is made up for."""
    return saved > 0 and (not long.fits or saved >= _WORTH * long.length)


def _offset(journal: Journal) -> int:
    """How much further on a message stands in the transcript than among those that are sent."""
    covers = covered([event for _, event in journal.state.compactions])
    return covers - 1 if covers else 0
