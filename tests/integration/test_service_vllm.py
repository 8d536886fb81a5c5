"""Does the service of docs/examples/service lead a conversation with a real vLLM?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.serviced import Worker, kinds, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.server import VllmServer


def test_a_conversation_with_a_tool(vllm32: VllmServer, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/agents.db"
    with (
        Worker(tmp_path, store, vllm32.url, TOOLRUN_MODEL=vllm32.model) as worker,
        worker.ready().client() as client,
    ):
        session = client.new()
        after = client.ask(session, vllm32.script("one-call", "How warm is it in Paris?"))
        heard = client.until(session, "TurnFinished", after)
        ready = client.get("/health/ready")

    assert kinds(heard) == [
        "UserMessage",
        "ReasoningDelta",
        "AssistantMessage",
        "ToolCallStarted",
        "ToolCallFinished",
        "ReasoningDelta",
        "TextDelta",
        "AssistantMessage",
        "TurnFinished",
    ]
    assert text_of(heard) == "It is 20 degrees in Paris."
    [result] = [event for _, event in heard if event["type"] == "ToolCallFinished"]
    assert result["content"] == "20 degrees C in Paris (asked by acme)"
    assert ready["status"] == "ok"
