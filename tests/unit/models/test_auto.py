"""When is the way to a server chosen, and on which evidence?

What is chosen at which server is shown in `tests/integration/test_other_servers.py`.
"""

from __future__ import annotations

import pytest

from toolrun import HarmonyModel, ServerTimeout, ServerUnreachable
from toolrun.models.auto import AutoModel
from toolrun.models.chat import ChatModel
from toolrun.models.door import Door, Page
from toolrun.models.ways import Server

SERVER = Server("http://host/v1", dialect="vllm 0.11.0")


def answering(monkeypatch: pytest.MonkeyPatch, *answers: int | Exception) -> None:
    """Have a GET answer so, one after another."""
    left = list(answers)

    async def look(self: Door, path: str, wait: float) -> Page:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Page(answer, {}, b"")

    monkeypatch.setattr(Door, "look", look)


async def test_a_server_that_is_gone_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the way that loses reasoning would be taken for good, for one lost connection."""
    answering(monkeypatch, ServerUnreachable("gone", answered=True), 405)
    model = AutoModel(SERVER)

    with pytest.raises(ServerUnreachable):
        await model._choose()
    assert isinstance(await model._choose(), HarmonyModel)
    await model.aclose()


async def test_a_gateway_that_lets_nothing_through_leaves_chat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, ServerTimeout("silent", "first token"), 404)
    model = AutoModel(SERVER)

    assert isinstance(await model._choose(), ChatModel)
    await model.aclose()
