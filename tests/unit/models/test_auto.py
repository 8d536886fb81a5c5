"""When is the way to a server chosen, and on which evidence?

What is chosen at which server is shown in `tests/integration/test_other_servers.py`.
"""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec import structs

from toolrun import HarmonyModel, ServerTimeout, ServerUnreachable
from toolrun.models.auto import AutoModel, keeping
from toolrun.models.chat import ChatModel
from toolrun.models.dialects import GENERIC
from toolrun.models.door import Door, Page
from toolrun.models.ways import Server

SERVER = Server("http://host/v1", dialect="vllm 0.11.0")


def answering(monkeypatch: pytest.MonkeyPatch, *answers: int | Exception) -> None:
    """Have a GET answer so, one after another."""
    left = list(answers)

    async def look(self: Door, path: str, wait: float) -> Page:
        answer = left.pop(0)
        await checkpoint()
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


async def test_whoever_comes_while_it_is_chosen_gets_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, 405)  # one question, and no more
    model = AutoModel(SERVER)
    chosen = []

    async def choose() -> None:
        chosen.append(await model._choose())

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(choose)
    assert isinstance(chosen[0], HarmonyModel)
    assert len({id(each) for each in chosen}) == 1
    await model.aclose()


def test_a_server_that_keeps_the_reasoning_nowhere_else_is_asked_by_chat() -> None:
    bare = structs.replace(GENERIC, reasoning_taken=(), tokens=False, responses=False)
    assert bare.takes_reasoning is False
    assert list(keeping(bare)) == []
