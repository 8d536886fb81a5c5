"""Does an Agent of the OpenAI Agents SDK keep its reasoning on a real vLLM, by which of its models?

The example of the docs runs as a reader would run it. What was sampled from is what vLLM says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from agents import Agent, Runner, set_tracing_disabled

from tests.integration.agent_tools import get_weather
from tests.rig.recorder import Recorder, recording
from tests.rig.versions import REPOSITORY
from toolrun import Retries, Runtime
from toolrun.integrations.agents import ToolrunModel, function_tools
from toolrun.models.proof import find_analysis

if TYPE_CHECKING:
    from tests.rig.clients import Clients
    from tests.rig.oracle import Oracle
    from tests.rig.server import VllmServer

EXAMPLE: Final = REPOSITORY / "docs/examples/haiku_agent.py"
REASONING: Final = "I need the weather in Paris: get_weather knows."
ANSWER: Final = "It is 20 degrees in Paris."


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDK runs on asyncio alone."""
    return str(request.param)


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


def follow(way: str, url: str, question: str) -> str:
    """Run the example, as a reader would."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), way, question],
        env=os.environ | {"TOOLRUN_BASE_URL": url, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("way", ["sdk", "toolrun"])
def test_the_haiku_agent_answers(vllm: VllmServer, oracle: Oracle, way: str) -> None:
    question = vllm.script("one-call", "What's the weather in Paris?")
    with recording(vllm.root) as recorder:
        assert follow(way, recorder.url, question) == ANSWER
    first, second = recorder.steps

    if way == "toolrun":
        assert find_analysis(second.prompt, oracle.encode(REASONING)) > 0
        return
    assert (first.path, second.path) == ("/v1/responses", "/v1/responses")
    thought = [item for item in second.body["input"] if item.get("type") == "reasoning"]
    assert [part["text"] for item in thought for part in item["content"]] == [REASONING]
    without = [item for item in second.body["input"] if item.get("type") != "reasoning"]
    bare = vllm.post("/v1/responses", second.body | {"input": without, "stream": False})
    # The header and the end of a message are six tokens.
    lost = second.prompt_tokens - bare["usage"]["input_tokens"]
    assert lost == len(oracle.encode(REASONING)) + 6


async def run(model: ToolrunModel, tools: list[Any], question: str, *, streamed: bool) -> Any:
    set_tracing_disabled(disabled=True)
    agent = Agent(name="Weather", model=model, tools=tools)
    if not streamed:
        return await Runner.run(agent, question)
    result = Runner.run_streamed(agent, question)
    async for _ in result.stream_events():
        pass
    return result


async def test_each_reasoning_is_in_each_later_prompt(
    vllm: VllmServer, oracle: Oracle, *, streamed: bool
) -> None:
    with recording(vllm.root) as recorder:
        async with Runtime(base_url=recorder.url, model=vllm.model) as runtime:
            result = await run(
                ToolrunModel(runtime),
                function_tools([get_weather], runtime),
                vllm.script("preamble"),
                streamed=streamed,
            )
    assert result.final_output == ANSWER
    _, second = recorder.steps
    wanted = oracle.encode("I tell the user before I look.")
    assert find_analysis(second.prompt, wanted) > 0
    assert result.context_wrapper.usage.input_tokens == sum(
        step.prompt_tokens for step in recorder.steps
    )


async def test_what_the_model_broke_is_sampled_again(vllm: VllmServer, *, streamed: bool) -> None:
    async with Runtime(
        base_url=vllm.url, model=vllm.model, retries=Retries(first_wait=0.01)
    ) as runtime:
        result = await run(
            ToolrunModel(runtime),
            function_tools([get_weather], runtime),
            vllm.script("malformed-then-right", f"Go {id(runtime)}."),
            streamed=streamed,
        )
        assert runtime.counts["AssistantMessage"] >= 2
        assert any(what.startswith("Retried") for what in runtime.counts)
    assert result.final_output == ANSWER


async def test_litellm_model_loses_the_reasoning_and_toolruns_keeps_it(
    clients: Clients, vllm32: VllmServer, oracle32: Oracle
) -> None:
    question = vllm32.script("one-call", "How warm is Paris?")
    found = {}
    with recording(vllm32.root) as recorder:
        said = clients.run("agents_sdk.py", recorder.url, question, "litellm")
        assert said["answer"] == ANSWER
        found["litellm"] = in_the_last_prompt(recorder, oracle32)
        async with Runtime(base_url=recorder.url, model=vllm32.model) as runtime:
            tools = function_tools([get_weather], runtime)
            await run(ToolrunModel(runtime), tools, question, streamed=False)
        found["toolrun"] = in_the_last_prompt(recorder, oracle32)

    assert found == {"litellm": False, "toolrun": True}


def in_the_last_prompt(recorder: Recorder, oracle: Oracle) -> bool:
    _, second = recorder.steps
    recorder.steps.clear()
    return find_analysis(second.prompt, oracle.encode(REASONING)) > 0
