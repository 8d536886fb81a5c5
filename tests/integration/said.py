"""What did each way of sampling make of the conversations? Sampled once a run, and traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio

from tests.integration import conversations
from tests.integration.conversations import BY_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.inside import Inside
    from tests.rig.server import VllmServer

WAYS: Final = {
    "chat": ("chat", False),
    "chat-streamed": ("chat", True),
    "responses": ("responses", False),
    "responses-streamed": ("responses", True),
    "harmony": ("harmony", False),
    "harmony-streamed": ("harmony", True),
}
"""How a server is asked: the option `via`, and whether it streams."""


class Said:
    """The transcripts of every way, each sampled when it is first asked for.

    Args:
        workspace: with the files that the conversations read.
        traces: a folder; every session is traced into a file of it.
    """

    def __init__(self, workspace: Path, traces: Path) -> None:
        self._workspace = workspace
        self._traces = traces
        self._known: dict[tuple[str, str, bool], dict[str, list[Any]]] = {}

    def by(self, server: VllmServer, via: str, *, streamed: bool) -> dict[str, list[Any]]:
        """What a server came to, by the conversation."""
        key = (server.version, via, streamed)
        if key not in self._known:
            self._known[key] = anyio.run(self._sample, server, via, streamed)
        return self._known[key]

    def inside(self, inside: Inside, *, streamed: bool) -> dict[str, list[Any]]:
        """What a vLLM in its own process came to."""
        key = (inside.version, "in-process", streamed)
        if key not in self._known:
            self._known[key] = inside.call(
                "tests.integration.conversations:in_process",
                workspace=str(self._workspace),
                traces=str(self.traces(inside.version, "in-process", streamed=streamed)),
                streamed=streamed,
            )
        return self._known[key]

    def traces(self, version: str, via: str, *, streamed: bool) -> Path:
        """The folder of the traces of a way: "NAME.jsonl" for each conversation."""
        return self._traces / version / f"{via}{'-streamed' * streamed}"

    async def _sample(self, server: VllmServer, via: str, streamed: bool) -> dict[str, list[Any]]:  # noqa: FBT001
        return await conversations.transcripts(
            tuple(BY_NAME),
            self._workspace,
            traces=self.traces(server.version, via, streamed=streamed),
            streamed=streamed,
            base_url=server.url,
            model=server.model,
            via=via,
        )
