"""Is a reasoning found where it fills a message of the analysis channel, and nowhere else?"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from toolrun import AssistantMessage, ChatModel, MalformedOutput, ServerError, Session
from toolrun.models.proof import ANALYSIS_HEADER, END, find_analysis, prove_reasoning

if TYPE_CHECKING:
    from tests.rig.mock import MockServer
    from toolrun.models.door import Door

THOUGHT = (11, 12, 13)
WHOLE = (*ANALYSIS_HEADER, *THOUGHT, END)
FINAL_HEADER = (200005, 17196, 200008)


@pytest.mark.parametrize(
    ("prompt", "position"),
    [
        (WHOLE, 3),
        ((1, 2, *WHOLE, 3), 5),
        ((*ANALYSIS_HEADER, 9, END, *WHOLE), 8),
        ((*ANALYSIS_HEADER, *ANALYSIS_HEADER, *THOUGHT, END), 6),
        ((), -1),
        (THOUGHT, -1),
        ((*FINAL_HEADER, *THOUGHT, END), -1),  # the words are there, in another channel
        ((*ANALYSIS_HEADER, *THOUGHT, 14, END), -1),  # and more: another thought
        ((*ANALYSIS_HEADER, 10, *THOUGHT, END), -1),
        (WHOLE[:-1], -1),
    ],
)
def test_finding(prompt: tuple[int, ...], position: int) -> None:
    assert find_analysis(prompt, THOUGHT) == position


async def test_without_a_server_or_its_ids_there_is_no_proof(mock: MockServer) -> None:
    step = AssistantMessage(reasoning="Why.")

    class Silent:
        async def sample(self, request: object, observe: object = None) -> AssistantMessage:
            return step

        async def aclose(self) -> None: ...

    async with Session(model=Silent()) as chat:
        with pytest.raises(ServerError, match="model is not a server"):
            await chat.prove(step, step)
    async with Session(model=mock.model, base_url=mock.url) as chat:
        with pytest.raises(ServerError, match="return_token_ids"):
            await chat.prove(step, step)


async def test_a_model_behind_chat_completions_proves_by_itself(mock: MockServer) -> None:
    model = ChatModel(mock.url)
    with pytest.raises(ServerError, match="return_token_ids"):
        await model.prove(mock.model, AssistantMessage(reasoning="Why."), AssistantMessage())
    await model.aclose()


@pytest.mark.parametrize("body", [b'{"ids":[1]}', b"[" * 100_000, b'{"tokens":"\xff"}'])
async def test_a_server_that_tokenizes_otherwise_is_a_named_error(body: bytes) -> None:
    class Other:
        base_url = root = "http://host"

        async def post(self, path: str, sent: bytes) -> bytes:
            return body

    with pytest.raises(MalformedOutput, match="/tokenize does not answer as vLLM's does"):
        await prove_reasoning(
            cast("Door", Other()),
            "m",
            AssistantMessage(reasoning="Why."),
            AssistantMessage(prompt_token_ids=(1,)),
        )
