"""What do the samplers in this process make of what an engine says? With one that stands in.

What they do with a real one is in tests/integration/test_in_process.py.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import sniffio
from msgspec import Struct

from toolrun.errors import ConfigError, ServerStatus
from toolrun.models.harmony.in_process import BatchSampler, EngineSampler
from toolrun.models.harmony.tokens import TokenRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

CONFIG = SimpleNamespace(max_model_len=8)


class Params(Struct, kw_only=True):
    """The fields of vLLM's that are looked at."""

    max_tokens: int = 0
    stop_token_ids: Any = None
    ignore_eos: bool = False
    logprobs: int | None = None
    detokenize: bool = True
    output_kind: str = ""
    top_k: int = 0
    structured_outputs: Any = None
    extra_args: Any = None


@pytest.fixture(autouse=True)
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, as far as it is used."""
    package: Any = ModuleType("vllm")
    package.__spec__ = ModuleSpec("vllm", None)
    package.TokensPrompt = SimpleNamespace
    terms: Any = ModuleType("vllm.sampling_params")
    terms.SamplingParams = Params
    terms.RequestOutputKind = SimpleNamespace(DELTA="delta", FINAL_ONLY="final")
    terms.StructuredOutputsParams = lambda **grammar: ("grammar", grammar)
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", terms)


def output(prompt: Sequence[int], tokens: list[int], finish: str | None = "stop") -> Any:
    """What vLLM calls a `RequestOutput`."""
    numbers = [{token: SimpleNamespace(logprob=-0.5)} for token in tokens]
    completion = SimpleNamespace(token_ids=tokens, logprobs=numbers, finish_reason=finish)
    return SimpleNamespace(outputs=[completion], prompt_token_ids=prompt, num_cached_tokens=1)


class Engine:
    """An `AsyncLLM` that says these pieces; an error is raised."""

    model_config = CONFIG

    def __init__(self, *pieces: Any) -> None:
        self.aborted: list[str] = []
        self.asked: list[Any] = []
        self._pieces = pieces

    async def generate(self, prompt: Any, params: Any, name: str) -> AsyncIterator[Any]:
        self.asked.append((prompt, params, name))
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                await anyio.sleep_forever()
            yield output(prompt.prompt_token_ids, piece)

    async def abort(self, name: str) -> None:
        self.aborted.append(name)


asyncio_only = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""vLLM's engine runs on asyncio alone."""


@asyncio_only
async def test_pieces_are_told_as_they_come_and_add_up() -> None:
    told: list[list[int]] = []
    engine = Engine([5], [], [6, 7])
    request = TokenRequest([1, 2], logprobs=True, request_id="r")
    sampled = await EngineSampler(engine).sample(request, lambda each: told.append([*each]))
    assert told == [[5], [6, 7]]
    assert (sampled.tokens, sampled.logprobs) == ((5, 6, 7), (-0.5, -0.5, -0.5))
    assert (sampled.finish_reason, sampled.prompt_tokens, sampled.cached_tokens) == ("stop", 2, 1)
    [(prompt, params, name)] = engine.asked
    assert (prompt.prompt_token_ids, params.max_tokens, params.output_kind, name) == (
        [1, 2],
        6,
        "delta",
        "toolrun-1-r",
    )
    plain = await EngineSampler(Engine([5])).sample(TokenRequest([1]))
    assert plain.logprobs is None


@asyncio_only
async def test_what_a_listener_raises_is_not_the_engines() -> None:
    def refuses(_: Sequence[int]) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await EngineSampler(Engine([5])).sample(TokenRequest([1]), refuses)
    with pytest.raises(ServerStatus, match="KeyError"):
        await EngineSampler(Engine(KeyError("its"))).sample(TokenRequest([1]))


@asyncio_only
async def test_a_step_that_is_cancelled_is_aborted() -> None:
    engine = Engine([5], None)
    with anyio.CancelScope() as scope:
        await EngineSampler(engine).sample(TokenRequest([1]), lambda _: scope.cancel())
    assert engine.aborted == [engine.asked[0][2]]


@asyncio_only
async def test_an_engine_belongs_to_the_loop_that_sampled_first() -> None:
    sampler = EngineSampler(Engine([5]))
    await sampler.sample(TokenRequest([1]))
    assert (await sampler.sample(TokenRequest([1]))).tokens == (5,)

    async def elsewhere() -> None:
        with pytest.raises(ConfigError, match="another event loop"):
            await sampler.sample(TokenRequest([1]))

    await anyio.to_thread.run_sync(lambda: anyio.run(elsewhere))


class Batches:
    """An `LLM` that refuses any batch with the token 9 in it."""

    llm_engine = SimpleNamespace(model_config=CONFIG)

    def generate(self, prompts: Sequence[Any], params: Any, *, use_tqdm: bool) -> list[Any]:
        del params, use_tqdm
        if any(9 in each.prompt_token_ids for each in prompts):
            raise ValueError("9 is no token")
        given = [each.prompt_token_ids for each in prompts]
        return [output(each, [each[0] + 1]) for each in given]


async def test_one_step_that_does_not_fit_fails_alone() -> None:
    sampler = BatchSampler(Batches())
    came: dict[int, Any] = {}
    told: list[int] = []

    async def step(first: int) -> None:
        try:
            request = TokenRequest([first], logprobs=first == 1)
            came[first] = await sampler.sample(request, told.extend)
        except ServerStatus as error:
            came[first] = error.status

    async with anyio.create_task_group() as group:
        for first in (1, 9, 3):
            group.start_soon(step, first)
    await sampler.aclose()
    assert (came[1].tokens, came[1].logprobs) == ((2,), (-0.5,))
    assert (came[3].tokens, came[3].logprobs) == ((4,), None)
    assert came[9] == 400
    assert sorted(told) == [2, 4]
    assert await sampler.context_length(sniffio.current_async_library()) == 8


@asyncio_only
async def test_fields_of_the_users_reach_vllm_and_others_are_named() -> None:
    engine = Engine([5])
    extra = {"top_k": 3, "structured_outputs": {"regex": "a"}, "vllm_xargs": {"x": 1}}
    await EngineSampler(engine).sample(TokenRequest([1], extra=extra))
    params = engine.asked[0][1]
    assert (params.top_k, params.extra_args) == (3, {"x": 1})
    assert params.structured_outputs == ("grammar", {"regex": "a"})
    ours = [(name, "is set by toolrun") for name in ("logprobs", "max_tokens")]
    for name, why in (*ours, ("nothing", "is none of vLLM's")):
        with pytest.raises(ConfigError, match=why):
            await EngineSampler(engine).sample(TokenRequest([1], extra={name: 1}))


async def test_an_engine_of_ones_own_is_shut_down_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    core = SimpleNamespace(shutdown=lambda: ended.append("down"))
    llm = SimpleNamespace(llm_engine=SimpleNamespace(model_config=CONFIG, engine_core=core))
    monkeypatch.setattr(sys.modules["vllm"], "LLM", lambda **_: llm, raising=False)
    await BatchSampler(llm).aclose()  # its owner's
    assert ended == []
    sampler = BatchSampler.start("openai/gpt-oss-20b", max_model_len=8)
    for _ in range(2):
        await sampler.aclose()
    assert ended == ["down"]
