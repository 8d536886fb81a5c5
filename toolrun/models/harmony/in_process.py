"""How are tokens sampled by a vLLM in this process, without a server?

`EngineSampler` samples by vLLM's `AsyncLLM`: it streams, takes each step when it comes, and aborts
the request of a step that is cancelled. `BatchSampler` samples by vLLM's `LLM`, many sessions'
steps in one `generate` call, for batches. Both need the package vllm in this environment.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

import anyio
import sniffio

from toolrun.errors import ConfigError
from toolrun.models.harmony.tokens import Sampled
from toolrun.models.harmony.vllm_terms import logprobs, params, prompt, refused, vllm
from toolrun.tools.threads import poster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.harmony.tokens import OnTokens, TokenRequest

_GATHER_S: Final = 0.005
_POLL_S: Final = 0.02


class EngineSampler:
    """Samples tokens by an `AsyncLLM` of this process, many steps at once.

    vLLM's engine belongs to one asyncio loop: the one that samples first. Under trio it cannot run;
    there, take `BatchSampler` or a server.

    Args:
        engine: a `vllm.v1.engine.async_llm.AsyncLLM`, which stays its owner's to shut down.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._longest: int = engine.model_config.max_model_len
        self._owned = False
        self._loop: object = None
        self._sent = 0

    @classmethod
    def start(cls, model: str, **options: object) -> Self:
        """Start an engine of one's own, which `aclose` shuts down. It blocks while weights load.

        Args:
            model: a name of Hugging Face's or a folder.
            options: further fields of vLLM's `AsyncEngineArgs` (`max_model_len=32768`).

        Raises:
            MissingExtra: vllm is not installed.
        """
        vllm()
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        made = cls(AsyncLLM.from_engine_args(AsyncEngineArgs(model=model, **options)))
        made._owned = True
        return made

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        """Sample a step; see `TokenSampler.sample`. Cancelling it aborts its request.

        Raises:
            ConfigError: this is not asyncio, or not the loop that the engine runs on.
            ServerError: the engine refused the step, gave it up or is dead ("engine-dead").
            ContextTooLong: the prompt leaves no room.
        """
        self._same_loop()
        asked = prompt(request, self._longest)
        wanted = params(request, self._longest, deltas=on_tokens is not None)
        self._sent += 1
        name = f"toolrun-{self._sent}-{request.request_id}"
        tokens: list[int] = []
        numbers: list[float] | None = [] if request.logprobs else None
        last: Any = None
        try:
            async with contextlib.aclosing(self._engine.generate(asked, wanted, name)) as outputs:
                async for last in outputs:
                    (output,) = last.outputs
                    tokens += output.token_ids
                    if numbers is not None:
                        numbers += logprobs(output)
                    if on_tokens is not None and output.token_ids:
                        _tell(on_tokens, output.token_ids)
        except _Told as told:  # the request is aborted by now
            raise told.error from None
        except Exception as error:
            raise refused(error) from error
        except BaseException:
            # vLLM aborts by itself, but awaits within a scope that is cancelled already.
            with anyio.CancelScope(shield=True):
                await self._engine.abort(name)
            raise
        return _sampled(last, tokens, numbers)

    async def context_length(self, name: str) -> int:  # noqa: ARG002 - there is one model
        """Tokens that the model takes, prompt and reply together.

        Args:
            name: of the model, as the server has it.
        """
        return self._longest

    async def aclose(self) -> None:
        """Shut the engine down where `start` has started it; no step may run."""
        if self._owned:
            self._owned = False
            self._engine.shutdown()

    def _same_loop(self) -> None:
        if (library := sniffio.current_async_library()) != "asyncio":
            raise ConfigError(
                f"vLLM's AsyncLLM runs on asyncio alone, and this is {library}: run the session by "
                "asyncio, or sample by BatchSampler or a vLLM server (base_url)"
            )
        import asyncio

        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ConfigError(
                "this AsyncLLM belongs to another event loop, the one that sampled first: keep its "
                "sessions in one loop, or start an engine for each"
            )


