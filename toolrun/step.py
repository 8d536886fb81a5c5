"""How does one step come to a message that a turn can use?

Whatever the server or the model did wrong, the same step is sampled again and nothing is appended:
at once, after a wait, without streaming, or with a word to the model, as the fault asks for.
"""

from __future__ import annotations

import contextlib
import itertools
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import anyio
from msgspec import Struct, structs

from toolrun.clock import Clock
from toolrun.context.compactor import Fitting
from toolrun.errors import ContextTooLong, MalformedOutput, ServerError
from toolrun.events import AssistantMessage, Repaired, Retried, Warned
from toolrun.journal import Teller
from toolrun.models import faults
from toolrun.models.given import message_of
from toolrun.models.model import Model, Request
from toolrun.retries import Retries
from toolrun.tools.toolbox import Toolbox
from toolrun.transcript import reasoning_kept_from

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from toolrun.journal import Journal
    from toolrun.limits import Meter
    from toolrun.models.proof import Proof
    from toolrun.values import ToolCall

Accept: TypeAlias = Callable[[AssistantMessage], None]
"""Raises MalformedOutput for a message that will not do."""

PROOF_SECONDS = 10.0
"""A proof that takes longer is given up: it must not hold a session up."""
NUDGE = (
    "You have given neither an answer nor a tool call. Go on: call a tool, or write the answer "
    "in the final channel."
)


