"""Do all ways of sampling bring a conversation to the same transcript, message for message?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from tests.integration import conversations
from tests.integration.conversations import BY_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.inside import Inside
    from tests.rig.server import VllmServer

WAYS: Final = {
    "chat-streamed": ("chat", True),
    "responses": ("responses", False),
    "responses-streamed": ("responses", True),
    "harmony": ("harmony", False),
    "harmony-streamed": ("harmony", True),
}
"""What is compared with Chat Completions, unstreamed."""


class Said:
    """The transcripts of every way, each sampled when it is first asked for."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._known: dict[tuple[str, str, bool], dict[str, list[Any]]] = {}

    def by(self, server: VllmServer, via: str, *, streamed: bool) -> dict[str, list[Any]]:
        key = (server.version, via, streamed)
        if key not in self._known:
            self._known[key] = anyio.run(self._sample, server, via, streamed)
        return self._known[key]

    def inside(self, inside: Inside, *, streamed: bool) -> dict[str, list[Any]]:
        key = (inside.version, "in-process", streamed)
        if key not in self._known:
            self._known[key] = inside.call(
                "tests.integration.conversations:in_process",
                workspace=str(self._workspace),
                streamed=streamed,
            )
        return self._known[key]

    async def _sample(self, server: VllmServer, via: str, streamed: bool) -> dict[str, list[Any]]:  # noqa: FBT001
        return await conversations.transcripts(
            tuple(BY_NAME),
            self._workspace,
            streamed=streamed,
            base_url=server.url,
            model=server.model,
            via=via,
        )


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    workspace = tmp_path_factory.mktemp("workspace")
    for folder in (workspace, *workspace.parents[:2]):
        folder.chmod(0o755)
    return Said(conversations.prepare(workspace))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("way", WAYS)
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