class BatchSampler:
    """Samples tokens by an `LLM` of this process: steps that wait while a batch runs are the next.

    It runs under asyncio and trio, for sessions of several loops, too. Nothing is streamed. A step
    that is cancelled leaves its batch at once, or is left out of the next one; what its batch has
    begun is sampled to the end, for nobody.

    Args:
        llm: a `vllm.LLM`, which stays its owner's. Nobody else may use it meanwhile.
    """

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._longest: int = llm.llm_engine.model_config.max_model_len
        self._owned = False
        self._lock = threading.Lock()
        self._waiting: list[_Step] = []
        self._running = False

    @classmethod
    def start(cls, model: str, **options: object) -> Self:
        """Start an `LLM` of one's own, which `aclose` shuts down. It blocks while weights load.

        Args:
            model: a name of Hugging Face's or a folder.
            options: further arguments of `vllm.LLM` (`max_model_len=32768`).

        Raises:
            MissingExtra: vllm is not installed.
        """
        made = cls(vllm().LLM(model=model, **options))
        made._owned = True
        return made

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        """Sample a step in the next batch; see `TokenSampler.sample`.

        Raises:
            ServerError: the engine refused the step, gave its batch up or is dead.
            ContextTooLong: the prompt leaves no room.
        """
        step = _Step(
            prompt(request, self._longest), params(request, self._longest, deltas=False), request
        )
        with self._lock:
            self._waiting.append(step)
            if not self._running:
                self._running = True
                threading.Thread(target=self._work, name="toolrun batch", daemon=True).start()
        sampled = await step.sampled()
        if on_tokens is not None:
            on_tokens(sampled.tokens)
        return sampled

    async def context_length(self, name: str) -> int:  # noqa: ARG002 - there is one model
        """Tokens that the model takes, prompt and reply together.

        Args:
            name: of the model, as the server has it.
        """
        return self._longest

    async def aclose(self) -> None:
        """Shut the engine down where `start` has started it, after the batch that may still run."""
        while self._running:  # noqa: ASYNC110 - its steps were cancelled: nobody is told of its end
            await anyio.sleep(_POLL_S)
        if self._owned:
            self._owned = False
            self._llm.llm_engine.engine_core.shutdown()

    def _work(self) -> None:
        """In a thread: a batch after the other, until nobody waits."""
        # Sessions that start together come within milliseconds; a batch takes seconds.
        time.sleep(_GATHER_S)
        while batch := self._next_batch():
            self._generate(batch)

    def _generate(self, batch: Sequence[_Step]) -> None:
        try:
            outputs: Sequence[Any] = self._llm.generate(
                [step.prompt for step in batch], [step.params for step in batch], use_tqdm=False
            )
        except Exception as error:  # noqa: BLE001 - raised in the step that waits for it
            if len(batch) == 1:
                batch[0].failed(error)
                return
            for step in batch:  # vLLM refuses all for one that does not fit
                self._generate([step])
        else:
            for step, output in zip(batch, outputs, strict=True):
                step.finished(output)

    def _next_batch(self) -> list[_Step]:
        with self._lock:
            batch = [step for step in self._waiting if not step.left]
            self._waiting.clear()
            self._running = bool(batch)
            return batch


class _Step:
    """A step that waits for its batch, and for word from the thread that runs it."""

    def __init__(self, prompt: Any, params: Any, request: TokenRequest) -> None:
        self.prompt = prompt
        self.params = params
        self.left = False
        self._logprobs = request.logprobs
        self._post = poster()
        self._done = anyio.Event()
        self._sampled: Sampled | None = None
        self._error: Exception | None = None

    async def sampled(self) -> Sampled:
        try:
            await self._done.wait()
        except BaseException:
            self.left = True
            raise
        if self._sampled is None:
            assert self._error is not None
            raise refused(self._error) from self._error
        return self._sampled

    def finished(self, output: Any) -> None:
        try:
            (completion,) = output.outputs
            numbers = logprobs(completion) if self._logprobs else None
            self._sampled = _sampled(output, completion.token_ids, numbers)
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            self._error = error
        self._tell()

    def failed(self, error: Exception) -> None:
        self._error = error
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop has ended meanwhile
            self._post(self._done.set)


class _Told(Exception):
    """What `on_tokens` raised, kept apart from what the engine raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _tell(on_tokens: OnTokens, tokens: Sequence[int]) -> None:
    try:
        on_tokens(tokens)
    except Exception as error:
        raise _Told(error) from error


def _sampled(output: Any, tokens: Sequence[int], numbers: Sequence[float] | None) -> Sampled:
    """What the last `RequestOutput` of a step says, with the tokens of all."""
    return Sampled(
        tokens=tuple(tokens),
        logprobs=None if numbers is None else tuple(numbers),
        finish_reason=output.outputs[0].finish_reason,
        prompt_tokens=len(output.prompt_token_ids),
        cached_tokens=output.num_cached_tokens,
    )
