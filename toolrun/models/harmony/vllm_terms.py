"""How is a step said in the words of vLLM's Python API, and what does its output say?

Read from vLLM 0.28.0 and 0.32.0: `TokensPrompt`, `SamplingParams`, `RequestOutput`. Prompts are ids
(`LLM.generate(prompt_token_ids=...)` of older guides is gone since 0.10.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import ConfigError, ContextTooLong, ServerError, ServerStatus
from toolrun.extras import need
from toolrun.models.harmony.tokens import CALL

if TYPE_CHECKING:
    from toolrun.models.harmony.tokens import TokenRequest

_XARGS: Final = "vllm_xargs"
"""What `vllm serve` calls `SamplingParams.extra_args`."""
_OURS: Final = frozenset(
    (
        *("detokenize", "flat_logprobs", "ignore_eos", "logprobs", "max_tokens", "n"),
        *("output_kind", "stop_token_ids"),
    )
)
"""Fields of `SamplingParams` that a step decides by itself; `sampling` has the `max_tokens`."""
_LEAST: Final = -9999.0
"""Stands for minus infinity, which JSON has no word for; `vllm serve` says the same."""


def vllm() -> Any:
    """The package.

    Raises:
        MissingExtra: it is not installed.
    """
    return need("vllm", "vllm", "sampling in this process")


def prompt(request: TokenRequest, longest: int) -> Any:
    """The prompt of a step.

    Args:
        request: the step.
        longest: prompt and output together, in tokens (`max_model_len`).

    Raises:
        ContextTooLong: it leaves no room for an output.
    """
    if len(request.prompt) >= longest:
        raise ContextTooLong(
            f"the prompt has {len(request.prompt)} tokens, and the engine's context is {longest} "
            "with the output (max_model_len): shorten the conversation, or start the engine with a "
            "larger max_model_len",
            tokens=len(request.prompt),
            length=longest,
        )
    return vllm().TokensPrompt(prompt_token_ids=list(request.prompt))


def params(request: TokenRequest, longest: int, *, deltas: bool) -> Any:
    """The `SamplingParams` of a step.

    vLLM adds the stop ids of the model's generation config, of which `<|call|>` is one: not where
    that shall not stop the step. Fields of `extra` go along by their names in `SamplingParams`, and
    `vllm_xargs` as its `extra_args`.

    Args:
        request: the step.
        longest: prompt and output together, in tokens.
        deltas: whether the output is wanted piece by piece.

    Raises:
        ConfigError: `extra` has a field that `SamplingParams` has not, or one that toolrun sets.
        ServerStatus: vLLM refuses a value, as a server would with status 400.
    """
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    sampling = request.sampling
    chosen = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) if sampling.stop else None,
    }
    room = longest - len(request.prompt)
    own = {
        "max_tokens": min(room, sampling.max_tokens or room),
        "stop_token_ids": list(request.stop),
        "ignore_eos": CALL not in request.stop,
        "logprobs": 0 if request.logprobs else None,
        # The text is ours to make; only a stop text has to be looked for in it.
        "detokenize": bool(sampling.stop),
        "output_kind": RequestOutputKind.DELTA if deltas else RequestOutputKind.FINAL_ONLY,
    }
    given = _given(request.extra, SamplingParams)
    known = {name: value for name, value in chosen.items() if value is not None}
    try:
        return SamplingParams(**given | known | own)
    except Exception as error:
        raise refused(error) from error


def logprobs(output: Any) -> list[float]:
    """The log-probability of each id of a `CompletionOutput`, natural logarithms."""
    return [
        max(float(found[token].logprob), _LEAST)
        for token, found in zip(output.token_ids, output.logprobs or (), strict=True)
    ]


def refused(error: Exception) -> ServerError:
    """The error of a step that the engine did not take, or gave up."""
    names = {each.__name__ for each in type(error).__mro__}
    if names & {"VLLMClientError", "ValueError", "TypeError"}:
        return ServerStatus(f"vLLM in this process refused the step: {error}", 400)
    if "GracefulHTTPError" in names:  # its queue is full
        return ServerStatus(f"vLLM in this process is busy: {error}", 503)
    if "EngineDeadError" in names:
        dead = ServerError(
            "vLLM's engine in this process has died; its log says why. Start a new one"
        )
        dead.code = "engine-dead"
        return dead
    return ServerStatus(f"vLLM in this process failed: {type(error).__name__}: {error}", 500)


def _given(extra: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """What a user gives of `SamplingParams`, by its fields."""
    fields: Sequence[str] = kind.__struct_fields__  # type: ignore[attr-defined]  # a msgspec Struct
    given = {name: value for name, value in extra.items() if name != _XARGS}
    for name in given:
        if name in _OURS or name.startswith("_") or name not in fields:
            why = "is set by toolrun" if name in _OURS else "is none of vLLM's SamplingParams"
            raise ConfigError(f"extra_body: {name!r} {why}, which sampling in this process takes")
    if isinstance(grammar := given.get("structured_outputs"), Mapping):
        from vllm.sampling_params import StructuredOutputsParams

        given["structured_outputs"] = StructuredOutputsParams(**grammar)
    if (xargs := extra.get(_XARGS)) is not None:
        given["extra_args"] = dict(xargs)
    return given
