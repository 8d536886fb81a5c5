"""How is a step sampled token by token, and its reasoning kept to the token?"""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING, Literal

from msgspec import structs

from toolrun.errors import ConfigError, MalformedOutput
from toolrun.events import (
    AssistantMessage,
    ReasoningDelta,
    RequestSent,
    StepFinished,
    TextDelta,
)
from toolrun.models.dialects import GENERIC
from toolrun.models.harmony.body import encode_body
from toolrun.models.harmony.parse import StepParser
from toolrun.models.harmony.prompt import history_of
from toolrun.models.harmony.proof import prove
from toolrun.models.harmony.render import Renderer
from toolrun.models.harmony.tokens import CALL, RETURN, TokenRequest
from toolrun.models.harmony.vocabulary import check_installed, load_beside
from toolrun.models.lengths import length_of
from toolrun.models.sent import added_messages
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.models.harmony.parse import Parsed
    from toolrun.models.harmony.prompt import Prompt
    from toolrun.models.harmony.tokens import Sampled, TokenSampler
    from toolrun.models.model import Observe, Request
    from toolrun.models.proof import Proof

VIA = "harmony"
MODEL = "openai/gpt-oss-20b"
OTHERS = ("<|start|>functions", "<|start|>python", "<|start|>browser", "<|start|>user")
"""Who speaks after a call that did not stop the model: what they say would be made up."""
_numbers = itertools.count(1)


class HarmonyModel:
    """gpt-oss, sampled token by token: toolrun renders its prompts and reads what it writes.

    The prompt of a step begins with the prompt of the step before and all that was sampled in it,
    to the token. Two ids differ from what was sampled where a conversation goes on behind it:
    `<|return|>` is stored as `<|end|>`, as harmony asks for, and the beginning of a header that was
    cut off by `max_tokens` is left out.

    Args:
        sampler: samples the tokens: `CompletionsSampler`, or one of this process.
        name: of the model, where a session does not name one.
        keep_reasoning: "turn" drops the reasoning when a turn has its answer, which is what the
            model was trained with: each turn has one new prefix. "all" never does.
        logprobs: whether each sampled token's log-probability is wanted (`AssistantMessage`).
        stop_at_call: whether `<|call|>` ends a step, as the model was trained with; False lets it
            make several calls in one.
        date: YYYY-MM-DD, of all prompts, whatever the session's is.

    Raises:
        MissingExtra: no harmony library is installed.
        ConfigError: two are.
    """

    sound = True
    """See `Model`."""

    def __init__(
        self,
        sampler: TokenSampler,
        *,
        name: str = MODEL,
        keep_reasoning: Literal["turn", "all"] = "turn",
        logprobs: bool = False,
        stop_at_call: bool = True,
        date: str | None = None,
    ) -> None:
        if keep_reasoning not in ("turn", "all"):
            raise ConfigError(f"keep_reasoning must be 'turn' or 'all', not {keep_reasoning!r}")
        check_installed()
        self.name = name
        self.sampler = sampler
        self._keep_all = keep_reasoning == "all"
        self._logprobs = logprobs
        self._stop_at_call = stop_at_call
        self._date = date
        self._renderer: Renderer | None = None

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Sample one step; see `Model.sample`.

        Raises:
            ServerError: as its subclass says; MalformedOutput for what is no harmony.
            ContextTooLong: the conversation no longer fits.
            ConfigError: harmony's vocabulary cannot be loaded, or a setting is not harmony's.
        """
        asked = request  # with its own date: a replay has no model, and knows no other
        if self._date is not None:
            request = structs.replace(request, date=self._date)
        renderer = self._renderer or await self._load()
        history = history_of(request, renderer, keep_all=self._keep_all)
        prompt = history.prompt(request)
        if observe is not None:
            observe(_sent(asked))
        began = time.perf_counter()
        parser = self._parser(request, renderer, observe)
        first: float | None = None

        def on_tokens(tokens: Sequence[int]) -> None:
            nonlocal first
            first = first or time.perf_counter()
            parser.feed(tokens)

        sampled = await self.sampler.sample(
            self._token_request(request, prompt), on_tokens if request.streams else None
        )
        if parser.count < len(sampled.tokens):
            parser.feed(sampled.tokens[parser.count :])
        parsed = parser.finish(cut=sampled.finish_reason == "length")
        tokens = sampled.tokens
        history.remember(tokens, parsed)
        message = _message(request, prompt, sampled, parsed, history.call_id)
        _check_choice(request, message)
        if observe is not None:
            took = time.perf_counter() - began
            observe(StepFinished(round(took, 6), first and round(first - began, 6), message.usage))
        return message

    async def context_length(self, name: str) -> int | None:
        """Tokens that a model takes, prompt and reply together; None where nobody says.

        Args:
            name: of the model, as the server has it.
        """
        return await length_of(self.sampler, name or self.name)

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Whether the reasoning of a step is in the prompt of the next one of the same turn.

        The prompt is the one that was sent, to the token, so nobody has to be asked.

        Args:
            name: of the model; all have one vocabulary.
            step: has the reasoning.
            later: the step behind it.

        Raises:
            ServerError: the later step was not sampled directly.
        """
        del name
        renderer = self._renderer or await self._load()
        return prove(renderer.encoding, step, later)

    async def aclose(self) -> None:
        """Close the sampler."""
        await self.sampler.aclose()

    async def _load(self) -> Renderer:
        encoding = await load_beside()
        self._renderer = self._renderer or Renderer(encoding)
        return self._renderer

    def _parser(self, request: Request, renderer: Renderer, observe: Observe | None) -> StepParser:
        if observe is None or not request.stream:
            return StepParser(renderer.encoding, request.builtins, on_call=request.on_call)
        return StepParser(
            renderer.encoding,
            request.builtins,
            on_reasoning=lambda text: observe(ReasoningDelta(text)),
            on_text=lambda text: observe(TextDelta(text)),
            on_call=request.on_call,
        )

    def _token_request(self, request: Request, prompt: Prompt) -> TokenRequest:
        sampling = request.sampling
        if not self._stop_at_call:
            sampling = structs.replace(sampling, stop=(*(sampling.stop or ()), *OTHERS))
        return TokenRequest(
            prompt.ids,
            sampling,
            (RETURN, CALL) if self._stop_at_call else (RETURN,),
            self._logprobs,
            request.model or self.name,
            # The ids are there anyway, and samplers of this process know no such field.
            {name: each for name, each in request.extra.items() if name != "return_token_ids"},
            f"{request.session or 'step'}-{next(_numbers)}",
        )


