"""Is a worker of the example ready whose model needs no server?"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from agent_service.ready import Ready

from toolrun import load_config

if TYPE_CHECKING:
    from agent_service.work import Work

    from toolrun.store.contract import Store


async def test_the_embedded_model_is_there_without_a_server() -> None:
    config = load_config(env={"TOOLRUN_MODEL": "nano"})
    ready = Ready(cast("Store", None), cast("Work", None), config)

    assert await ready._model() == "ok"
