"""Do all ways of sampling bring a conversation to the same transcript, message for message?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.conversations import BY_NAME
from tests.integration.said import WAYS

if TYPE_CHECKING:
    from tests.integration.said import Said
    from tests.rig.inside import Inside
    from tests.rig.server import VllmServer


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("way", [way for way in WAYS if way != "chat"])
def test_a_conversation_comes_to_the_transcript_of_chat_completions(
    vllm: VllmServer, said: Said, way: str, name: str
) -> None:
    via, streamed = WAYS[way]

    seen, ways = said.by(vllm, via, streamed=streamed)[name]
    expected, _ = said.by(vllm, "chat", streamed=False)[name]
    assert seen == expected
    assert ways == ["" if via == "chat" else via]


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("way", ["in-process", "in-process-streamed"])
def test_a_vllm_in_this_process_brings_it_to_the_same_transcript(
    vllm: VllmServer, inside: Inside, said: Said, way: str, name: str
) -> None:
    seen, ways = said.inside(inside, streamed=way.endswith("streamed"))[name]
    expected, _ = said.by(vllm, "chat", streamed=False)[name]
    assert seen == expected
    assert ways == ["harmony"]
