"""How does toolrun sample the embedded model? As any sampler of tokens, in threads of this process.

There is no network, no download and no server. Steps that run at once share the processor.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from toolrun.embedded import NAME, NANO, NEEDS
from toolrun.errors import ContextTooLong, ModelNotFound
from toolrun.extras import need
from toolrun.models.harmony import vocabulary
from toolrun.models.harmony.model import HarmonyModel
from toolrun.models.harmony.tokens import Sampled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolrun.models.harmony.tokens import OnTokens, TokenRequest
    from toolrun.models.nano.run import Past, Run, Voice

NAMES: Final = (NAME, NANO)
"""The names that it answers to."""
_WHAT = "the embedded model"
_PIECE = 4
"""How many tokens come at once: 20 ms of work, after which a step can be cancelled."""
_DATE = "2026-01-01"
"""In its prompts, whatever the day: what it says must not change with that."""
_KEPT = 4
"""Of how many conversations the keys and values are kept: 16 KB a token each."""
_AT_ONCE = 2
"""How many steps are sampled at once; others wait. More are no faster, and take more memory."""
_lanes: RunVar[anyio.CapacityLimiter] = RunVar("lanes of the embedded model")
_loading = threading.Lock()


class NanoSampler:
    """Samples tokens by the embedded model; greedy, where no temperature is asked for.

    Args:
        path: of the model's file; None for the one that ships.

    Raises:
        MissingExtra: numpy is not installed.
    """

    def __init__(self, path: Path | None = None) -> None:
        check_there()
        self._path = path
        self._pasts: deque[Past] = deque(maxlen=_KEPT)

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        """Sample a step; see `TokenSampler.sample`.

        Raises:
            ModelNotFound: another model is asked for.
            ContextTooLong: the prompt leaves no room.
            ConfigError: the model's file or harmony's vocabulary cannot be read.
        """
        check_name(request.model or NAME)
        async with _lane():
            return await self._sampled(request, on_tokens)

    async def _sampled(self, request: TokenRequest, on_tokens: OnTokens | None) -> Sampled:
        run = await anyio.to_thread.run_sync(self._begun, request)
        stops, end = request.sampling.stop or (), None
        while run.reason is None and end is None:
            came = await anyio.to_thread.run_sync(run.advance, _PIECE)
            end = _end(run.said, len(came), stops) if stops else None
            if came and on_tokens is not None:
                on_tokens(came if end is None else came[: end - len(run.said) or None])
        self._keep(run.past())
        return Sampled(
            tuple(run.said[:end]),
            logprobs=tuple(run.logprobs[:end]) if request.logprobs else None,
            finish_reason="stop" if end is not None else run.reason,
            prompt_tokens=len(request.prompt),
            cached_tokens=run.cached,
        )

    async def context_length(self, name: str) -> int:
        """Tokens that it takes, prompt and reply together."""
        del name
        from toolrun.models.nano.cache import CONTEXT

        return CONTEXT

    async def aclose(self) -> None:
        """Forget what was kept of conversations."""
        self._pasts.clear()

    def _keep(self, past: Past) -> None:
        """Keep it for a step that goes on from it; no more in all than half a context, or one."""
        from toolrun.models.nano.cache import CONTEXT

        self._pasts.append(past)
        while len(self._pasts) > 1 and sum(len(one.tokens) for one in self._pasts) > CONTEXT // 2:
            self._pasts.popleft()

    def _begun(self, request: TokenRequest) -> Run:
        from toolrun.models.nano.cache import CONTEXT
        from toolrun.models.nano.run import Run

        if len(request.prompt) >= CONTEXT:
            raise ContextTooLong(
                f"the embedded model's maximum context length is {CONTEXT} tokens, and the prompt "
                f"contains {len(request.prompt)} input tokens. Begin a new session, or give it "
                "fewer tools",
                tokens=len(request.prompt),
                length=CONTEXT,
            )
        past = max(list(self._pasts), key=lambda one: one.shares(request.prompt), default=None)
        wanted = request.logprobs
        voice = self.voice()
        return Run(voice, request.prompt, request.stop, request.sampling, past, logprobs=wanted)

    def voice(self) -> Voice:
        """The model, read at its first use in this process; it takes under a second."""
        from toolrun.models.nano.weights import FILE

        with _loading:
            return _read(self._path or FILE)


def _lane() -> anyio.CapacityLimiter:
    """What lets so many steps of an event loop go on at once."""
    found = _lanes.get(None)
    if found is None:
        found = anyio.CapacityLimiter(_AT_ONCE)
        _lanes.set(found)
    return found


@lru_cache(maxsize=2)
def _read(path: Path) -> Voice:
    """A model; nothing in it changes, so that all who sample it share it."""
    from toolrun.models.nano.body import Body
    from toolrun.models.nano.drafts import usual
    from toolrun.models.nano.run import Voice
    from toolrun.models.nano.weights import read
    from toolrun.models.nano.words import Words

    weights = read(path)
    return Voice(weights, Body(weights), Words(weights, vocabulary.load()), usual())


def _end(said: Sequence[int], new: int, stops: Sequence[str]) -> int | None:
    """After how many tokens one of the texts was said that end a step; None where none was."""
    encoding = vocabulary.load()
    for end in range(len(said) - new + 1, len(said) + 1):
        text = encoding.decode(said[:end])
        if any(stop in text for stop in stops):
            return end
    return None


def check_there() -> None:
    """See whether all is installed that it needs.

    Raises:
        MissingExtra: it is not.
    """
    for module in NEEDS:
        need(module, "embedded", _WHAT)


def check_name(name: str) -> None:
    """Refuse a name that is another model's.

    Raises:
        ModelNotFound: it is.
    """
    if name not in NAMES:
        raise ModelNotFound(
            f"the embedded model is no {name!r}: it is called {NANO}; name it with --model, or say "
            "where the server of the other one is: --base-url",
            (NANO,),
        )


def nano(path: Path | None = None) -> HarmonyModel:
    """The embedded model, as a session takes it: `Session(model=nano(), tools=[...])`.

    It calls tools, copies their arguments, reads their results and answers; it knows nothing, and
    says nothing that was not in its prompt or its training. A toy with real wiring.

    Args:
        path: of other weights; those that ship where None.

    Raises:
        MissingExtra: numpy or a harmony library is not installed.
    """
    return HarmonyModel(NanoSampler(path), name=NAME, date=_DATE)
