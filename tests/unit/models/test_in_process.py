"""What do the samplers of a vLLM in this process say where it is not, or cannot run?

What they do with a real one is in tests/integration/test_in_process.py.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest
import sniffio

from toolrun.errors import ConfigError, MissingExtra, ServerError, ServerStatus
from toolrun.models.harmony import in_process
from toolrun.models.harmony.in_process import BatchSampler, EngineSampler
from toolrun.models.harmony.tokens import TokenRequest
from toolrun.models.harmony.vllm_terms import refused

CONFIG = SimpleNamespace(max_model_len=8)


@pytest.mark.parametrize("kind", [EngineSampler, BatchSampler])
def test_without_vllm_the_extra_is_named(kind: Any) -> None:
    with pytest.raises(MissingExtra, match=r"in this process needs .* vllm: .*'toolrun\[vllm\]'"):
        kind.start("openai/gpt-oss-20b")


async def test_without_vllm_a_step_names_the_extra() -> None:
    llm = SimpleNamespace(llm_engine=SimpleNamespace(model_config=CONFIG))
    with pytest.raises(MissingExtra, match=r"toolrun\[vllm\]"):
        await BatchSampler(llm).sample(TokenRequest([1]))


async def test_an_async_llm_refuses_trio_and_says_what_to_take() -> None:
    sampler = EngineSampler(SimpleNamespace(model_config=CONFIG))
    if sniffio.current_async_library() == "trio":
        with pytest.raises(ConfigError, match=r"runs on asyncio alone, and this is trio: .* Batch"):
            await sampler.sample(TokenRequest([1]))
    else:
        with pytest.raises(MissingExtra):
            await sampler.sample(TokenRequest([1]))
    await sampler.aclose()  # it is not ours: nothing is shut down


class VLLMClientError(Exception): ...


class EngineDeadError(Exception): ...


class GracefulHTTPError(Exception): ...


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("top_p must be in (0, 1]"), "http-400"),
        (VLLMClientError("no"), "http-400"),
        (GracefulHTTPError(), "http-503"),
        (EngineDeadError(), "engine-dead"),
        (RuntimeError("?"), "http-500"),
    ],
)
def test_what_the_engine_raises_is_an_error_as_a_server_would_say_it(
    error: Exception, code: str
) -> None:
    assert refused(error).code == code
    assert isinstance(refused(error), ServerStatus if code.startswith("http") else ServerError)


class Llm:
    """A `vllm.LLM` whose output for a prompt is what a test says."""

    def __init__(self, *outputs: Any) -> None:
        self.llm_engine = SimpleNamespace(model_config=CONFIG)
        self._outputs = list(outputs)

    def generate(self, prompts: list[Any], params: list[Any], *, use_tqdm: bool) -> list[Any]:
        del params, use_tqdm
        return [self._outputs.pop(0) for _ in prompts]


async def test_an_output_that_is_none_fails_its_step_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread that runs the batches goes on: else all later steps would wait for ever."""
    monkeypatch.setattr(in_process, "prompt", lambda request, longest: request.prompt)
    monkeypatch.setattr(in_process, "params", lambda request, longest, *, deltas: None)
    said = SimpleNamespace(token_ids=[7], finish_reason="stop")
    good = SimpleNamespace(outputs=[said], prompt_token_ids=[1], num_cached_tokens=0)
    sampler = BatchSampler(Llm(SimpleNamespace(outputs=[]), good))

    with anyio.fail_after(20):
        with pytest.raises(ServerError, match="refused the step"):
            await sampler.sample(TokenRequest([1]))
        assert (await sampler.sample(TokenRequest([1]))).tokens == (7,)