def _sent(request: Request) -> RequestSent:
    body = encode_body(request, GENERIC)
    return RequestSent(
        hashlib.sha256(body).hexdigest(),
        len(body),
        added_messages(request),
        GENERIC.name,
        request.streams,
        VIA,
    )


def _message(
    request: Request,
    prompt: Prompt,
    sampled: Sampled,
    parsed: Parsed,
    call_id: Callable[[tuple[int, int], int], str],
) -> AssistantMessage:
    calls = tuple(
        ToolCall(call_id(prompt.place, number), call.name, call.arguments)
        for number, call in enumerate(parsed.calls, 1)
    )
    reason = sampled.finish_reason
    return AssistantMessage(
        content=_until_stop(request, sampled, parsed.content),
        reasoning=parsed.reasoning,
        tool_calls=calls,
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        usage=Usage(
            sampled.prompt_tokens or len(prompt.ids),
            len(sampled.tokens),
            sampled.cached_tokens or 0,
            parsed.reasoning_tokens,
        ),
        response_id=sampled.response_id,
        token_ids=sampled.tokens,
        rendered_token_ids=prompt.rendered,
        continues=prompt.continues,
        logprobs=sampled.logprobs,
    )


def _until_stop(request: Request, sampled: Sampled, content: str | None) -> str | None:
    """The text up to the user's stop text that ended it, as Chat Completions has it."""
    stops = request.sampling.stop
    if content is None or not stops or sampled.finish_reason != "stop":
        return content
    if sampled.tokens and sampled.tokens[-1] in (RETURN, CALL):
        return content
    ends = [at for stop in stops if (at := content.find(stop)) >= 0]
    return content[: min(ends)] or None if ends else content


def _check_choice(request: Request, message: AssistantMessage) -> None:
    """Refuse a step that does not call what `tool_choice` asks for: it is sampled again.

    Raises:
        MalformedOutput: it does not.
    """
    choice = request.tool_choice
    if choice in (None, "auto", "none") or message.finish_reason == "length":
        return
    wanted = None
    if isinstance(choice, dict):
        wanted = choice.get("function", choice).get("name")
    if not request.tools or request.response_format is not None:
        return
    if not any(wanted in (None, call.name) for call in message.tool_calls):
        raise MalformedOutput(
            f"the model did not call {wanted or 'a tool'}, which tool_choice asks for", "no-call"
        )