@runtime_checkable
class Proving(Protocol):
    """A model that can look into the prompts that it samples from."""

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Look for the reasoning of a step in the prompt of a later one."""


class Sampler(Struct, frozen=True, eq=False):
    """Samples the steps of a session.

    Attributes:
        toolbox: mends calls, and says which are beyond mending.
        retries: how often, and after which waits.
        gate: lets so many requests of the runtime through at once; None for any number.
        verify: the share of steps (0 to 1) for which it is proved that the reasoning before them
            was in their prompt.
        fitting: makes requests fit into the model's context; None leaves that to the server.
    """

    model: Model
    toolbox: Toolbox
    retries: Retries
    clock: Clock
    gate: anyio.Semaphore | None = None
    verify: float = 0.0
    fitting: Fitting | None = None

    async def fit(self, journal: Journal, request: Request, meter: Meter) -> bool:
        """Make the next request fit into the model's context; whether it had to be changed.

        Raises:
            ContextTooLong: it cannot be made to.
        """
        if self.fitting is None:
            return False
        return await self.fitting.fit(journal, self._step(journal, request), meter)

    async def summarise(self, journal: Journal, request: Request, keep_turns: int) -> bool:
        """Have what lies before the last turns summarised; whether that was worth it.

        Raises:
            ServerError, ContextTooLong: the model gives no summary.
        """
        if self.fitting is None:
            return False
        return await self.fitting.summarise(journal, self._step(journal, request), keep_turns)

    async def sample(
        self, journal: Journal, request: Request, meter: Meter, accept: Accept | None = None
    ) -> AssistantMessage:
        """Sample the next step and record its message.

        Args:
            journal: its transcript is what is sampled from.
            request: what stays the same from step to step.
            meter: a wait that the turn has no time for is not begun.
            accept: what this step needs beyond what every step does.

        Raises:
            ServerError: there is none to be had within the retry budget.
            ContextTooLong: the server takes no request so long, nor what was made of it.
        """
        with journal.within("step", name=request.model):
            try:
                return await self._sample(journal, request, meter, accept)
            except ContextTooLong as error:
                if not await self._refused(journal, request, meter, error):
                    raise
            return await self._sample(journal, request, meter, accept)

    async def _sample(
        self, journal: Journal, request: Request, meter: Meter, accept: Accept | None
    ) -> AssistantMessage:
        """See `sample`."""
        step = self._step(journal, request)
        key = f"{journal.session}.{journal.state.turn}.{journal.state.step}"
        before = _reasoned(step) if self._verifies(key) else None
        if before is not None and not step.extra.get("return_token_ids"):
            step = structs.replace(step, extra={**step.extra, "return_token_ids": True})
        attempt = 1  # of those that the budget of retries counts
        for sampled in itertools.count(1):
            journal.sampling = True
            try:
                message = await self._attempt(journal, step, attempt)
                if accept is not None:
                    accept(message)
            except ServerError as error:
                wait = self.retries.wait(error, attempt, key)
                left = meter.remaining()
                if wait is None or (left is not None and wait >= left):
                    raise
                step = self._again(step, error, attempt, wait)
                unstreamed = request.stream and not step.streams
                journal.report(
                    Retried(
                        *(sampled, str(error), wait, error.code, unstreamed),
                        *(error.server, error.elsewhere),
                    )
                )
                attempt += not error.elsewhere
                if wait:
                    await self.clock.sleep(wait)
            else:
                break
        if before is not None:
            await self._proved(journal, request, before, message)
            asked = request.extra.get("return_token_ids")
            if not asked and message.rendered_token_ids is None:
                message = structs.replace(message, prompt_token_ids=None, token_ids=None)
        await journal.record(message)
        return message

    def _step(self, journal: Journal, request: Request) -> Request:
        """The request of the next step."""
        state = journal.state
        recalls = state.recalls and request.tools
        return structs.replace(
            request,
            messages=state.sent,
            reasoning_from=reasoning_kept_from(state.sent),
            tools=self.toolbox.with_recall if recalls else request.tools,
            shortened=state.shortened,
        )

    async def _refused(
        self, journal: Journal, request: Request, meter: Meter, error: ContextTooLong
    ) -> bool:
        """Make a request fit that a server found too long; whether there was a way."""
        if self.fitting is None:
            return False
        step = self._step(journal, request)
        if not await self.fitting.refused(journal, step, meter, error):
            return False
        while await self.fit(journal, request, meter):
            pass
        return True

    async def _attempt(self, journal: Journal, step: Request, attempt: int) -> AssistantMessage:
        """Sample once; the calls of the message are mended where that is safe."""
        async with self.gate or _open():
            given = await self.model.sample(step, Teller(journal) if journal.listening else None)
        message = message_of(given, self.model)
        if _is_full(step, message):
            message = structs.replace(message, finish_reason="length")
        faults.check(message)
        if not message.tool_calls:
            return message
        # A reply that was cut off may lack more than a brace.
        mended = [
            (call, []) if message.finish_reason == "length" else self.toolbox.mend(call)
            for call in message.tool_calls
        ]
        calls = tuple(call for call, _ in mended)
        if message.finish_reason != "length":
            self._refuse_flaws(calls, step, attempt)
        for call, mends in mended:
            for mend in mends:
                journal.report(Repaired(call.id, mend.what, mend.before, mend.after))
        return structs.replace(message, tool_calls=calls) if any(m for _, m in mended) else message

    def _refuse_flaws(self, calls: tuple[ToolCall, ...], step: Request, attempt: int) -> None:
        """Refuse calls that sampling again may better; in the end the model is told of them."""
        for call in calls:
            flaw = self.toolbox.flaw(call)
            if flaw == "garbled" and step.streams and attempt <= self.retries.attempts:
                raise MalformedOutput(
                    f"the call of {call.name!r} came garbled in the stream (vLLM #26083, #27641)",
                    "garbled-call",
                )
            if flaw == "truncated" and attempt <= self.retries.attempts:
                raise MalformedOutput(
                    f"the arguments of {call.name} end before they are whole, and the server "
                    "does not say so (vLLM #53269)",
                    "truncated-call",
                )

    def _again(self, step: Request, error: ServerError, attempt: int, wait: float) -> Request:
        """The step as it is sampled after a fault."""
        if error.elsewhere:
            return structs.replace(step, avoid=(*step.avoid, error.server))
        if wait and step.avoid:  # by then any of them may be well again
            step = structs.replace(step, avoid=())
        if error.code == "garbled-call" and step.streams:
            return structs.replace(step, unstreamed=True)
        if error.code in ("nothing-said", "analysis-only") and attempt >= self.retries.attempts:
            return structs.replace(step, nudge=NUDGE)
        return step

    def _verifies(self, key: str) -> bool:
        """Whether this step is one of those that are verified: the same ones in a replay."""
        return self.verify > 0 and zlib.crc32(f"verify.{key}".encode()) / 2**32 < self.verify

    async def _proved(
        self,
        journal: Journal,
        request: Request,
        before: AssistantMessage,
        message: AssistantMessage,
    ) -> None:
        """Warn where the reasoning before a step was not in its prompt."""
        if not isinstance(self.model, Proving):
            return
        why = f"it took more than {PROOF_SECONDS:g} s"
        with anyio.move_on_after(PROOF_SECONDS):
            try:
                proof = await self.model.prove(request.model, before, message)
            except ServerError as error:
                why = str(error)
            else:
                journal.counts["ReasoningProved" if proof.found else "ReasoningDropped"] += 1
                if not proof.found:
                    journal.report(
                        Warned(
                            "reasoning-dropped",
                            f"the server dropped the reasoning that it was sent: its {proof.tokens}"
                            f" tokens are not in the prompt of {proof.prompt_tokens}",
                        )
                    )
                return
        journal.report(Warned("reasoning-not-verified", f"no proof could be had: {why}"))


def _is_full(step: Request, message: AssistantMessage) -> bool:
    """Whether a call took all the tokens that there were: vLLM hides that (#53269, #47963)."""
    most = step.sampling.max_tokens
    if message.finish_reason != "tool_calls" or most is None:
        return False
    return message.usage.completion_tokens >= most


def _reasoned(step: Request) -> AssistantMessage | None:
    """The last message whose reasoning goes out with a step."""
    for message in reversed(step.messages[step.reasoning_from :]):
        if isinstance(message, AssistantMessage):
            return message if message.reasoning else None
    return None


def _open() -> AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()
