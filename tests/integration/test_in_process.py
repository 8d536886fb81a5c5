"""Does toolrun sample by a real vLLM in its own process as it should? Both versions of it.

What runs there is in `in_process_checks.py`; here it is looked at.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.rig.versions import REPOSITORY, release
from toolrun import resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.inside import Inside

SAMPLERS = ("engine", "batch")


@pytest.fixture
def check(inside: Inside) -> Callable[..., Any]:
    """Runs a check in the process that has vLLM."""

    def call(name: str, **arguments: Any) -> Any:
        return inside.call(f"tests.integration.in_process_checks:{name}", **arguments)

    return call


def test_each_version_runs_with_its_own_harmony_library(
    check: Callable[..., Any], inside: Inside
) -> None:
    found = check("versions")
    wanted = release(inside.version)
    assert found["vllm"] == wanted.vllm
    assert found["harmony"] == wanted.harmony.partition("==")[0]
    assert Path(found["toolrun"]) == REPOSITORY / "toolrun/__init__.py"
    assert wanted.vllm in found["executable"]


def test_the_example_of_the_guide_asks_for_the_weather_and_answers(
    check: Callable[..., Any],
) -> None:
    found = check("guide")
    assert (found["status"], found["text"]) == ("finished", "What is gold and warms the bay?")
    (called,) = found["calls"]
    assert called[0] == "get_current_weather"
    first, second = found["prompts"]
    assert "# Instructions\n\nAlways respond in riddles" in first
    assert "type get_current_weather = (_: {" in first
    assert first.endswith(
        "<|start|>user<|message|>What is the weather like in SF?<|end|><|start|>assistant"
    )
    # The reasoning and the call as they were sampled, then the result.
    assert second.startswith(f"{first}<|channel|>analysis<|message|>{found['reasoning'][0]}<|end|>")
    assert '"temperature":20' in second.removeprefix(first)


@pytest.mark.parametrize(("sampler", "stream"), [("engine", True), ("batch", False)])
def test_thirty_prompts_each_begin_with_the_one_before_and_what_it_sampled(
    check: Callable[..., Any], sampler: str, *, stream: bool
) -> None:
    found = check("thirty_steps", sampler=sampler, stream=stream)
    seen = found["seen"]
    assert len(seen) == 30
    for (prompt, sampled), (later, _) in pairwise(seen):
        assert later[: len(prompt) + len(sampled)] == prompt + sampled
        assert len(later) > len(prompt) + len(sampled)
    assert ("ReasoningDelta" in found["kinds"]) == stream
    # The prefix cache holds all of it but its last, unfinished block and what is new.
    read = [prompt for prompt, _ in seen]
    for cached, before in zip(found["cached"][1:], read, strict=False):
        assert cached >= len(before) - 128
    # And so does the trace, as one sequence with a mask.
    (record,) = found["records"]
    jsonschema.validate(record, resources.schema("token-record"))
    ids = [*record["prompt_ids"], *record["completion_ids"]]
    last_prompt, last_sampled = seen[-1]
    assert ids == last_prompt + last_sampled
    wrote = [
        (token, number)
        for token, mask, number in zip(
            record["completion_ids"], record["completion_mask"], record["logprobs"], strict=True
        )
        if mask
    ]
    assert [token for token, _ in wrote] == [token for _, sampled in seen for token in sampled]
    # A random model finds each token as likely as any: ln(1/201,088) is -12.2.
    assert all(-15 < number < -9 for _, number in wrote)
    assert record["steps"] == list(range(1, 31))


def test_cancelling_a_session_aborts_its_request_in_the_engine(check: Callable[..., Any]) -> None:
    found = check("cancelled")
    assert found["heard"] >= 5
    assert (found["unfinished"], found["running"]) == (0, 0)
    assert found["generated"] < 200  # of 3,000
    assert found["later"] < 10  # those of the step that was sampled meanwhile


def test_what_a_listener_raises_ends_the_sampling_and_comes_out(check: Callable[..., Any]) -> None:
    assert check("raising") == {"said": "LookupError(1)", "unfinished": 0}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_cannot_be_sampled_is_said(check: Callable[..., Any], sampler: str) -> None:
    found = check("refused", sampler=sampler)
    assert found["long"].startswith("ContextTooLong : the prompt has 8192 tokens, and the engine's")
    assert found["value"].startswith("ServerStatus http-400: ")
    assert "top_p" in found["value"]
    assert found["unknown"].startswith("ConfigError : extra_body: 'nope' is none of vLLM's")
    assert found["ours"].startswith("ConfigError : extra_body: 'stop_token_ids' is set by toolrun")
    assert found["prompt"].startswith("ServerStatus http-400: ")
    assert "vocabulary" in found["prompt"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_step_ends_where_it_is_asked_to(check: Callable[..., Any], sampler: str) -> None:
    one, two, text, length = check("stops", sampler=sampler)
    assert (one[0][-8:], one[1]) == ("<|call|>", "stop")
    assert two[0].startswith(one[0])  # <|call|> was none of its stop ids
    assert (two[0][-10:], two[1]) == ("<|return|>", "stop")
    assert text == ["<|channel|>final<|message|>one STOP", "stop"]
    assert length == ["<|channel|>final<|message|>one", "length"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_steps_that_wait_while_a_batch_runs_form_the_next(
    check: Callable[..., Any], backend: str
) -> None:
    found = check("batches", sessions=6, backend=backend)
    assert found["answers"] == [f"I am {number}." for number in range(6)]
    assert sum(found["sizes"]) == 12
    assert len(found["sizes"]) <= 6  # not one by one; how they fall depends on the machine


def test_a_step_that_does_not_fit_spoils_no_batch(check: Callable[..., Any]) -> None:
    first, bad, last = check("one_bad_step_of_a_batch")
    assert (first, last) == (
        "<|channel|>final<|message|>First.<|return|>",
        "<|channel|>final<|message|>Last.<|return|>",
    )
    assert bad.startswith("ServerStatus: vLLM in this process refused the step: ")


def test_a_cancelled_step_does_not_wait_for_its_batch(check: Callable[..., Any]) -> None:
    found = check("cancelled_batch")
    assert found["done"] == ["other"]
    assert found["left"] < found["took"]


def test_an_engine_says_which_loop_it_cannot_run_on(check: Callable[..., Any]) -> None:
    other, trio = check("wrong_loops")
    assert other.startswith("ConfigError: this AsyncLLM belongs to another event loop")
    assert trio.startswith("ConfigError: vLLM's AsyncLLM runs on asyncio alone, and this is trio")
