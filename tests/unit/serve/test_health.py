"""How often is the server behind asked for its health, by whoever asks the front?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from toolrun import Runtime, ServerUnreachable
from toolrun.serve.failures import Failure
from toolrun.serve.front import Front, Serving
from toolrun.serve.keys import Keys
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from toolrun.models.chat import ChatModel
    from toolrun.serve.exchange import Exchange


class Behind:
    """A server that takes its time to answer, or to fail."""

    def __init__(self, *, fails: bool) -> None:
        self.door = self
        self.asked = 0
        self._fails = fails

    async def get(self, path: str) -> bytes:
        assert path == "/models"
        self.asked += 1
        await anyio.sleep(0.05)  # so that all others ask meanwhile
        if self._fails:
            raise ServerUnreachable("gone")
        return b"{}"


class Asking:
    """A request for health, as far as the front looks at it."""

    def __init__(self) -> None:
        self.out = self
        self.status = 0

    async def json(self, status: int, value: object) -> None:
        del value
        self.status = status


@pytest.mark.parametrize("fails", [False, True])
async def test_many_who_ask_at_once_have_the_server_asked_once(*, fails: bool) -> None:
    behind = Behind(fails=fails)
    statuses: list[int] = []
    async with Runtime(model=ScriptedModel()) as runtime:
        front = Front(runtime, [cast("ChatModel", behind)], Keys({}), Serving(model="m"))

        async def ask() -> None:
            asking: Any = Asking()
            try:
                await front.ready(cast("Exchange", asking))
                statuses.append(asking.status)
            except Failure as failure:
                statuses.append(failure.status)

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(ask)

    assert statuses == [503 if fails else 200] * 50
    assert behind.asked == 1
