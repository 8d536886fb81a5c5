"""Is the reasoning that a client dropped in its next prompt, by the server's own tokens?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.integration.serving import WEATHER, Served
from tests.rig import leaks
from toolrun.models.proof import find_analysis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.oracle import Oracle
    from tests.rig.server import VllmServer

THOUGHT = "I need the weather in Paris: get_weather knows."
RESULT = '{"degrees": 20}'


@pytest.fixture(scope="module")
def served(vllm: VllmServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("serve"), vllm.url, "--tools", "my_tools.py") as served:
        leaks.KNOWN.add(served.process.pid, served.fds)
        yield served


@pytest.fixture
def front(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def bare(vllm: VllmServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=vllm.url, api_key="any", max_retries=0) as client:
        yield client


def step(client: openai.OpenAI, vllm: VllmServer, messages: list[Any], *, streamed: bool) -> Any:
    """A step of a client that runs its tools: what it keeps of it, and the ids of its prompt."""
    request: dict[str, Any] = {"model": vllm.model, "messages": messages, "tools": [WEATHER]}
    more: Any = {"return_token_ids": True}
    if not streamed:
        reply: Any = client.chat.completions.create(**request, extra_body=more)
        message, ids = reply.choices[0].message, reply.prompt_token_ids
    else:
        ids = None
        with client.chat.completions.stream(**request, extra_body=more) as stream:
            for event in stream:
                if event.type == "chunk":
                    ids = ids or getattr(event.chunk, "prompt_token_ids", None)
            message = stream.get_final_completion().choices[0].message
    calls = [
        {
            "id": each.id,
            "type": "function",
            "function": {"name": each.function.name, "arguments": each.function.arguments},
        }
        for each in message.tool_calls or ()
    ]
    return {"role": "assistant", "content": message.content, "tool_calls": calls}, list(ids)


def second_prompt(client: openai.OpenAI, vllm: VllmServer, *, streamed: bool) -> list[int]:
    """The prompt of the step after a call, where the client drops the reasoning."""
    messages = [{"role": "user", "content": vllm.script("one-call", "How warm is Paris?")}]
    said, _ = step(client, vllm, messages, streamed=streamed)
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": RESULT}
    prompt: list[int]
    answer, prompt = step(client, vllm, [*messages, said, result], streamed=streamed)
    assert answer["content"] == "It is 20 degrees in Paris."
    return prompt


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_the_prompt_has_the_reasoning_through_the_front_and_not_without(
    front: openai.OpenAI, bare: openai.OpenAI, vllm: VllmServer, oracle: Oracle, *, streamed: bool
) -> None:
    thought = oracle.encode(THOUGHT)
    assert find_analysis(second_prompt(front, vllm, streamed=streamed), thought) > 0
    assert find_analysis(second_prompt(bare, vllm, streamed=streamed), thought) == -1


def test_calls_that_became_text_are_calls_again(
    front: openai.OpenAI, bare: openai.OpenAI, vllm: VllmServer, oracle: Oracle
) -> None:
    """As smolagents sends them."""
    user = {"role": "user", "content": vllm.script("one-call", "How warm is Paris?")}
    prompts = []
    for client in (front, bare):
        said, _ = step(client, vllm, [user], streamed=False)
        flat = [
            {"role": "assistant", "content": f"Calling tools:\n{said['tool_calls']}"},
            {"role": "user", "content": f"Observation:\n{RESULT}"},
        ]
        prompts.append(step(client, vllm, [user, *flat], streamed=False)[1])
    thought = oracle.encode(THOUGHT)
    assert find_analysis(prompts[0], thought) > 0
    assert prompts[0] == second_prompt(front, vllm, streamed=False)
    assert find_analysis(prompts[1], thought) == -1


def test_responses_get_it_back_as_well(front: openai.OpenAI, vllm: VllmServer) -> None:
    tool: Any = {"type": "function", **WEATHER["function"]}
    given: list[Any] = [{"role": "user", "content": vllm.script("one-call", "How warm is Paris?")}]
    used = []
    for keeps in (True, False):
        first = front.responses.create(model=vllm.model, input=given, tools=[tool])
        kept: list[Any] = [item.model_dump(exclude_none=True) for item in first.output]
        call = kept[-1]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": RESULT}
        back = [*given, *(kept if keeps else [call]), result]
        second = front.responses.create(model=vllm.model, input=back, tools=[tool])
        assert second.output_text == "It is 20 degrees in Paris."
        assert second.usage is not None
        used.append(second.usage.input_tokens)
    assert used[0] == used[1]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_the_servers_tools_run_for_a_client_that_has_none(
    front: openai.OpenAI, vllm: VllmServer, *, streamed: bool
) -> None:
    said: list[Any] = [{"role": "user", "content": vllm.script("preamble", "How warm is Paris?")}]
    if streamed:
        with front.chat.completions.stream(model=vllm.model, messages=said) as stream:
            stream.until_done()
            content = stream.get_final_completion().choices[0].message.content
    else:
        reply = front.chat.completions.create(model=vllm.model, messages=said)
        content = reply.choices[0].message.content
    assert content == "I will look it up.\n\nIt is 20 degrees in Paris."
