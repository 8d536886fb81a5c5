"""Does the reasoning come back to the model from other people's agents, directly and through
`toolrun serve`? Real LangChain, smolagents, Strands and Agents SDK on a real vLLM.

The proof is the prompt that vLLM sampled the second step from: it has the first step's reasoning as
a message of its own in the analysis channel, token for token, or it has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.serving import Served
from tests.rig import framework_page
from tests.rig.framework_page import Row, told
from tests.rig.recorder import Recorder, recording
from toolrun.models.proof import find_analysis

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.clients import Clients
    from tests.rig.oracle import Oracle
    from tests.rig.server import VllmServer

REASONING: Final = "I need the weather in Paris: get_weather knows."
ANSWER: Final = "It is 20 degrees in Paris."
FRAMEWORKS: Final[dict[str, tuple[str, ...]]] = {
    "LangChain (LangGraph)": ("langchain_agent.py",),
    "LangChain (LangGraph), streamed": ("langchain_agent.py", "stream"),
    "OpenAI Agents SDK, Chat Completions": ("agents_sdk.py", "chat"),
    "OpenAI Agents SDK, LitellmModel": ("agents_sdk.py", "litellm"),
    "smolagents": ("smolagents_agent.py",),
    "Strands, streamed": ("strands_agent.py",),
}
KEEPS: Final = {"OpenAI Agents SDK, Chat Completions"}
"""Those that send the reasoning back by themselves."""


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.timeout(300, func_only=True)
def test_a_framework_keeps_the_reasoning_through_toolrun_serve(
    clients: Clients, vllm32: VllmServer, oracle32: Oracle, tmp_path: Path, framework: str
) -> None:
    script, *how = FRAMEWORKS[framework]
    question = vllm32.script("one-call", "How warm is Paris?")
    wanted = oracle32.encode(REASONING)
    found: list[int] = []
    with recording(vllm32.root) as recorder, Served(tmp_path, recorder.url) as front:
        for url in (recorder.url, front.url):
            recorder.steps.clear()
            said = clients.run(script, url, question, *how)
            assert said["answer"] == ANSWER
            found.append(reasoning_in_the_second_prompt(recorder, wanted))
    versions = ", ".join(f"{name} {version}" for name, version in said["versions"].items())

    assert found == [len(wanted) if framework in KEEPS else 0, len(wanted)]
    row = Row(versions, *(told(each, len(wanted)) for each in found))
    if framework_page.WRITES:
        framework_page.write({framework: row})
    assert framework_page.read()[framework] == row


def reasoning_in_the_second_prompt(recorder: Recorder, wanted: list[int]) -> int:
    """How many tokens of the first step's reasoning the second was sampled from: all or none."""
    first, second = recorder.steps
    assert len(second.prompt) == second.prompt_tokens > len(first.prompt) > 0
    return len(wanted) if find_analysis(second.prompt, wanted) > 0 else 0


def test_the_page_has_a_row_for_each_framework() -> None:
    assert set(framework_page.read()) == set(FRAMEWORKS)
